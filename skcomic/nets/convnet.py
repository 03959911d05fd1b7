"""The report's network as a scikit-learn classifier: a dense layer at each pixel, convolutions."""

from numbers import Integral
from typing import Any, ClassVar

from skcomic._compat.sklearn import Interval, StrOptions
from skcomic._estimator import Sides
from skcomic.features.rows import ImageShape
from skcomic.images.decoding import PathLike
from skcomic.nets.base import NetClassifier
from skcomic.nets.topology import Pooling, Precision, build_convnet, net_name

_COUNT = Interval(Integral, 1, None, closed="left")


class ConvNetClassifier(NetClassifier):
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
        Whether `fit` continues with the network of the last `fit`, for `epochs` more.
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
        parameters, data, seed, and versions of the libraries) was finished before, and resumes
        from the last epoch kept where one was killed; see Notes.
    callbacks : list of keras.callbacks.Callback, default=None
        Called in every epoch and batch of training.
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
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
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
    training, and of what was trained again. Its state is saved every ten seconds, at
    the end of an epoch. Callbacks are called for the epochs that are trained, but for none that
    was trained before; their own state is not saved. A fit that continues with `warm_start` is not
    kept, and neither is `partial_fit`.

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

    _topology_parameters: ClassVar[tuple[str, ...]] = (
        "first_units", "pooling", "n_conv", "filters", "kernel_size", "image_shape", "precision",
    )  # fmt: skip

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "first_units": [_COUNT],
        "pooling": [StrOptions({"average", "max"})],
        "n_conv": [_COUNT],
        "filters": [_COUNT],
        "kernel_size": [_COUNT],
        "image_shape": [Sides(), StrOptions({"pad"}), None],
        **NetClassifier._parameter_constraints,
    }

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

    @property
    def net_name(self) -> str:
        """Name of the network, ``{first_units}_{pooling}_{n_conv}``."""
        return net_name(self.get_params())

    def _build_network(self, n_pixels: int, n_classes: int, **topology: Any) -> Any:
        meta = {"n_features_in_": n_pixels, "n_classes_": n_classes}
        return build_convnet(meta, **topology)
