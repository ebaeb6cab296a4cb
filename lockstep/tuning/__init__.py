"""Tuning: draw hyperparameters at random, train a net for each draw, look closer where it went well.

Reading order: ``samplers`` (on which scale a number is drawn), ``space`` (all of them together), ``run`` (the search itself),
``worker`` (one net in a process of its own), ``cluster`` (on other machines), ``result``, ``picture``; ``panda`` (one net,
watched while it trains).
Source: S1, hyperparameter tuning.
"""

from lockstep.tuning.panda import Stage, Watched, lower_on_rise, panda
from lockstep.tuning.result import Point, SearchResult
from lockstep.tuning.run import search
from lockstep.tuning.samplers import Choice, IntUniform, LogUniform, OneMinusLogUniform, Sampler, Uniform
from lockstep.tuning.space import COURSE, Space

__all__ = [
    "COURSE",
    "Choice",
    "IntUniform",
    "LogUniform",
    "OneMinusLogUniform",
    "Point",
    "Sampler",
    "SearchResult",
    "Space",
    "Stage",
    "Uniform",
    "Watched",
    "lower_on_rise",
    "panda",
    "search",
]
