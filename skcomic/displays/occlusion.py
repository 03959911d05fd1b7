"""A figure of which part of an image decides about its class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline

from skcomic.displays._tiles import TilesDisplay
from skcomic.evidence.occlusion import occlusion_map
from skcomic.images.loading import height_and_width
from skcomic.images.vectorizer import ImageVectorizer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_REACH = 0.5  # of log-odds: a probability of 0.5 then becomes 0.38


class OcclusionDisplay(TilesDisplay):
    """Images with the parts marked that speak for a class (red) or against it (blue).

    The strongest colour is the largest change in the image itself, if that is 0.5 or more: where
    covering any part changes little, the image stays grey.

    Create it with `from_estimator`.

    Parameters
    ----------
    images : sequence of ndarray of shape (height, width)
        Grey levels in [0, 1].
    maps : sequence of ndarray of shape (height, width)
        By how much the log-odds of the class decrease when what is there is covered.
    captions : sequence of str
        One for each.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Divided by `plot`.
    axes_ : list of matplotlib Axes
        One for each image.
    figure_ : matplotlib Figure
        That they are part of.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic import OcclusionDisplay, load_catalogue, make_contenders
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     images = load_catalogue(make_comic_faces(8, size=32, out_dir=folder).data_dir)
    ...     model = make_contenders(16, random_state=0)["hog"].fit(images.path, images.label)
    ...     display = OcclusionDisplay.from_estimator(model, images.path[:2])
    >>> [decrease.shape for decrease in display.maps]
    [(16, 16), (16, 16)]
    """

    def __init__(
        self, images: Sequence[Any], maps: Sequence[Any], captions: Sequence[str]
    ) -> None:
        super().__init__(images, captions)
        self.maps = [np.asarray(decrease) for decrease in maps]

    @classmethod
    def from_estimator(
        cls, estimator: Any, paths: Any, *, labels: Any = None
    ) -> "OcclusionDisplay":
        """Show what decides about some images.

        Parameters
        ----------
        estimator : Pipeline
            Fitted; begins with an `ImageVectorizer` and gives probabilities.
        paths : array-like of shape (n_images,)
            Image files.
        labels : array-like of shape (n_images,), default=None
            The class that is asked about, for each image. None: the most probable one.

        Returns
        -------
        display : OcclusionDisplay
            Not yet drawn.

        Raises
        ------
        TypeError
            If the estimator is no such pipeline.
        ImageReadError
            If images cannot be read.
        """
        if not (isinstance(estimator, Pipeline) and isinstance(estimator[0], ImageVectorizer)):
            raise TypeError(
                "which part of an image decides is measured of a pipeline that begins with an "
                f"ImageVectorizer, not of {type(estimator).__name__}"
            )
        shape = height_and_width(estimator[0].size)
        images = estimator[0].transform(paths).reshape(-1, *shape)
        classes = estimator.classes_.tolist()
        predict_proba = estimator[1:].predict_proba
        if labels is None:
            chances = predict_proba(images.reshape(len(images), -1))
            labels = [classes[column] for column in chances.argmax(axis=1)]
        maps = [
            occlusion_map(predict_proba, image, classes.index(label))
            for image, label in zip(images, labels, strict=True)
        ]
        return cls(list(images), maps, list(map(str, labels)))

    def _draw(self, ax: "Axes") -> None:
        super()._draw(ax)
        for tile, decrease in zip(self.axes_, self.maps, strict=True):
            reach = max(float(np.abs(decrease).max()), _LEAST_REACH)
            tile.imshow(decrease, cmap="RdBu_r", vmin=-reach, vmax=reach, alpha=0.45)
