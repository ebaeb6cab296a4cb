"""Several local workers: processes of this machine that train one net together, as machines of a cluster would.

``worker.py`` is such a process, ``crew.py`` starts them and sees to their end, ``comparison.py`` holds both wings with several
workers against each other and against one process.
"""
