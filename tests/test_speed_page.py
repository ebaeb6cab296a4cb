"""``benchmarks/speed.py``: slopes from a made-up clock, the page from made-up figures, and peers that do the same work.

Nothing is timed here.
"""

import importlib
import json
import re
from importlib import util
from pathlib import Path

import numpy as np
import pytest

import lowlevel

ROOT = Path(__file__).parents[1]
MACHINE = {"python": "3.11.0", "system": "Linux x86_64", "cores": 2, "versions": {"tensorflow": "2.21.0", "torch": None}}


@pytest.fixture
def timing(monkeypatch):
    """Imports a module of ``benchmarks/timing``."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return lambda name: importlib.import_module(f"timing.{name}")


# -------------------------------------------------------------------------------------------------------------- slopes


class Clock:
    """Time that passes only while something trains: so much at the first training, once a training, and an epoch."""

    def __init__(self, first: float, once: float, epoch: float):
        self.now, self.first, self.once, self.epoch, self.fits = 0.0, first, once, epoch, []

    def __call__(self) -> float:
        return self.now

    def fit(self, epochs: int) -> None:
        self.now += self.once + epochs * self.epoch + (0 if self.fits else self.first)
        self.fits.append(epochs)


def test_a_slope_is_the_time_of_an_epoch_and_nothing_else(timing):
    slopes = timing("slopes")
    clock = Clock(first=5.0, once=0.25, epoch=0.125)
    runner = slopes.ready(clock.fit, 1.0, clock=clock)
    assert (runner.short, runner.long, runner.first) == (1, 8, 5.375)
    slopes.in_turn([runner], 3, clock)
    assert runner.slopes == [0.125] * 3
    assert runner.fixed == [0.25] * 3
    assert runner.compiling == 5.0
    assert clock.fits[-9:] == [1, 1, 8] * 3  # the first of a turn is not counted


def test_a_clock_that_says_nonsense_makes_no_endless_training(timing):
    """On a busy machine a long training may seem to take no longer than a short one."""
    slopes = timing("slopes")
    clock = Clock(first=0.0, once=0.5, epoch=0.0)
    assert slopes.ready(clock.fit, 1.0, clock=clock).long <= 16


def test_a_disturbed_round_is_measured_again(timing):
    slopes = timing("slopes")
    clock, disturbances = Clock(0.0, 0.0, 1.0), iter([0.0, 9.0])

    def fit(epochs):
        clock.fit(epochs)
        clock.now += next(disturbances, 0.0)

    runner = slopes.Runner(fit, 1, 3)
    slopes.once(runner, clock)
    assert runner.slopes == [1.0]
    assert clock.fits == [1, 1, 3, 1, 3]


def test_what_the_first_training_of_a_turn_costs_more_is_in_no_slope(timing):
    clock, runner = Clock(0.0, 0.0, 1.0), timing("slopes").Runner(None, 1, 3)

    def fit(epochs):
        clock.fit(epochs)
        clock.now += 0.5 if len(clock.fits) == 1 else 0.0

    runner.fit = fit
    timing("slopes").once(runner, clock)
    assert (runner.slopes, runner.fixed) == ([1.0], [0.0])


def test_long_trainings_are_multiples_of_short_ones(timing):
    clock = Clock(first=0.0, once=0.0, epoch=0.01)
    runner = timing("slopes").ready(clock.fit, 0.34, unit=10, clock=clock)
    assert (runner.short, runner.long) == (10, 30)
    assert timing("slopes").ready(clock.fit, 0.0, least=5, clock=clock).long == 5


def test_contenders_run_in_turn(timing):
    slopes = timing("slopes")
    clock, seen = Clock(0.0, 0.0, 1.0), []

    def contender(name):
        def fit(epochs):
            clock.fit(epochs)
            seen.append((name, epochs))

        return slopes.Runner(fit, 1, 2)

    slopes.in_turn([contender("A"), contender("B")], 2, clock)
    assert seen == [("A", 1), ("A", 1), ("A", 2), ("B", 1), ("B", 1), ("B", 2)] * 2


def test_ratios_are_of_the_same_round(timing):
    assert timing("slopes").ratios([2.0, 4.0, 6.0], [1.0, 1.0, 3.0]) == (2.0, 2.0, 4.0)


def test_exponents_of_known_laws(timing):
    sweeps = timing("sweeps")
    sizes = [600, 1900, 6000, 19000, 60000]
    assert sweeps.exponent(sizes, [3e-4 * size for size in sizes]) == pytest.approx(1.0)
    assert sweeps.exponent([1, 10, 100], [1.0, 10.0, 1000.0], 10) == pytest.approx(2.0)
    a, b, c = sweeps.law(sizes, [0.5 + 1e-4 * size**1.1 for size in sizes])
    assert (a, b, c) == (pytest.approx(0.5, rel=1e-3), pytest.approx(1e-4, rel=1e-2), pytest.approx(1.1))


def test_limit_counts_the_products_of_forward_and_backward(timing):
    job = timing("jobs").JOBS["digits"]
    found = timing("limit").products(job)
    names = ", ".join(name for name, *_ in found)
    assert names == "forward 1, kernel 1, forward 2, kernel 2, back 2, forward 3, kernel 3, back 3"
    assert found[1][1:] == ((400, 32, 25), True, False)
    assert found[4][1:] == ((32, 15, 25), False, True)
    assert job.parameters == 10575


def test_the_limit_is_measured_with_each_library(timing):
    """XLA leaves nothing out of the loops: time grows with their rounds, else this would not come to an end."""
    limit = timing("limit")
    product = limit.product((256, 512, 512), False, False, quick=True)  # long beside its loop
    assert {"NumPy", "TensorFlow", "XLA"} <= set(product)
    update = limit.update(500_000, quick=True)
    assert {"TensorFlow", "XLA"} <= set(update)
    assert all(0 < seconds < 1 for seconds in (*product.values(), *update.values()))


def test_a_profile_finds_the_operations_of_a_step(timing):
    """Some of each kind; and a loop, which holds others, is none."""
    profile = timing("profile")
    (within,) = profile.one("lowlevel", "digits", 1, quick=True)["within"]
    assert all(within.values())
    for loop in ("while.214", "while:While", "call.3", "conditional", "__inference_epochs_943:__inference_epochs_943"):
        assert profile._AROUND.match(loop)
    for step in ("MatMul.95", "while/body/_1/while/GatherV2:GatherV2", "wrapped_log"):
        assert not profile._AROUND.match(step)


# --------------------------------------------------------------------------------------------------------------- peers


@pytest.mark.parametrize("name", ["by_numpy", "by_numba", "by_jax"])
def test_peers_do_the_work_of_the_low_level_trainer(timing, name):
    """After 1 step and after 5 each weight, which moves by up to 1e-3 a step, is within 1e-6 of the trainer's; so is the loss."""
    package = name.removeprefix("by_")
    if util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    job = timing("jobs").Job("random", (20, 9, 7, 5), 24, 24)  # one batch an epoch
    trainer = lowlevel.Trainer(*job.specs())
    first = trainer.weights()
    peer = timing(f"peers.{name}").Net(job, *job.data, weights=first)
    for steps in (1, 4):
        peer.fit(steps)
        history = trainer.fit(job.data, epochs=steps)
        for start, ours, theirs in zip(first, trainer.weights(), peer.weights, strict=True):
            theirs = np.asarray(theirs)
            assert theirs.dtype == np.float32
            assert np.abs(ours - start).max() > 5e-4
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6)
        assert peer.loss == pytest.approx(history.loss[-1], abs=1e-6)
        assert peer.accuracy == pytest.approx(history.accuracy[-1], abs=1e-6)


def test_a_smaller_last_batch_is_trained_too(timing):
    """By the mean of its own losses."""
    job = timing("jobs").Job("random", (20, 9, 7, 5), 30, 24)
    x, y = job.data
    trainer = lowlevel.Trainer(*job.specs())
    peer = timing("peers.by_numpy").Net(job, x, y, weights=trainer.weights())
    order = np.random.default_rng(2).permutation(30)  # the peer's own first order
    peer.fit(1)
    trainer.fit((x, y), plan=order[None], epochs=1)
    assert peer.t == 2
    for ours, theirs in zip(trainer.weights(), peer.weights, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6)


# ---------------------------------------------------------------------------------------------------------------- page


def made_up(timing) -> dict:
    """Figures of every part: plain fit takes 2, 4 and 6 ms an epoch, every other contender half of that."""
    contenders, jobs = timing("contenders"), timing("jobs").JOBS

    def training(name):
        job = jobs[name]
        runs = {
            key: {
                "epochs": [1, 2],
                "slopes": [0.002, 0.004, 0.006] if key == contenders.REFERENCE else [0.001, 0.002, 0.003],
                "fixed": 0.05,
                "compiling": 1.5,
            }
            for key in contenders.CONTENDERS
            if key != "numba"
        }
        shape = {"sizes": list(job.sizes), "rows": job.rows, "batch": job.batch, "steps": job.steps, "parameters": job.parameters}
        return {**shape, "contenders": runs, "left out": {"numba": "not installed"}}

    products = timing("limit").products
    both = {"NumPy": 2e-6, "TensorFlow": 1e-6, "XLA": 4e-6}
    limit = {
        name: [
            *({"name": what, "shape": list(shape), "seconds": both} for what, shape, *_ in products(job)),
            {"name": "Adam", "shape": [job.parameters], "seconds": {"TensorFlow": 3e-6, "XLA": 5e-6}},
        ]
        for name, job in jobs.items()
    }
    kinds = dict.fromkeys(timing("profile").KINDS, 2e-6)
    step = {"wing": "low-level", "job": "digits", "plain": [1e-5, 1e-5], "watched": [1.5e-5, 1.5e-5], "within": [kinds, kinds]}
    side = {"plain": {"compiling": 0.5, "epoch": 0.02}, "xla": {"compiling": 1.5, "epoch": 0.01}}
    slower = {"plain": {"compiling": 0.5, "epoch": 0.02}, "xla": {"compiling": 1.5, "epoch": 0.03}}
    rule = {"points": [{"parameters": 832, **side}, {"parameters": 10285, **slower}]}
    process = {
        "epochs": 40,
        "rows": 5000,
        "contenders": {
            "low-auto": {"whole": [4.0, 4.0], "import": [3.0, 3.0], "memory": [500.0, 510.0]},
            "keras-fit": {"whole": [8.0, 8.0], "import": [4.0, 4.0], "memory": [600.0, 600.0]},
        },
        "left out": {"jax-scan": "not installed"},
    }
    inference = timing("inference")
    one = {key: {"calls": 100, "median": 1e-4, "tenths": [9e-5, 2e-4]} for key in inference.ONE}
    million = {"rows": 10**6, "contenders": {key: {"seconds": [2.0], "growth": [40.0]} for key in inference.PREDICTORS}}
    sweep = {"points": [10, 100, 1000], "contenders": {"low-auto": [[10, [0.1, 0.2]], [100, [1.0, 1.0]], [1000, [10.0, 11.0]]]}}
    watchers = timing("observers").WATCHERS
    wing = {watcher: [0.02, 0.02] if watcher == "nothing" else [0.021, 0.022] for watcher in watchers}
    observed = {"rows": 5000, "steps": 157, "epochs": [10, 60], "wings": {"low": wing, "high": wing}}
    parts = {
        **{f"jobs.{name}": training(name) for name in jobs},
        "limit": limit,
        "profile": {"lowlevel.digits": step},
        "rule": rule,
        "process": process,
        "predict.one": one,
        "predict.million": million,
        **{f"sweeps.{name}": sweep for name in timing("sweeps").POINTS},
        "observers.digits": observed,
        "observers.large": observed,
    }
    assert list(parts) == list(timing("parts").PARTS)
    return {
        "parts": {
            name: {"quick": False, "rounds": 3, "seconds": 1.0, "machine": MACHINE, "figures": json.loads(json.dumps(figures))}
            for name, figures in parts.items()
        }
    }


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every table of a Markdown text."""
    found = re.findall(r"(?:^\|.*\|\n)+", text + "\n", re.MULTILINE)
    return [[[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines()] for part in found]


def test_page_says_what_the_figures_say(timing, tmp_path):
    pytest.importorskip("matplotlib")
    path = timing("page").write(made_up(timing), tmp_path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Benchmarks\n")
    assert "Linux x86_64, 2 cores, no GPU used, Python 3.11.0; tensorflow 2.21.0, torch not installed" in text
    assert "--quick" not in text
    for each in tables(text):
        assert len({len(row) for row in each}) == 1
    text = text.replace("\N{MULTIPLICATION SIGN}", "x")
    rows = {tuple(row) for each in tables(text) for row in each}
    assert ("low-level, `auto`", "2.0x", "2.0x to 2.0x", "12.7", "50", "1.5") in rows  # 2 ms by 157 steps
    assert ("Keras `fit`, plain", "1.00x", "1.00x to 1.00x", "25.5", "50", "1.5") in rows
    assert ("**sum**", "**11**", "**11**", "**11**") in rows  # eight products of 1 and Adam's 3
    assert ("the sum where XLA does all of it", "37", "37", "37") in rows
    assert ("low-level, digits", "10", "15", "2", "2", "2", "9") in rows
    assert ("832", "500", "1,500", "20", "10", "2.0x", "100") in rows  # a second by 10 ms
    assert ("10,285", "500", "1,500", "20", "30", "0.67x", "never") in rows
    assert ("numba by hand", "not run", "not run", "not run") in rows
    assert "- numba by hand: not run: not installed" in text
    assert ("low-level, `auto`", "2.0x", "4.00", "3.00", "1.00", "505") in rows
    assert ("low-level", "`EarlyStopping`", "+1,500", "+1,000 to +2,000", "+7.5") in rows
    assert any(row[1:6] == ("low-level, `auto`", "10 to 1,000", "100 to 10,000", "1.00", "1.00") for row in rows)
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        picture = tmp_path / target
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < 200_000
    assert sorted(one.name for one in (tmp_path / "pictures").iterdir()) == ["benchmarks-jobs.png", "benchmarks-sweeps.png"]


def test_page_keeps_what_a_person_wrote(timing):
    page, blocks = timing("page"), timing("tables").blocks
    figures = made_up(timing)
    first = page.merged("", blocks(figures))
    assert page.merged(first, blocks(figures)) == first
    by_hand = first.replace("## The limit\n", "## The limit\n\nWhat limits it is memory.\n").replace("µs a step", "lost")
    again = page.merged(by_hand, blocks(figures))
    assert again == first.replace("## The limit\n", "## The limit\n\nWhat limits it is memory.\n")


def test_page_takes_a_part_that_comes_later_in_its_place(timing):
    page, blocks = timing("page"), timing("tables").blocks
    figures = made_up(timing)
    whole = page.merged("", blocks(figures))
    limit = figures["parts"].pop("limit")
    without = page.merged("", blocks(figures))
    assert "## The limit" not in without
    figures["parts"]["limit"] = limit
    assert page.merged(without, blocks(figures)) == whole


def test_the_page_that_ships_has_the_figures_that_are_kept(timing):
    keep = ROOT / "benchmarks" / "figures.json"
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    figures = timing("run").read(keep)
    assert not any(part["quick"] for part in figures["parts"].values())
    assert timing("page").merged(page, timing("tables").blocks(figures)) == page


def test_quick_figures_are_called_so(timing):
    figures = made_up(timing)
    figures["parts"]["limit"]["quick"] = True
    assert "**Measured with `--quick`, on tiny sizes: limit. Not results.**" in timing("tables").blocks(figures)["run"][1]


# --------------------------------------------------------------------------------------------------------------- parts


def test_parts_are_named_by_name_or_beginning(timing):
    named = timing("parts").named
    assert named([]) == list(timing("parts").PARTS)
    assert named(["limit", "jobs"]) == ["jobs.digits", "jobs.signs", "jobs.large", "limit"]
    with pytest.raises(ValueError, match=r"Received: 'job'\."):
        named(["job"])


def test_a_broken_off_run_goes_on_with_what_is_left(timing, tmp_path, monkeypatch):
    run = timing("run")
    ran = []

    def measure(command, **options):
        ran.append(command[3])
        if command[3] == "predict.one" and ran.count("predict.one") == 1:
            raise KeyboardInterrupt
        Path(command[-1]).write_text(json.dumps({"of": command[3]}))

    monkeypatch.setattr(run.subprocess, "run", measure)
    keep = tmp_path / "figures.json"
    names = ["limit", "predict.one", "process"]
    with pytest.raises(KeyboardInterrupt):
        run.run(names, keep, 3, False, again=False)
    figures = run.run(names, keep, 3, False, again=False)
    assert ran == ["limit", "predict.one", "predict.one", "process"]
    assert run.read(keep) == figures
    assert figures["parts"]["process"]["figures"] == {"of": "process"}
    run.run(["limit"], keep, 3, False, again=True)
    run.run(["limit"], keep, 3, True, again=False)  # kept at full size, asked for at a tiny one
    assert ran[4:] == ["limit", "limit"]
