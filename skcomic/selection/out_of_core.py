"""Training on a catalogue of any length, with the memory of a few chunks of images."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state, get_tags

from skcomic.catalogue.validation import validate_catalogue
from skcomic.selection.chunks import ChunkReader, cut_chunks, transform_in_pieces

# Of a classifier that does not say.
_EPOCHS = 10


def fit_in_chunks(
    estimator: Pipeline,
    catalogue: pd.DataFrame,
    *,
    epochs: int | None = None,
    chunk_images: int = 4096,
    shuffle: bool = True,
    random_state: Any = None,
) -> Pipeline:
    """Train a pipeline from paths to classes on images whose rows do not fit into memory.

    The next chunk is read in a thread while the classifier is trained on the one before it. No
    more than four chunks of rows are in memory, and the catalogue.

    Parameters
    ----------
    estimator : Pipeline
        Begins with an `ImageVectorizer`, or another transformer that learns nothing, and ends
        with a `SmallNetClassifier`, a `ConvNetClassifier`, or any classifier with `partial_fit`,
        such as ``SGDClassifier(loss="log_loss")``. It is cloned.
    catalogue : DataFrame
        With columns `path` and `label`.
    epochs : int, default=None
        Passes over the images. None: as many as the parameter `epochs` of the classifier says,
        and 10 if it has none.
    chunk_images : int, default=4096
        The largest number of images of a chunk. Of 64x64 pixels, 4096 are 67 MB.
    shuffle : bool, default=True
        Whether the chunks and the images of each chunk come in another order in each epoch; each
        chunk then has its share of each class. Otherwise the images come in the order of the
        catalogue. A net of this package shuffles the images of a chunk in any case.
    random_state : int, RandomState or None, default=None
        Decides the orders. The order of the images of a chunk is, for a net of this package, that
        of its own `random_state`.

    Returns
    -------
    fitted : Pipeline
        Trained.

    Raises
    ------
    ImageReadError
        If a file cannot be read.
    TypeError
        If a step cannot be trained in chunks.
    ValueError
        If a parameter or the catalogue is not valid, or with ``early_stopping=True``.

    See Also
    --------
    predict_files : Predicts any number of images with the memory of one batch.
    evaluate : Computes scores in the same way.

    Notes
    -----
    If all images fit into one chunk, a net of this package comes out as from
    ``estimator.fit(catalogue.path, catalogue.label)``, bit by bit. Otherwise, the learning rate,
    the mirror images and the dropout are those of whole epochs, too; the last batch of each chunk
    may be smaller; the whitening of `SmallNetClassifier` is that of the first chunk.
    `checkpoint_dir` is of no effect. `training_time_` includes what is read meanwhile.

    A transformer with `partial_fit`, such as `StandardScaler`, learns from each chunk of the
    first epoch, before that chunk is transformed. Others, such as `PatchVectorizer`, learn from
    the first chunk alone.

    The images of a class that follow each other in the catalogue are in one chunk, also of a
    shuffled one, which suits files that hold many images. Where they are alike, shuffle the
    catalogue first: ``catalogue.sample(frac=1, random_state=0)``.

    With ``ImageVectorizer(cache=...)`` no image is decoded after the first epoch.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from skcomic import HogVectorizer, ImageVectorizer, fit_in_chunks, load_catalogue
    >>> from skcomic.datasets import make_comic_faces
    >>> sgd = SGDClassifier(loss="log_loss", random_state=0)
    >>> model = make_pipeline(ImageVectorizer(32), HogVectorizer(), sgd)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_comic_faces(12, size=64, out_dir=folder, random_state=0)
    ...     images = load_catalogue(folder)
    ...     fitted = fit_in_chunks(model, images, chunk_images=10, random_state=0)
    ...     fitted.score(images.path, images.label)
    1.0
    """
    for name, value in (("chunk_images", chunk_images), ("epochs", epochs)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be 1 or more, not {value}")
    paths, codes, classes = _factorize(catalogue)
    fitted = clone(estimator)
    vectorizer, transformers, classifier = _split_steps(fitted)
    labels = classes[codes]
    chunks = cut_chunks(codes, chunk_images, mixed=shuffle)
    n_epochs = getattr(classifier, "epochs", _EPOCHS) if epochs is None else epochs
    is_net = hasattr(classifier, "_fit_in_chunks")

    prepare = _Preparation(vectorizer, transformers, paths, labels)
    visits = _visit(
        chunks, n_epochs, check_random_state(random_state), shuffle, shuffle and not is_net
    )
    with ChunkReader(prepare, visits) as reader:
        if is_net:
            classifier._fit_in_chunks(reader, labels, [len(rows) for rows in chunks], n_epochs)
        else:
            for X, y in reader:
                classifier.partial_fit(X, y, classes=classes)
    return fitted


def _factorize(catalogue: pd.DataFrame) -> tuple[pd.Series, np.ndarray, np.ndarray]:
    """Return the paths of a catalogue, the index of each image's class, and the classes."""
    catalogue = validate_catalogue(catalogue)
    codes, classes = pd.factorize(catalogue["label"], sort=True)
    return catalogue["path"], codes.astype(np.int32), classes.to_numpy()


class _Preparation:
    """Makes what the classifier is trained on of a chunk: its rows, transformed, and labels."""

    def __init__(
        self, vectorizer: Any, transformers: list[Any], paths: pd.Series, labels: np.ndarray
    ) -> None:
        self.vectorizer = vectorizer
        self.transformers = transformers
        self.paths = paths
        self.labels = labels
        self.chunk: np.ndarray | None = None
        self.X: Any = None

    def __call__(
        self, visit: tuple[int, np.ndarray, np.ndarray | None], check_open: Callable[[], None]
    ) -> tuple[Any, np.ndarray]:
        epoch, chunk, order = visit
        if self.chunk is not chunk:  # the only chunk is prepared once
            self.X = None  # is freed before the next rows are made
            self.X = self._prepare(chunk, epoch, check_open)
            self.chunk = chunk
        y = self.labels[chunk]
        return (self.X, y) if order is None else (self.X[order], y[order])

    def _prepare(self, chunk: np.ndarray, epoch: int, check_open: Callable[[], None]) -> Any:
        paths, y = self.paths.iloc[chunk], self.labels[chunk]
        is_first = self.chunk is None
        if is_first:
            self.vectorizer.fit(paths)
        X = transform_in_pieces(self.vectorizer, paths, check_open)
        for transformer in self.transformers:
            check_open()
            if hasattr(transformer, "partial_fit"):
                if epoch == 0:
                    transformer.partial_fit(X, y)
            elif is_first:
                transformer.fit(X, y)
            X = transformer.transform(X)
        return X


def _visit(
    chunks: list[np.ndarray],
    n_epochs: int,
    random: np.random.RandomState,
    shuffle: bool,
    shuffle_rows: bool,
) -> Iterator[tuple[int, np.ndarray, np.ndarray | None]]:
    """Give the epoch, the chunk, and the order of its rows, for each chunk of each epoch."""
    for epoch in range(n_epochs):
        numbers = random.permutation(len(chunks)) if shuffle else range(len(chunks))
        for number in numbers:
            chunk = chunks[number]
            yield epoch, chunk, random.permutation(len(chunk)) if shuffle_rows else None


def _split_steps(pipeline: Any) -> tuple[Any, list[Any], Any]:
    """Split a pipeline, and those in it, into the first step, other transformers, classifier."""
    steps: list[tuple[str, Any]] = [("", pipeline)]
    while isinstance(steps[-1][1], Pipeline):
        prefix, inner = steps.pop()
        steps += [(f"{prefix}{name}__", step) for name, step in inner.steps]
    steps = [(name, step) for name, step in steps if step not in (None, "passthrough")]
    (_, first), *others = steps
    if not others or get_tags(first).requires_fit:
        raise TypeError(
            "fit_in_chunks needs a Pipeline whose first step turns paths into rows and learns "
            f"nothing, as ImageVectorizer does, not {type(first).__name__}"
        )
    (name, classifier) = others[-1]
    if not hasattr(classifier, "partial_fit"):
        raise TypeError(
            f"step {name.removesuffix('__')!r}, {type(classifier).__name__}, cannot be trained "
            'in chunks: it has no partial_fit; use SGDClassifier(loss="log_loss") or a '
            "SmallNetClassifier"
        )
    return first, [step for _, step in others[:-1]], classifier
