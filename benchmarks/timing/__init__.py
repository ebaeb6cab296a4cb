"""What ``benchmarks/speed.py`` runs. ``parts.py`` lists the parts; each measures in a process of its own and hands back figures,
which are numbers only. ``page.py`` writes them as ``docs/benchmarks.md``.

Frameworks are imported inside functions: a process imports those that it measures.
"""
