"""Keras's scikit-learn wrapper is cloned, as every search does, and its arguments of `fit` are gone.

`SKLearnClassifier(model, fit_kwargs={"epochs": 3})` hands its model to a clone and not its `fit_kwargs`. So a grid search
trains for the default single epoch, whatever was asked for, and reports scores. The wrapper has no `predict_proba` either, so
that scores of probabilities are refused.

Instead: make the clone of all parameters, or write the estimator yourself.

Seen: a clone has other parameters than the original (`get_params`).
"""

from typing import Any

import keras

from lockstep.traps import Effect, Trap


class Whole(keras.wrappers.SKLearnClassifier):
    """The wrapper, whose clones have all its parameters."""

    def __sklearn_clone__(self) -> "Whole":
        return type(self)(self.model, self.warm_start, self.model_kwargs, self.fit_kwargs)


def wrong(model: Any) -> Any:
    """A classifier that is to train for three epochs."""
    return keras.wrappers.SKLearnClassifier(model, fit_kwargs={"epochs": 3})


def right(model: Any) -> Any:
    """A classifier that is to train for three epochs."""
    return Whole(model, fit_kwargs={"epochs": 3})


def make(X: Any, y: Any) -> keras.Model:
    """A net for the wrappers."""
    model = keras.Sequential([keras.Input((X.shape[1],), name="input"), keras.layers.Dense(1, name="L1")], name="net")
    model.compile(keras.optimizers.SGD(name="sgd"), keras.losses.MeanSquaredError(name="loss"), run_eagerly=True)
    return model


def measure() -> Effect:
    """The epochs that a clone trains for by its parameters, and whether there is `predict_proba`."""
    from sklearn.base import clone

    numbers = {"probabilities": hasattr(wrong(make), "predict_proba")}
    for name, half in (("wrong", wrong), ("right", right)):
        numbers[f"{name} epochs"] = (clone(half(make)).fit_kwargs or {"epochs": 1})["epochs"]
    return Effect(
        "asked for 3 epochs, a clone has {wrong epochs}, not {right epochs}; predict_proba: {probabilities}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="clone-drops-fit-arguments",
    text=__doc__,
    source="Keras 3",
    met="keras-team/keras#21547",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
