"""The file formats beside ``.weights.h5``: ``.keras`` archives, safetensors and ONNX, each from specs and arrays alone.

A format says which numbers stand where, and which operations follow on each other; nothing is computed here. What a reader makes
of such a file is compared with the net's own logits (``lockstep/interchange.py``).
"""
