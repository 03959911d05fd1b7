"""The classifier: the network of `build_convnet` with scikit-learn's manners."""

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils import ClassifierTags, Tags, check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from skcomic._estimator import EstimatorMixin, Sides, public_name, visual_block, with_callbacks
from skcomic.images.decoding import PathLike
from skcomic.nets.backend import KerasClassifier, has_fast_bfloat16, keras
from skcomic.nets.checkpoints import FitStore, TrainingState, fit_key
from skcomic.nets.supervision import is_orphan, running_marker
from skcomic.nets.topology import ImageShape, Pooling, build_convnet, count_multiply_adds, net_name
from skcomic.nets.training import (
    EpochBackup,
    EpochTasks,
    TimeLimit,
    create_state,
    detach_model,
    draw_seed,
    forward_pass,
    hold_out,
    seeded,
    set_state,
    set_steps_per_execution,
    shuffled_batches,
    silence_retracing,
    state_of,
)

Precision = Literal["float32", "mixed_bfloat16", "auto"]

_PREDICTION_BATCH = 32
_TOPOLOGY = (
    "first_units", "pooling", "n_conv", "filters", "kernel_size", "image_shape", "precision",
)  # fmt: skip
# What decides no outcome, or is known to `_fit_key` by what it became.
_NOT_IN_KEY = {
    "callbacks", "checkpoint_dir", "class_weight", "max_seconds", "precision", "random_state",
    "verbose", "warm_start",
}  # fmt: skip
_TRAINED = ("history_", "n_iter_", "training_time_", "multiply_adds_")


class ConvNetClassifier(EstimatorMixin, KerasClassifier):
    """A small convolutional network on rows of grey pixels.

    The rows are what `ImageVectorizer` makes. The network is a dense layer at each pixel,
    then one or more convolutions with pooling; it is trained with Adam on cross-entropy.

    Parameters
    ----------
    first_units : int, default=16
        Units of the dense layer at each pixel.
    pooling : {"average", "max"}, default="max"
        How 2x2 values are made one after each convolution.
    n_conv : int, default=1
        Number of convolutions.
    filters : int, default=32
        Filters of each convolution.
    kernel_size : int, default=3
        Side of the filters, in pixels.
    image_shape : (int, int), "pad" or None, default=None
        Height and width of the images in the rows. None: they are square. "pad": a row may
        have any length, for example pixels and other numbers; zeros are put after it up to
        the next square.
    epochs : int, default=25
        Passes over the training images.
    batch_size : int, default=50
        Images per step of training.
    learning_rate : float, default=0.001
        Step size of Adam.
    precision : {"float32", "mixed_bfloat16", "auto"}, default="float32"
        What the network computes in. "mixed_bfloat16" keeps the weights in float32; it is
        faster on processors with instructions for it (AMX or AVX512-BF16) and on GPUs.
        "auto": "mixed_bfloat16" there, else "float32".
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss; "balanced": inverse to its frequency.
    warm_start : bool, default=False
        Whether `fit` goes on from the network of the last `fit`, for `epochs` more.
    early_stopping : bool, default=False
        Whether to hold some of the training images out, and to stop when the loss on them no
        longer falls. The weights of the best epoch are kept.
    validation_fraction : float, default=0.1
        The share of the training images that early stopping holds out. Each class gives its
        share; images of one group stay together where `fit` is given groups.
    n_iter_no_change : int, default=10
        Early stopping waits for so many epochs without a lower loss.
    max_seconds : float, default=None
        `fit` raises an error once training has taken longer, in seconds of the clock; what it
        waits for its turn does not count. None: it may take as long as it takes.
    checkpoint_dir : str, path-like or None, default=None
        Folder that keeps fits. `fit` takes the outcome from there where the very same fit (its
        parameters, data, seed, and versions of the libraries) was finished before, and goes on
        from the last epoch kept where one was killed; see Notes.
    callbacks : list of keras.callbacks.Callback, default=None
        Are told of every epoch and batch of training.
    verbose : int, default=0
        1 or 2 lets Keras print the progress of training.
    random_state : int, RandomState, Generator or None, default=None
        Decides the first weights and the order of the images. With the same int and number
        of threads, the weights come out bit-equal.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    model_ : keras.Model
        The trained network.
    history_ : dict of str to list of float
        Loss, precision and recall after each epoch. For two classes these are of
        ``classes_[1]``, for more they are micro averages, on the images of training as the
        epoch went on. Early stopping adds those of the images held out, ``val_loss`` and so on.
    n_iter_ : int
        Epochs of training, also those after the best one where training stopped early.
    training_time_ : dict of str to float
        `cpu_seconds` and `wall_seconds` of training, without the building of the network. CPU
        seconds are those of all threads of the process.
    multiply_adds_ : int
        Multiplications of one image's forward pass, times images, times epochs.
    n_parameters_ : int
        Trainable weights.
    precision_ : {"float32", "mixed_bfloat16"}
        What the network computes in.
    n_classes_ : int
        Number of classes.
    n_features_in_ : int
        Pixels per row.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where the rows were a DataFrame with such.

    See Also
    --------
    ImageVectorizer : Makes the rows from image files.
    make_comic_pipeline : Both in one.

    Notes
    -----
    scikeras 0.13 is no longer maintained. Where it and today's scikit-learn disagree (it is
    not taken for a classifier, so that folds are not stratified; the shape of one sample's
    probabilities; label types; seeds), this class goes scikit-learn's way.

    With `warm_start` and `partial_fit` the network is trained in several goes: `history_`,
    `n_iter_`, `training_time_` and `multiply_adds_` are of all of them.

    With `checkpoint_dir`, a fit that is killed and begun again gives the weights, bit by bit, of
    one that was not, if the number of threads is the same. Its times are those of the original
    training, and of what was trained anew. How far it has come is kept every ten seconds, at
    the end of an epoch. Callbacks are told of the epochs that are trained, but of none that was
    trained before; what they hold themselves is not kept. A fit that goes on with `warm_start`
    is not kept, and neither is `partial_fit`.

    Networks that are trained in threads of one process take turns, since Keras draws its
    random numbers from generators of the process.

    Examples
    --------
    >>> import numpy as np
    >>> from skcomic import ConvNetClassifier
    >>> rows = np.random.default_rng(0).random((20, 64), dtype=np.float32)
    >>> rows[10:] /= 4  # darker images
    >>> labels = ["bright"] * 10 + ["dark"] * 10
    >>> net = ConvNetClassifier(first_units=4, filters=4, epochs=20, batch_size=5,
    ...                         learning_rate=0.01, random_state=0)
    >>> net.fit(rows, labels).score(rows, labels)
    1.0
    """

    # scikeras takes every attribute of an instance for a parameter. These are none here, but
    # its methods ask for them: they are given once, for the class.
    classes_: np.ndarray
    model = None
    build_fn = None
    loss = None
    _tags: ClassVar[dict[str, Any]] = {}

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "first_units": [Interval(Integral, 1, None, closed="left")],
        "pooling": [StrOptions({"average", "max"})],
        "n_conv": [Interval(Integral, 1, None, closed="left")],
        "filters": [Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "image_shape": [Sides(), StrOptions({"pad"}), None],
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

    _get_param_names: Any = classmethod(BaseEstimator._get_param_names.__func__)
    __repr__ = BaseEstimator.__repr__
    score = ClassifierMixin.score

    def __init__(
        self,
        *,
        first_units: int = 16,
        pooling: Pooling = "max",
        n_conv: int = 1,
        filters: int = 32,
        kernel_size: int = 3,
        image_shape: ImageShape = None,
        epochs: int = 25,
        batch_size: int = 50,
        learning_rate: float = 0.001,
        precision: Precision = "float32",
        class_weight: Any = None,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        max_seconds: float | None = None,
        checkpoint_dir: PathLike | None = None,
        callbacks: list[Any] | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.first_units = first_units
        self.pooling = pooling
        self.n_conv = n_conv
        self.filters = filters
        self.kernel_size = kernel_size
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.precision = precision
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.max_seconds = max_seconds
        self.checkpoint_dir = checkpoint_dir
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None
    ) -> "ConvNetClassifier":
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
            Images of one group are not parted when early stopping holds some out; without
            early stopping of no effect.

        Returns
        -------
        self : ConvNetClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If the labels are of one class only, the rows do not fit the network,
            `warm_start` cannot go on from the last network, or `checkpoint_dir` is given but
            no `random_state`.
        TimeoutError
            If training takes longer than `max_seconds`.
        """
        if self.checkpoint_dir is not None and self.random_state is None:
            raise ValueError(
                "checkpoint_dir wants a random_state: fits without a seed are never the same"
            )
        reset = not (self.warm_start and self.__sklearn_is_fitted__())
        X, y, sample_weight, groups = self._validate_fit_data(
            X, y, sample_weight, groups, reset=reset
        )
        held_out = None
        if self.early_stopping:
            held_out = hold_out(y, groups, self.validation_fraction, self._seed)
        with self._fit_task(X, y, n_subtasks=self.epochs) as task:
            told = [EpochTasks(self, task)] if task else []
            if self.checkpoint_dir is None or not reset:
                return self._train(X, y, sample_weight, self.epochs, held_out, told)
            return self._fit_with_checkpoint(
                self.checkpoint_dir, X, y, sample_weight, held_out, told
            )

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> "ConvNetClassifier":
        """Train for one epoch on some of the images, for data that memory does not hold.

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
        self : ConvNetClassifier
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
        return self._train(X, y, sample_weight, n_epochs=1)

    def predict(self, X: Any) -> np.ndarray:
        """Tell the most probable class of each image.

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
        """Tell the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of pixels.

        Returns
        -------
        probabilities : ndarray of shape (n_images, n_classes), float32
            Columns in the order of `classes_`; each row adds up to 1.
        """
        check_is_fitted(self)
        with _explained_nan():
            X = validate_data(self, X, reset=False, dtype=np.float32)
        compute = forward_pass(self.model_)
        starts = range(0, len(X), _PREDICTION_BATCH)
        with silence_retracing():
            batches = [compute(X[i : i + _PREDICTION_BATCH]).numpy() for i in starts]
        outputs = np.concatenate(batches)
        return np.hstack([1 - outputs, outputs]) if len(self.classes_) == 2 else outputs

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags()
        tags.target_tags.required = True
        return tags

    @property
    def net_name(self) -> str:
        """Name of the network, ``{first_units}_{pooling}_{n_conv}``."""
        return net_name(self.get_params())

    def _expected_work(self, n_pixels: int) -> int:
        """Count the multiplications that training takes for each image, before it begins."""
        meta = {"n_features_in_": n_pixels, "n_classes_": 2}
        with seeded(0):
            model = build_convnet(meta, **self._topology())
        return count_multiply_adds(model) * self.epochs

    def _sk_visual_block_(self) -> Any:
        return visual_block(self, f"{type(self).__name__} {self.net_name}")

    # What follows are the steps of training; some have the names that scikeras calls them by.

    def _initialize(self, X: Any, y: Any = None) -> tuple[np.ndarray, np.ndarray]:
        X, y = self._check_data(X, y, reset=True)
        self._build_model(y)
        return X, y

    def _check_data(self, X: Any, y: Any, *, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        with _explained_nan():
            X, y = validate_data(self, X, y, reset=reset, dtype=np.float32)
        check_classification_targets(y)
        return X, y

    def _build_model(self, labels: Any) -> None:
        """Build the network for these labels, not trained yet."""
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
            self.model_ = build_convnet(vars(self), **self._built_as)
            self.model_.compile(**self._get_compile_kwargs())
            create_state(self.model_)
        self.n_parameters_ = self.model_.count_params()
        self.history_: dict[str, list[float]] = {}
        self.n_iter_ = 0
        self.training_time_ = {"cpu_seconds": 0.0, "wall_seconds": 0.0}
        self.multiply_adds_ = 0

    def _topology(self) -> dict[str, Any]:
        topology = {name: getattr(self, name) for name in _TOPOLOGY}
        if self.precision == "auto":
            topology["precision"] = "mixed_bfloat16" if has_fast_bfloat16() else "float32"
        return topology

    def _check_warm_start(self, y: np.ndarray) -> None:
        """Make sure that these labels can be learnt by the network that is there."""
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
                f"training cannot go on with another {changed[0]} than the network was built "
                "with; set warm_start=False and fit again, or clone the classifier"
            )

    def _get_compile_kwargs(self) -> dict[str, Any]:
        kind = "binary" if self.n_classes_ == 2 else "categorical"
        return {
            "optimizer": keras.optimizers.Adam(self.learning_rate),
            "loss": f"{kind}_crossentropy",
            "metrics": ["precision", "recall"],
        }

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
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float32, ensure_non_negative=True
            )
            counts = sample_weight > 0
            if not counts.any():
                raise ValueError("all sample weights are zero: there is nothing to train on")
            X, y, sample_weight, groups = _rows(counts, X, y, sample_weight, groups)
        if reset:
            self._build_model(y if classes is None else classes)
        self._check_warm_start(y)
        if self.class_weight is not None:
            weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            weights = weights[self._codes(y)].astype(np.float32)
            sample_weight = weights if sample_weight is None else weights * sample_weight
        return X, y, sample_weight, groups

    def _codes(self, y: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.classes_, y)

    def _fit_with_checkpoint(
        self,
        folder: PathLike,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        held_out: np.ndarray | None,
        told: Sequence[Any],
    ) -> "ConvNetClassifier":
        """Train the network, unless the same fit is kept already; keep it."""
        store = FitStore(folder, self._fit_key(X, y, sample_weight, held_out))
        if kept := store.finished():
            self._restore_state(kept)
            for callback in self.callbacks or []:
                if hasattr(callback, "on_epochs_restored"):
                    callback.on_epochs_restored(self.n_iter_)
            return self
        with running_marker(folder, store.key):
            self._train(X, y, sample_weight, self.epochs, held_out, told, store)
            state = state_of(self.model_)
            state.numbers = {name: getattr(self, name) for name in _TRAINED}
            store.save_finished(state)
        return self

    def _fit_key(self, X: np.ndarray, y: np.ndarray, *others: np.ndarray | None) -> str:
        parameters = self.get_params()
        settings = {name: parameters[name] for name in parameters.keys() - _NOT_IN_KEY}
        settings |= {
            "class": public_name(f"{type(self).__module__}.{type(self).__qualname__}"),
            "classes": self.classes_.tolist(),
            "precision": self.precision_,
            "seed": self._seed,
        }
        return fit_key(settings, [X, self._codes(y), *others])

    def _restore_state(self, kept: TrainingState) -> None:
        """Make the network what another training made of it."""
        set_state(self.model_, kept)
        for name in kept.numbers.keys() & set(_TRAINED):
            setattr(self, name, kept.numbers[name])

    def _train(
        self,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        n_epochs: int,
        held_out: np.ndarray | None = None,
        told: Sequence[Any] = (),
        store: FitStore | None = None,
    ) -> "ConvNetClassifier":
        """Train the network that is there for some more epochs, less those in the store."""
        first, seconds_before = self.n_iter_, self.training_time_["wall_seconds"]
        kept = store.unfinished() if store else None
        if kept:
            self._restore_state(kept)
        codes = self._codes(y)
        target = codes[:, np.newaxis] if self.n_classes_ == 2 else np.eye(self.n_classes_)[codes]
        data = X, target, sample_weight
        callbacks, validation, stopper = [*(self.callbacks or []), *told], None, None
        if held_out is not None:
            validation = tuple(part for part in _rows(held_out, *data) if part is not None)
            data = _rows(~held_out, *data)
            stopper = keras.callbacks.EarlyStopping(
                "val_loss", patience=int(self.n_iter_no_change), restore_best_weights=True
            )
            callbacks.append(stopper)
        limit = None
        if self.max_seconds is not None:
            spent = self.training_time_["wall_seconds"] - seconds_before
            limit = TimeLimit(self.max_seconds - spent)
            callbacks.append(limit)
        if store:
            is_orphaned = partial(is_orphan, self.checkpoint_dir)
            callbacks.append(
                EpochBackup(store, self.history_, self.training_time_, stopper, kept, is_orphaned)
            )
        self.model_.optimizer.learning_rate = self.learning_rate
        n_images, seed = len(data[0]), self._seed + first
        n_batches = math.ceil(n_images / self.batch_size)
        set_steps_per_execution(self.model_, n_batches, int(n_epochs), self.callbacks or [])
        arrays = tuple(part for part in data if part is not None)
        with seeded(seed), silence_retracing(), detach_model(callbacks):
            cpu, wall = time.process_time(), time.perf_counter()
            history = self.model_.fit(
                shuffled_batches(arrays, int(self.batch_size), seed, self.n_iter_ - first),
                steps_per_epoch=n_batches,
                shuffle=False,  # the batches are shuffled already
                initial_epoch=self.n_iter_,
                epochs=first + int(n_epochs),
                validation_data=validation,
                callbacks=callbacks,
                verbose=int(self.verbose),
            ).history
            self.training_time_ = {
                "cpu_seconds": self.training_time_["cpu_seconds"] + time.process_time() - cpu,
                "wall_seconds": self.training_time_["wall_seconds"] + time.perf_counter() - wall,
            }
        for key, values in history.items():
            self.history_.setdefault(key, []).extend(float(value) for value in values)
        self.n_iter_ += len(values)
        self.multiply_adds_ += count_multiply_adds(self.model_) * n_images * (self.n_iter_ - first)
        if limit and limit.is_over:
            raise TimeoutError(
                f"training took longer than {self.max_seconds} s; it was stopped in epoch "
                f"{self.n_iter_ - first} of {n_epochs}"
            )
        return self


def _rows(mask: np.ndarray, *parts: Any) -> tuple[Any, ...]:
    return tuple(None if part is None else part[mask] for part in parts)


@contextmanager
def _explained_nan() -> Iterator[None]:
    """Say where rows of NaN come from, instead of what imputers are for."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith("Input X contains NaN"):
            raise
        raise ValueError(
            'Input X contains NaN: ImageVectorizer(on_error="nan") gives such a row for each '
            "file that cannot be read. Leave those rows out, and their labels "
            '(keep = ~np.isnan(X).any(axis=1)), or set on_error="raise" to have the files listed'
        ) from None
