"""The pages on tuning and on categories: their Python runs as it stands, and the experiment on overfitting ends as stated."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from shared import load_digits

ROOT = Path(__file__).resolve().parents[1]


def program(page):
    """The Python of a page, run in one namespace."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    names = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    return names


def test_S1_14_three_columns_of_categories_become_nine_and_both_wings_train_on_them():
    names = program("categories.md")
    x, people, categories = names["x"], names["people"], names["categories"]
    by_hand = [[float(value == kind) for value, kinds in zip(row, categories, strict=True) for kind in kinds] for row in people]
    assert x.tolist() == by_hand
    assert [len(kinds) for kinds in categories] == [2, 3, 4]
    assert x.sum(axis=1).tolist() == [3] * 24
    assert len(np.unique(x, axis=0)) == 24
    assert names["report"].max_ulp == 0
    with pytest.raises(ValueError, match="unknown categories"):
        names["encoder"].transform([["male", "US", "Opera"]])


@pytest.fixture(scope="module")
def overfitting():
    return runpy.run_path(str(ROOT / "benchmarks" / "overfitting.py"))


def test_S1_13_the_experiment_is_as_stated(overfitting):
    data, digits = overfitting["small_digits"](0), load_digits()
    assert (data.x_train.shape, data.x_test.shape) == ((300, 400), (10000, 400))
    true = [digits.y_train[(digits.x_train == row).all(axis=1)][0, 0] for row in data.x_train]
    assert np.bincount(true).tolist() == [30] * 10
    assert (data.y_train != true).sum() == 60
    assert np.bincount(np.array(true)[data.y_train != true]).tolist() == [6] * 10
    names = [variant.name for variant in overfitting["variants"](data)]
    assert len(set(names)) == len(names) >= 6
    assert {"nothing", "early stopping", "L2, 0.01", "dropout, 0.3"} <= set(names)


@pytest.mark.long
def test_S1_13_early_stopping_l2_and_dropout_narrow_the_gap(overfitting):
    data = overfitting["small_digits"](0)
    nothing, *remedies = (overfitting["measure"](variant, data) for variant in overfitting["variants"](data))
    assert nothing.gap > 0.2
    for remedy in remedies:
        assert remedy.gap < nothing.gap - 0.05, remedy
        assert remedy.test_accuracy > nothing.test_accuracy - 0.02, remedy  # not bought with test accuracy
