"""What any network of ours needs to be a scikit-learn classifier; what it is, subclasses say."""

import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import ClassifierTags, Tags, check_consistent_length
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from skcomic._compat.joblib import follow_working_directory
from skcomic._compat.sklearn import (
    Interval,
    StrOptions,
    check_sample_weight,
    fit_context,
    fit_task,
    is_about_nan,
    signature_parameters,
    visual_block,
    with_callbacks,
)
from skcomic._estimator import EstimatorMixin
from skcomic.nets.backend import has_fast_bfloat16, import_keras
from skcomic.nets.callbacks import EpochTasks
from skcomic.nets.chunks import ChunkFeed, Data
from skcomic.nets.fitting import TrainingData, select_rows, train, train_with_checkpoint
from skcomic.nets.holdout import hold_out
from skcomic.nets.inference import predict_probabilities
from skcomic.nets.randomness import draw_seed, seeded
from skcomic.nets.state import create_variables
from skcomic.nets.topology import count_multiply_adds

keras = import_keras()
from scikeras.wrappers import KerasClassifier  # noqa: E402


class NetClassifier(EstimatorMixin, KerasClassifier):
    """A Keras network with the manners of a scikit-learn classifier.

    A subclass has an `__init__` with the parameters of its network and those below, and says what
    the network is: `_topology_parameters`, `_build_network` and `net_name`.

    Parameters
    ----------
    epochs, batch_size, learning_rate, precision, class_weight, warm_start
        As in `ConvNetClassifier`, as are the others.
    early_stopping, validation_fraction, n_iter_no_change
        When to stop before all epochs are trained.
    max_seconds, checkpoint_dir, callbacks, verbose, random_state
        Of one run, and its seed.
    """

    #: Names of the parameters that decide what network is built.
    _topology_parameters: ClassVar[tuple[str, ...]] = ("precision",)

    #: What the history has of each epoch, beside the loss.
    _metrics: ClassVar[tuple[str, ...]] = ("precision", "recall")

    # scikeras takes every attribute of an instance for a parameter. These are none here, but
    # its methods ask for them: they are given once, for the class.
    classes_: np.ndarray
    model = None
    build_fn = None
    loss = None
    _tags: ClassVar[dict[str, Any]] = {}

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "precision": [StrOptions({"float32", "mixed_bfloat16", "auto"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "warm_start": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "max_seconds": [Interval(Real, 0, None, closed="neither"), None],
        "checkpoint_dir": [str, os.PathLike, None],
        "callbacks": [list, None],
        "verbose": ["verbose"],
        "random_state": ["random_state", np.random.Generator],
    }

    _get_param_names: Any = classmethod(signature_parameters)
    __repr__ = BaseEstimator.__repr__
    score = ClassifierMixin.score

    # What a subclass says.

    @property
    @abstractmethod
    def net_name(self) -> str:
        """Name of the network, from its parameters."""

    @abstractmethod
    def _build_network(self, n_pixels: int, n_classes: int, **topology: Any) -> Any:
        """Build the network, not compiled, from the values of `_topology_parameters`.

        Its last layer is dense, with one sigmoid unit for two classes and a softmax for more.
        """

    def _set_up_network(self, rows: np.ndarray) -> None:
        """Set the weights that are not trained, from the rows of the first training."""

    def _learning_rates(self, n_epochs: int) -> list[float]:
        """Return the learning rate of each epoch of a training."""
        return [self.learning_rate] * n_epochs

    @property
    def _mirrored_shape(self) -> tuple[int, int] | None:
        """Height and width of images whose mirror images are of the same class, or None."""
        return None

    def _get_compile_kwargs(self) -> dict[str, Any]:
        kind = "binary" if self.n_classes_ == 2 else "categorical"
        return {
            "optimizer": keras.optimizers.Adam(self.learning_rate),
            "loss": f"{kind}_crossentropy",
            "metrics": list(self._metrics),
        }

    # The contract of a classifier.

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Build the network and train it.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of pixels; kept as float32.
        y : array-like of shape (n_images,)
            Labels of any type: strings, ints, booleans, objects.
        sample_weight : array-like of shape (n_images,), default=None
            Weight of each image in the loss; not changed. Images of weight 0 are left out.
        groups : array-like of shape (n_images,), default=None
            Images of one group stay together when early stopping holds some out; without
            early stopping of no effect.

        Returns
        -------
        self : estimator
            The fitted classifier.

        Raises
        ------
        ValueError
            If the labels are of one class only, the rows do not fit the network,
            `warm_start` cannot continue from the last network, or `checkpoint_dir` is given but
            no `random_state`.
        TimeoutError
            If training takes longer than `max_seconds`.
        """
        if self.checkpoint_dir is not None and self.random_state is None:
            raise ValueError(
                "checkpoint_dir requires a random_state: fits without a seed are never the same"
            )
        follow_working_directory()
        reset = not (self.warm_start and self.__sklearn_is_fitted__())
        X, y, sample_weight, groups = self._validate_fit_data(
            X, y, sample_weight, groups, reset=reset
        )
        class_weights, held_out = self._class_weights(y), None
        if self.early_stopping:
            held_out = hold_out(y, groups, self.validation_fraction, self._seed)
        with fit_task(self, X, y, n_subtasks=self.epochs) as task:
            tasks = [EpochTasks(self, task)] if task else []
            data = self._training_data(X, y, sample_weight, class_weights, held_out)
            if self.checkpoint_dir is None or not reset:
                train(self, data, self.epochs, tasks)
            else:
                train_with_checkpoint(self, data, tasks)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on some of the images, for data that do not fit into memory.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of pixels.
        y : array-like of shape (n_images,)
            Labels; not all classes need be among them.
        classes : array-like of shape (n_classes,), default=None
            All labels of all calls; must be given at the first one.
        sample_weight : array-like of shape (n_images,), default=None
            Weight of each image in the loss; not changed.

        Returns
        -------
        self : estimator
            The classifier, trained a little more.

        Raises
        ------
        ValueError
            If `classes` is missing at the first call or others than before; with
            ``early_stopping=True`` or ``class_weight="balanced"``, which need all images.
        """
        if self.early_stopping:
            raise ValueError("partial_fit has no images to hold out: set early_stopping=False")
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit cannot know how frequent the classes are: give class_weight as a "
                "dict instead of 'balanced' (sklearn.utils.compute_class_weight makes one)"
            )
        reset = not self.__sklearn_is_fitted__()
        if classes is None and reset:
            raise ValueError("classes must be passed on the first call to partial_fit")
        if classes is not None:
            classes = np.unique(classes)
            if not reset and not np.array_equal(classes, self.classes_):
                raise ValueError(
                    f"classes={classes.tolist()} are not those of the first call to "
                    f"partial_fit, {self.classes_.tolist()}"
                )
        X, y, sample_weight, _ = self._validate_fit_data(
            X, y, sample_weight, classes=classes, reset=reset
        )
        train(self, self._training_data(X, y, sample_weight, self._class_weights(y)), n_epochs=1)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def _fit_in_chunks(
        self, reader: Any, labels: np.ndarray, sizes: list[int], n_epochs: int
    ) -> Self:
        """Train as `fit` does, on rows and labels that a reader gives in chunks.

        `labels` are those of all images, `sizes` the number of images of each chunk of an epoch.
        """
        if self.early_stopping:
            raise ValueError(
                "a training in chunks has no images to hold out: set early_stopping=False"
            )

        def read() -> Iterator[Data]:
            class_weights = None
            for number, (X, y) in enumerate(reader):
                X, y, _, _ = self._validate_fit_data(X, y, classes=labels, reset=number == 0)
                if number == 0:
                    class_weights = self._class_weights(labels)
                yield self._training_data(X, y, None, class_weights).parts(self.n_classes_)[0]

        chunks: Iterator[Data] = read()
        chunks = chain([next(chunks)], chunks)  # the first one builds the network
        feed = ChunkFeed(chunks, sizes, reader, n_epochs=n_epochs, batch_size=int(self.batch_size))
        train(self, feed, n_epochs)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable class of each image.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of pixels.

        Returns
        -------
        labels : ndarray of shape (n_images,)
            Of the type that the labels had in training.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[np.argmax(probabilities, axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of pixels.

        Returns
        -------
        probabilities : ndarray of shape (n_images, n_classes), float32
            Columns in the order of `classes_`; each row adds up to 1. A row does not depend on
            the others.
        """
        check_is_fitted(self)
        with _explained_nan():
            X = validate_data(self, X, reset=False, dtype=np.float32)
        return predict_probabilities(self.model_, X, self._mirrored_shape)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags()
        tags.target_tags.required = True
        return tags

    def _sk_visual_block_(self) -> Any:
        return visual_block(self, f"{type(self).__name__} {self.net_name}")

    def _expected_work(self, n_pixels: int) -> int:
        """Count the multiplications that training takes for each image, before it begins."""
        with seeded(0):
            model = self._build_network(n_pixels, 2, **self._topology())
        return count_multiply_adds(model) * self.epochs

    # Taking in the data, and building the network for them.

    def _initialize(self, X: Any, y: Any = None) -> tuple[np.ndarray, np.ndarray]:
        # scikeras calls it
        X, y = self._check_data(X, y, reset=True)
        self._build_model(X, y)
        return X, y

    def _check_data(self, X: Any, y: Any, *, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        with _explained_nan():
            X, y = validate_data(self, X, y, reset=reset, dtype=np.float32)
        check_classification_targets(y)
        return X, y

    def _validate_fit_data(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        groups: Any = None,
        *,
        classes: Any = None,
        reset: bool,
    ) -> tuple[np.ndarray, np.ndarray, Any, Any]:
        """Check the data, leave out what weighs nothing, and have the network ready."""
        X, y = self._check_data(X, y, reset=reset)
        if groups is not None:
            groups = column_or_1d(groups)
            check_consistent_length(X, groups)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X)
            counts = sample_weight > 0
            if not counts.any():
                raise ValueError("all sample weights are zero: there is nothing to train on")
            X, y, sample_weight, groups = select_rows(counts, X, y, sample_weight, groups)
        if reset:
            self._build_model(X, y if classes is None else classes)
        self._check_warm_start(y)
        return X, y, sample_weight, groups

    def _class_weights(self, y: np.ndarray) -> np.ndarray | None:
        """Compute the weight of each class from the labels of all images."""
        if self.class_weight is None:
            return None
        return compute_class_weight(self.class_weight, classes=self.classes_, y=y)

    def _training_data(
        self,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: Any,
        class_weights: np.ndarray | None,
        held_out: np.ndarray | None = None,
    ) -> TrainingData:
        codes = self._codes(y)
        if class_weights is not None:
            weights = class_weights[codes].astype(np.float32)
            sample_weight = weights if sample_weight is None else weights * sample_weight
        return TrainingData(X, codes, sample_weight, held_out)

    def _build_model(self, rows: np.ndarray, labels: Any) -> None:
        """Build the network for these rows and labels, not trained yet."""
        self.classes_ = np.unique(labels)
        self.n_classes_ = len(self.classes_)
        if self.n_classes_ < 2:
            raise ValueError(
                f"all labels are of one class, '{self.classes_[0]}': a classifier needs two or "
                "more"
            )
        self._seed = draw_seed(self.random_state)
        self._random_state = None  # scikeras' own way of seeding stays off: see `seeded`
        self._built_as = self._topology()
        self.precision_ = self._built_as["precision"]
        with seeded(self._seed):  # all of it, or another thread's training would be timed with it
            self.model_ = self._build_network(
                self.n_features_in_, self.n_classes_, **self._built_as
            )
            self.model_.compile(**self._get_compile_kwargs())
            create_variables(self.model_)
        self._set_up_network(rows)
        self.n_parameters_ = self.model_.count_params()
        self.history_: dict[str, list[float]] = {}
        self.n_iter_ = 0
        self.training_time_ = {"cpu_seconds": 0.0, "wall_seconds": 0.0}
        self.multiply_adds_ = 0

    def _topology(self) -> dict[str, Any]:
        topology = {name: getattr(self, name) for name in self._topology_parameters}
        if self.precision == "auto":
            topology["precision"] = "mixed_bfloat16" if has_fast_bfloat16() else "float32"
        return topology

    def _check_warm_start(self, y: np.ndarray) -> None:
        """Make sure that the network that exists can be trained on these labels."""
        if unseen := sorted(set(np.unique(y).tolist()) - set(self.classes_.tolist())):
            raise ValueError(
                f"labels {unseen} are none of the classes that the network was built for, "
                f"{self.classes_.tolist()}"
            )
        changed = [
            name for name, value in self._topology().items() if value != self._built_as[name]
        ]
        if changed:
            raise ValueError(
                f"training cannot continue with another {changed[0]} than the network was built "
                "with; set warm_start=False and fit again, or clone the classifier"
            )

    def _codes(self, y: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.classes_, y)


@contextmanager
def _explained_nan() -> Iterator[None]:
    """Say where rows of NaN come from, instead of what imputers are for."""
    try:
        yield
    except ValueError as error:
        if not is_about_nan(error):
            raise
        raise ValueError(
            'Input X contains NaN: ImageVectorizer(on_error="nan") gives such a row for each '
            "file that cannot be read. Leave those rows out, and their labels "
            '(keep = ~np.isnan(X).any(axis=1)), or set on_error="raise" to have the files listed'
        ) from None
