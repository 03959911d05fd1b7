"""A net for few images and few seconds as a scikit-learn classifier: whitening, convolutions."""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np

from skcomic._compat.sklearn import Interval, StrOptions
from skcomic._estimator import Sides
from skcomic.features.rows import ImageShape, find_image_shape
from skcomic.features.whitening import whitening_filters
from skcomic.images.decoding import PathLike
from skcomic.nets.base import NetClassifier
from skcomic.nets.small_topology import build_small_net, smallest_image_side
from skcomic.nets.topology import Precision

_COUNT = Interval(Integral, 1, None, closed="left")

# One cycle: the learning rate rises from a tenth of its peak in a quarter of the training, and
# then falls to 0 (Smith & Topin, "Super-Convergence", 2019).
_CYCLE = (0.0, 0.25, 1.0), (0.1, 1.0, 0.0)


class SmallNetClassifier(NetClassifier):
    """A small network on rows of grey pixels that learns from few images in few seconds.

    The rows are what `ImageVectorizer` makes. The first layer whitens patches of the images and
    is not trained: its filters are the principal components of the patches of the training images,
    and their negatives. Then come one or more convolutions with pooling, batch normalisation and
    ReLU. It is trained with Adam on cross-entropy, in one cycle of the learning rate, on the
    images and their mirror images in turns.

    Parameters
    ----------
    patch_size : int, default=3
        Side of the patches that are whitened, in pixels.
    first_pool : int, default=2
        Side of the squares of which the maximum is taken after the whitening; 4 is cheaper, and
        enough for images of 64 pixels and more.
    n_conv : int, default=2
        Number of convolutions.
    filters : int, default=16
        Filters of each convolution.
    dropout : float, default=0.5
        Share of the values before the last layer that a step of training leaves out, others in
        each step (Srivastava et al., "Dropout", 2014); 0 for none.
    mirror : bool, default=True
        Whether a mirror image is of the same class: every second epoch then trains on the mirror
        images, and a prediction is made of an image and its mirror image. This is not so for
        letters and digits. Of no effect on padded rows, which are no images.
    image_shape : (int, int), "pad" or None, default=None
        Height and width of the images in the rows. None: they are square. "pad": a row may
        have any length; zeros are put after it up to the next square.
    epochs : int, default=12
        Passes over the training images.
    batch_size : int, default=32
        Images per step of training.
    learning_rate : float, default=0.01
        Step size of Adam in its largest epoch, after a quarter of the training.
    precision : {"float32", "mixed_bfloat16", "auto"}, default="float32"
        As in `ConvNetClassifier`, as are all of the following.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss.
    warm_start : bool, default=False
        Whether `fit` continues with the network of the last `fit`, in a cycle of its own; the
        whitening stays that of the first images.
    early_stopping : bool, default=False
        Whether to stop when the loss on images that were held out no longer falls. With one
        cycle, whose last epochs are the best, fewer `epochs` are better than this.
    validation_fraction : float, default=0.1
        The share of the training images that early stopping holds out.
    n_iter_no_change : int, default=10
        Early stopping waits for so many epochs without a lower loss.
    max_seconds : float, default=None
        `fit` raises an error once training has taken longer.
    checkpoint_dir : str, path-like or None, default=None
        Folder that keeps fits.
    callbacks : list of keras.callbacks.Callback, default=None
        Called in every epoch and batch of training.
    verbose : int, default=0
        1 or 2 lets Keras print the progress of training.
    random_state : int, RandomState, Generator or None, default=None
        Decides the first weights, the patches, the order of the images, and the dropout.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    model_ : keras.Model
        The trained network.
    history_ : dict of str to list of float
        Loss after each epoch, and ``val_loss`` with early stopping.
    n_iter_ : int
        Epochs of training.
    training_time_ : dict of str to float
        `cpu_seconds` and `wall_seconds` of training, as in `ConvNetClassifier`.
    multiply_adds_ : int
        Multiplications of one image's forward pass, times images, times epochs.
    n_parameters_ : int
        Weights, those of the whitening among them.
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
    ConvNetClassifier : The report's network.
    ImageVectorizer : Makes the rows from image files.

    Notes
    -----
    The whitening is that of Coates, Lee & Ng, "An Analysis of Single-Layer Networks in
    Unsupervised Feature Learning" (2011); as a first layer that is not trained, with mirror images
    in turns and one prediction from both, it is part of Jordan, "94% on CIFAR-10 in 3.29 Seconds
    on a Single GPU" (2024). Dropout raises F on 2,524 pictograms of 64 pixels from 0.951 to 0.958,
    with half the spread (means of four and six seeds), and changes nothing on faces and digits.
    What did not help on faces or pictograms of 32 pixels: label
    smoothing, shifted images, weight decay, a strided whitening instead of a pooled one,
    means of whole maps before the last layer. More filters did not either, but on thousands of
    images: F 0.964 with 16 and 0.967 with 32 on 2,524 pictograms, for twice the time. Nor did a
    learning rate that falls with the square root of the steps, where there are more than 200: with
    one convolution and `first_pool` 4, F on 2,524 pictograms is 0.954 instead of 0.945 (means of
    three and two seeds), but that on digits falls from 0.990 to 0.988, and from 0.988 to 0.982
    with two convolutions.

    `partial_fit` learns the whitening from the images of its first call, and has no cycle: each
    call trains with two thirds of `learning_rate`.

    Examples
    --------
    >>> import numpy as np
    >>> from skcomic import SmallNetClassifier
    >>> rows = np.random.default_rng(0).random((20, 16, 16), dtype=np.float32)
    >>> rows[10:, ::2] = 0  # stripes
    >>> rows = rows.reshape(20, 256)
    >>> labels = ["plain"] * 10 + ["striped"] * 10
    >>> net = SmallNetClassifier(n_conv=1, filters=4, batch_size=5, random_state=0)
    >>> net.fit(rows, labels).score(rows, labels)
    1.0
    """

    # Metrics would take a tenth of the time of a fit.
    _metrics: ClassVar[tuple[str, ...]] = ()
    _topology_parameters: ClassVar[tuple[str, ...]] = (
        "patch_size", "first_pool", "n_conv", "filters", "dropout", "image_shape", "precision",
    )  # fmt: skip

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "patch_size": [_COUNT],
        "first_pool": [_COUNT],
        "n_conv": [_COUNT],
        "filters": [_COUNT],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "mirror": ["boolean"],
        "image_shape": [Sides(), StrOptions({"pad"}), None],
        **NetClassifier._parameter_constraints,
    }

    def __init__(
        self,
        *,
        patch_size: int = 3,
        first_pool: int = 2,
        n_conv: int = 2,
        filters: int = 16,
        dropout: float = 0.5,
        mirror: bool = True,
        image_shape: ImageShape = None,
        epochs: int = 12,
        batch_size: int = 32,
        learning_rate: float = 0.01,
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
        self.patch_size = patch_size
        self.first_pool = first_pool
        self.n_conv = n_conv
        self.filters = filters
        self.dropout = dropout
        self.mirror = mirror
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
        """Name of the network, such as ``small_3_2_2``: patch size, first pool, convolutions."""
        return f"small_{self.patch_size}_{self.first_pool}_{self.n_conv}"

    def _build_network(self, n_pixels: int, n_classes: int, **topology: Any) -> Any:
        meta = {"n_features_in_": n_pixels, "n_classes_": n_classes}
        return build_small_net(meta, **topology)

    def _set_up_network(self, rows: np.ndarray) -> None:
        random = np.random.default_rng(self._seed)
        filters, offsets = whitening_filters(rows, self._image_shape, self.patch_size, random)
        whitening = next(layer for layer in self.model_.layers if hasattr(layer, "kernel"))
        whitening.set_weights(
            [
                np.concatenate([filters, -filters], axis=-1)[:, :, np.newaxis],
                np.concatenate([offsets, -offsets]),
            ]
        )

    def _learning_rates(self, n_epochs: int) -> list[float]:
        progress = (np.arange(n_epochs) + 0.5) / n_epochs
        return (self.learning_rate * np.interp(progress, *_CYCLE)).tolist()

    @property
    def _mirrored_shape(self) -> tuple[int, int] | None:
        if not self.mirror or self.image_shape == "pad":
            return None
        return self._image_shape

    @property
    def _image_shape(self) -> tuple[int, int]:
        smallest = smallest_image_side(self.first_pool, self.n_conv)
        return find_image_shape(self.n_features_in_, self.image_shape, smallest)
