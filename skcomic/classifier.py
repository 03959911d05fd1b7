"""The classifier: the network of `build_convnet` with scikit-learn's manners."""

import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import ClassifierTags, Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from skcomic._tensorflow import KerasClassifier, keras, tf_get_seed, tf_set_seed
from skcomic.convnet import Pooling, build_convnet, count_multiply_adds

_PREDICTION_BATCH = 128
_LARGEST_SEED = np.iinfo(np.int32).max


class ConvNetClassifier(KerasClassifier):
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
    image_shape : (int, int), default=None
        Height and width of the images in the rows; None: they are square.
    epochs : int, default=25
        Passes over the training images.
    batch_size : int, default=50
        Images per step of training.
    learning_rate : float, default=0.001
        Step size of Adam.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss; "balanced": inverse to its frequency.
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
        epoch went on.
    training_time_ : dict of str to float
        `cpu_seconds` and `wall_seconds` of the last training, without the building of the
        network. CPU seconds are those of all threads of the process.
    multiply_adds_ : int
        Multiplications of one image's forward pass, times images, times epochs.
    n_parameters_ : int
        Trainable weights.
    n_features_in_ : int
        Pixels per row.

    See Also
    --------
    ImageVectorizer : Makes the rows from image files.
    make_comic_pipeline : Both in one.

    Notes
    -----
    scikeras 0.13 is no longer maintained. Where it and today's scikit-learn disagree (it is
    not taken for a classifier, so that folds are not stratified; the shape of one sample's
    probabilities; label types; seeds), this class goes scikit-learn's way.

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
    warm_start = False
    loss = None
    _tags: dict[str, Any] = {}  # noqa: RUF012
    _user_params = frozenset(
        {"first_units", "pooling", "n_conv", "filters", "kernel_size", "image_shape"}
    )
    _keras_build_fn = staticmethod(build_convnet)

    _get_param_names: Any = classmethod(BaseEstimator._get_param_names.__func__)
    set_params = BaseEstimator.set_params
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
        image_shape: tuple[int, int] | None = None,
        epochs: int = 25,
        batch_size: int = 50,
        learning_rate: float = 0.001,
        class_weight: Any = None,
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
        self.class_weight = class_weight
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "ConvNetClassifier":
        """Build the network and train it.

        Parameters
        ----------
        X : array-like of shape (n_images, height * width)
            Rows of pixels; kept as float32.
        y : array-like of shape (n_images,)
            Labels of any type: strings, ints, booleans, objects.
        sample_weight : array-like of shape (n_images,), default=None
            Weight of each image in the loss; not changed.

        Returns
        -------
        self : ConvNetClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If the labels are of one class only, or the rows do not fit the network.
        """
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float32, copy=True)
        return super().fit(X, y, sample_weight=sample_weight)

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
        X, _ = self._validate_data(X)
        # Called batch by batch, the model computes at once: `model.predict` would first compile
        # a graph, and again for each new length of the last batch.
        starts = range(0, len(X), _PREDICTION_BATCH)
        outputs = np.concatenate(
            [keras.ops.convert_to_numpy(self.model_(X[i : i + _PREDICTION_BATCH])) for i in starts]
        )
        return np.hstack([1 - outputs, outputs]) if len(self.classes_) == 2 else outputs

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags()
        tags.target_tags.required = True
        return tags

    # What follows are the steps of scikeras' own `fit` and `predict` that are done otherwise.

    @property
    def target_encoder(self) -> LabelBinarizer:
        """Two classes become one column of 0 and 1, more become one column each."""
        return LabelBinarizer()

    def _validate_data(
        self, X: Any = None, y: Any = None, reset: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        if y is None:
            return validate_data(self, X, reset=reset, dtype=np.float32), None
        X, y = validate_data(
            self, X, y, reset=reset, dtype=np.float32, y_numeric=False, multi_output=True
        )
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return X, y

    def _initialize(self, X: Any, y: Any = None) -> tuple[np.ndarray, np.ndarray]:
        self._seed = _draw_seed(self.random_state)
        self._random_state = None  # scikeras' own way of seeding stays off: see `_seeded`
        X, y = self._validate_data(X, y, reset=True)
        given = y if self.classes_ is None else self.classes_
        self.target_encoder_ = self.target_encoder.fit(given)
        self.feature_encoder_ = self.feature_encoder.fit(X)
        self.classes_ = self.target_encoder_.classes_
        self.n_classes_ = len(self.classes_)
        if self.n_classes_ < 2:
            raise ValueError(
                f"all labels are of one class, '{self.classes_[0]}': a classifier needs two or "
                "more"
            )
        self.model_ = self._build_keras_model()
        self.n_parameters_ = self.model_.count_params()
        return X, y

    def _get_compile_kwargs(self) -> dict[str, Any]:
        kind = "binary" if self.n_classes_ == 2 else "categorical"
        return {
            "optimizer": keras.optimizers.Adam(self.learning_rate),
            "loss": f"{kind}_crossentropy",
            "metrics": ["precision", "recall"],
        }

    def _build_keras_model(self) -> "keras.Model":
        with _seeded(self._seed):
            return super()._build_keras_model()

    def _fit_keras_model(self, X: Any, y: Any, **kwargs: Any) -> None:
        self._initialize_callbacks()
        cpu, wall = time.process_time(), time.perf_counter()
        with _seeded(self._seed), _retracing_unremarked():
            super()._fit_keras_model(X, y, **kwargs)
        self.training_time_ = {
            "cpu_seconds": time.process_time() - cpu,
            "wall_seconds": time.perf_counter() - wall,
        }
        self._fit_callbacks: list[Any] = []  # Keras hangs the model on them
        self._predict_callbacks: list[Any] = []
        n_epochs = len(self.history_["loss"])
        self.multiply_adds_ = count_multiply_adds(self.model_) * len(X) * n_epochs


def _draw_seed(random_state: Any) -> int:
    """Make of any kind of random state the int that Keras and TensorFlow want."""
    if random_state is None:
        return int(np.random.default_rng().integers(_LARGEST_SEED))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_LARGEST_SEED))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(_LARGEST_SEED))
    return int(random_state)


@contextmanager
def _retracing_unremarked() -> Iterator[None]:
    """Keep TensorFlow from warning that graphs are compiled anew: each fit has its own network."""

    def is_remarkable(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(is_remarkable)
    try:
        yield
    finally:
        logger.removeFilter(is_remarkable)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed all that Keras draws from, and leave the caller's generators as they were.

    scikeras does this too, but also switches TensorFlow to deterministic operations: on a
    processor the weights are the same without, and its input pipeline is slower and chatters.
    """
    python, numpy, tensorflow = random.getstate(), np.random.get_state(), tf_get_seed()  # noqa: NPY002
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        tf_set_seed(tensorflow)
