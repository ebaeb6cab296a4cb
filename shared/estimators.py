"""What the scikit-learn estimators of both wings share: parameters, checks, labels, weights of examples, the fitted state.

How a net computes and learns is the wing's, behind ``trainers``. A fitted estimator holds specs and NumPy arrays and nothing of
TensorFlow, so it can be copied, pickled and sent to other processes; for each call its state is put into a trainer.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from shared.batches import BatchPlan
from shared.errors import InputError
from shared.records import History, State
from shared.spec import L1L2Spec, ModelSpec, ScheduleSpec, TrainSpec, require, slot_names
from shared.spec.rules import MOST, number, shown, whole
from shared.trainers import Trainers

Goal = tuple[np.ndarray, int, str, dict[str, Any]]  # targets, outputs of the net, its loss, attributes to set in the end


class Net(BaseEstimator, ABC):
    """Parameters, ``fit`` and what it leaves; ``Classifier`` and ``Regressor`` say what the targets are.

    Attributes:
        model_, train_: the specs that were trained.
        state_: weights, optimiser and masks after the last epoch (``shared.records.State``).
        weights_: list of arrays in Keras's order: kernel (inputs, units), bias (units,), layer by layer.
        history_: curves by name, one float an epoch: ``loss``, ``accuracy`` or ``mean_absolute_error``, and with early
            stopping the same with ``val_``.
        n_iter_: epochs trained, over all calls that continued.
        n_features_in_, feature_names_in_: scikit-learn's.
    """

    trainers: ClassVar[Trainers]
    model_: ModelSpec
    train_: TrainSpec
    state_: State
    history_: dict[str, list[float]]
    n_iter_: int

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (100,),
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        l2: float = 0.0,
        optimizer: str = "adam",
        learning_rate: float | ScheduleSpec = 1e-3,
        momentum: float = 0.0,
        epochs: int = 200,
        batch_size: int = 200,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        """Keep the parameters; ``fit`` checks them.

        Args:
            hidden_layer_sizes: units of each hidden layer; ``()`` for none, a number for one layer.
            activation: of the hidden layers.
            dropout: the share of numbers after each hidden layer that training sets to 0.
            l2: factor of the sum of the squares of each kernel, as in Keras; scikit-learn's ``alpha`` is halved and divided by
                the number of rows.
            optimizer: Keras's name of the update rule.
            learning_rate: a number, or a schedule's spec.
            momentum: of SGD and RMSprop.
            epochs: how often ``fit`` goes through the rows; the most where it stops early.
            batch_size: rows a step; where there are fewer, all.
            shuffle: whether every epoch has an order of its own.
            early_stopping: hold rows back, stop when their loss no longer falls, and take the weights of its best epoch.
            validation_fraction: the share of the rows that is held back; of every class alike.
            n_iter_no_change: epochs without a better loss before training stops.
            tol: by how much the loss must fall to be better.
            warm_start: whether a second ``fit`` continues the first: weights, optimiser, order and masks as in one training.
            random_state: fixes first weights, order, masks and the rows held back. None draws anew, and leaves NumPy's global
                generator alone.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch.
        """
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.l2 = l2
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    # ------------------------------------------------------------------------------------------------ training

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X (n, inputs) and targets y; the net computes in X's type where that is float32, else in float64.

        Args:
            sample_weight: a number for each row (n,), by which its loss is multiplied. Only their ratios count: a row of weight 2
                is two rows and one of weight 0 is none. Rows that are held back count alike.

        Raises:
            InputError: a parameter breaks its rule, targets that do not fit, or a training that runs away.
            ValueError: what scikit-learn refuses.
        """
        goes_on = _switch(self, "warm_start") and self.__sklearn_is_fitted__()
        return self._fit(X, y, sample_weight, goes_on=goes_on, hold_out=_switch(self, "early_stopping"))

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        goes_on: bool,
        epochs: int | None = None,
        hold_out: bool = False,
        classes: Any = None,
    ) -> Self:
        self._check_parameters()
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), reset=not goes_on, **self._y_options())
        targets, outputs, loss, found = self._goal(y, goes_on, classes)
        model, train = self._specs(X, outputs, loss, epochs)
        state, done, curves = None, 0, {}
        if goes_on:
            model, train = self._continued(model, train)
            state, done, curves = self.state_, self.n_iter_, self.history_

        rows = _of_some_weight(X, targets, sample_weight)
        held, callbacks = None, []
        if hold_out:
            labels = rows[1] if "classes_" in found else None
            parts = train_test_split(*rows, test_size=self.validation_fraction, random_state=train.seed, stratify=labels)
            rows, held = parts[::2], (parts[1], parts[3])
            patience = {"min_delta": self.tol, "patience": self.n_iter_no_change}
            callbacks = [self.trainers.early_stopping("val_loss", mode="min", restore_best_weights=True, **patience)]
        with self.trainers.lend(model, train, state, done) as trainer:
            history: History = trainer.fit(
                (rows[0], rows[1]),
                BatchPlan(len(rows[0]), train.batch_size, train.seed, train.shuffle),
                epochs=train.epochs,
                validation_data=held,
                # A batch's loss is divided by its number of rows. With the mean 1 that of a full batch is sum(w loss) / sum(w).
                sample_weight=rows[2] / rows[2].mean() if len(rows) > 2 else None,
                callbacks=callbacks,
                verbose=int(self.verbose),
            )
            state = trainer.state()
        if not all(np.isfinite(weight).all() for weight in state.weights):
            raise InputError(
                "A training must end with finite weights. Received: NaN or infinity, so it ran away. "
                "Use a smaller learning_rate, or rows of a smaller scale."
            )
        new = history.history
        self.model_, self.train_, self.state_, self.n_iter_ = model, train, state, done + len(history.loss)
        self.history_ = {name: curves.get(name, []) + new.get(name, []) for name in curves | new}
        for name, value in found.items():
            setattr(self, name, value)
        return self

    @abstractmethod
    def _goal(self, y: np.ndarray, goes_on: bool, classes: Any) -> Goal:
        """What is to be learned from y."""

    @abstractmethod
    def _y_options(self) -> dict[str, Any]:
        """How scikit-learn checks y."""

    def _specs(self, X: np.ndarray, outputs: int, loss: str, epochs: int | None) -> tuple[ModelSpec, TrainSpec]:
        """The net and the training that the parameters describe."""
        sizes = self.hidden_layer_sizes
        hidden = [sizes] if isinstance(sizes, Integral) else list(sizes) if isinstance(sizes, Iterable) else [None]
        right = all(whole(size, 1) for size in hidden)
        rule = "hidden_layer_sizes has the units of each hidden layer, whole numbers from 1."
        require(right, rule, shown("hidden_layer_sizes", sizes), "Use hidden_layer_sizes=(100,).")
        model = ModelSpec.mlp(
            X.shape[1],
            *hidden,
            outputs,
            activation=self.activation,
            kernel_regularizer=L1L2Spec(l2=self.l2) if self.l2 else None,
            dropout=self.dropout or None,
            dtype=X.dtype.name,
        )
        train = TrainSpec(
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            loss=loss,
            epochs=self.epochs if epochs is None else epochs,
            batch_size=self.batch_size,
            shuffle=_switch(self, "shuffle"),
            seed=_seed(self.random_state),
        )
        return model, train

    def _continued(self, model: ModelSpec, train: TrainSpec) -> tuple[ModelSpec, TrainSpec]:
        """The specs of a training that goes on: seed and dtype are those it began with, the rest is as now."""
        model, train = replace(model, dtype=self.model_.dtype), replace(train, seed=self.train_.seed)
        rule = "A training goes on with the same net and the same optimizer."
        remedy = "Use warm_start=False, or a new estimator."
        require(model == self.model_, rule, f"{model}, {self.activation}, l2={self.l2}, after {self.model_}", remedy)
        same = slot_names(model, train) == slot_names(self.model_, self.train_)
        require(same, rule, f"{train.optimizer} after {self.train_.optimizer}", remedy)
        return model, train

    def _check_parameters(self) -> None:
        """What no spec checks."""
        fraction, patience, least = self.validation_fraction, self.n_iter_no_change, self.tol
        right = number(fraction) and 0 < fraction < 1
        rule = "validation_fraction is the share of the rows held back, a number between 0 and 1."
        require(right, rule, shown("validation_fraction", fraction), "Use validation_fraction=0.1.")
        rule = "n_iter_no_change counts epochs, a whole number from 1."
        require(whole(patience, 1), rule, shown("n_iter_no_change", patience), "Use n_iter_no_change=10.")
        right = number(least) and least >= 0
        require(right, "tol is a number from 0.", shown("tol", least), "Use tol=1e-4.")
        right = isinstance(self.verbose, Integral) and self.verbose in (0, 1, 2)
        require(right, "verbose is 0, 1 or 2.", shown("verbose", self.verbose), "Use verbose=0.")

    # ------------------------------------------------------------------------------------------------- inference

    @property
    def weights_(self) -> list[np.ndarray]:
        """The weights in Keras's order; the fitted estimator's own arrays."""
        check_is_fitted(self)
        return self.state_.weights

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "state_")

    def _answers(self, X: Any, method: str) -> np.ndarray:
        """What the trainer's method says of rows X (n, inputs): (n, outputs), or (n, classes)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        with self.trainers.lend(self.model_, self.train_, self.state_) as trainer:
            return getattr(trainer, method)(X)


class Classifier(ClassifierMixin, Net):
    """One of several classes for each row, whatever their labels are; of two classes a net with one output tells them apart.

    Attributes:
        classes_: the labels (classes,), sorted; their order is that of the columns of ``predict_proba``.
    """

    classes_: np.ndarray

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch over these rows, going on from what was learned before; ``epochs`` and ``early_stopping`` play no part.

        Args:
            classes: all labels that will ever come (classes,); needed at the first call, and the same later on.
            sample_weight: as in ``fit``; ratios within this call.

        Raises:
            InputError: as ``fit``; no ``classes`` at the first call, others later, or labels that are not among them.
        """
        goes_on = self.__sklearn_is_fitted__()
        rule = "The first partial_fit must know all classes that will come."
        require(goes_on or classes is not None, rule, "classes=None", "Use classes=np.unique(all_labels).")
        return self._fit(X, y, sample_weight, goes_on=goes_on, epochs=1, classes=classes)

    def _y_options(self) -> dict[str, Any]:
        return {}

    def _goal(self, y: np.ndarray, goes_on: bool, classes: Any) -> Goal:
        check_classification_targets(y)
        known = np.unique(y) if classes is None else np.unique(np.asarray(classes))
        if goes_on:
            same = classes is None or np.array_equal(known, self.classes_)
            require(same, f"A training goes on with the same classes: {self.classes_}.", known, "Use a new estimator.")
            known = self.classes_
        strange = np.setdiff1d(y, known)
        require(strange.size == 0, f"Labels are among the classes: {known}.", strange, "Name all classes, or fit anew.")
        count = len(known)
        require(count >= 2, "A classifier tells two classes or more apart.", f"{count} class", "Give rows of other classes too.")
        labels = np.searchsorted(known, y)
        if count == 2:
            return labels, 1, "binary_crossentropy", {"classes_": known}
        return labels, count, "sparse_categorical_crossentropy", {"classes_": known}

    def decision_function(self, X: Any) -> np.ndarray:
        """The net's logits for rows X (n, inputs): (n, classes), and of two classes (n,), above 0 for the second."""
        logits = self._answers(X, "predict")
        return logits[:, 0] if logits.shape[1] == 1 else logits

    def predict(self, X: Any) -> np.ndarray:
        """The label of the largest logit for each row of X (n, inputs): (n,)."""
        logits = self.decision_function(X)
        return self.classes_[(logits > 0).astype(int) if logits.ndim == 1 else logits.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n, classes) for rows X (n, inputs), in the order of ``classes_``; each row's sum is 1."""
        return self._answers(X, "predict_proba")


class Regressor(RegressorMixin, Net):
    """One number or several for each row, by the squared error. Rows and numbers are best brought to a scale of about 1."""

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch over these rows, going on from what was learned before; ``epochs`` and ``early_stopping`` play no part.

        Raises:
            InputError: as ``fit``.
        """
        return self._fit(X, y, sample_weight, goes_on=self.__sklearn_is_fitted__(), epochs=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _y_options(self) -> dict[str, Any]:
        return {"multi_output": True, "y_numeric": True}

    def _goal(self, y: np.ndarray, goes_on: bool, classes: Any) -> Goal:
        return y, 1 if y.ndim == 1 else y.shape[1], "mean_squared_error", {"_flat": y.ndim == 1}

    def predict(self, X: Any) -> np.ndarray:
        """The numbers for rows X (n, inputs), in the shape of the y that was learned: (n,) or (n, outputs)."""
        outputs = self._answers(X, "predict")
        return outputs[:, 0] if self._flat else outputs


def _switch(estimator: Net, name: str) -> bool:
    """A parameter that is True or False; a grid made by NumPy holds NumPy's."""
    value = getattr(estimator, name)
    require(isinstance(value, bool | np.bool_), f"{name} is True or False.", shown(name, value), "Use one.")
    return bool(value)


def _seed(random_state: Any) -> int:
    """The seed of a training: a whole number as it is, else drawn; None draws from the system."""
    if random_state is None:
        return int(np.random.default_rng().integers(MOST))
    if isinstance(random_state, Integral):
        return int(random_state)  # TrainSpec checks it
    return int(check_random_state(random_state).randint(MOST))


def _of_some_weight(X: np.ndarray, targets: np.ndarray, sample_weight: Any) -> list[np.ndarray]:
    """X and targets without the rows of weight 0, and, unless all that are left are equal, the weights.

    A row of no weight is no row: it would still count where a loss is divided by the number of rows.
    """
    if sample_weight is None:
        return [X, targets]
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    some = weights > 0  # scikit-learn itself refuses zeros from 1.9 on
    require(some.any(), "Some row must have a weight above zero.", "sample_weight of zeros", "Leave sample_weight out.")
    rows = [X[some], targets[some], weights[some]]
    return rows if np.ptp(rows[2]) > 0 else rows[:2]
