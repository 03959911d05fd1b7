"""A figure of the images that a classifier mistakes most surely."""

from typing import Any

import numpy as np
import pandas as pd

from skcomic.displays._tiles import TilesDisplay
from skcomic.evidence.suspects import rank_suspects
from skcomic.images.thumbnails import read_thumbnail

_MAX_LETTERS = 22


class ImageGridDisplay(TilesDisplay):
    """Images in rows, each with a caption.

    Create it with `from_predictions` for the mistakes of a classifier.

    Parameters
    ----------
    pictures : sequence of ndarray of shape (height, width) or (height, width, 3)
        Grey levels or colours: uint8, or float in [0, 1].
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
    >>> import numpy as np
    >>> from skcomic import ImageGridDisplay
    >>> display = ImageGridDisplay([np.zeros((8, 8)), np.ones((8, 8))], ["black", "white"])
    >>> [ax.get_xlabel() for ax in display.plot().axes_]
    ['black', 'white']
    """

    @classmethod
    def from_predictions(
        cls, paths: Any, y_true: Any, y_proba: Any, *, classes: Any, max_images: int = 12
    ) -> "ImageGridDisplay":
        """Show the mistakes of a classifier, those that it is surest of first.

        The caption of each is its label, the probability that the classifier gives that, and what
        it takes the image for.

        Parameters
        ----------
        paths : array-like of shape (n_images,)
            Image files.
        y_true : array-like of shape (n_images,)
            Their labels.
        y_proba : array-like of shape (n_images, n_classes)
            Probabilities of all classes.
        classes : array-like of shape (n_classes,)
            The labels of the columns, sorted.
        max_images : int, default=12
            How many are shown at most.

        Returns
        -------
        display : ImageGridDisplay
            Not yet drawn; without pictures if there are no mistakes.

        Raises
        ------
        ImageReadError
            If a mistaken image cannot be read.
        """
        images = pd.DataFrame({"path": np.asarray(paths), "label": np.asarray(y_true)})
        mistakes = rank_suspects(images, np.asarray(y_proba), classes).head(max_images)
        captions = [
            f"{_shorten(row.label)} ({row.probability:.0%})\ntaken for {_shorten(row.predicted)}"
            for row in mistakes.itertuples()
        ]
        return cls([np.asarray(read_thumbnail(path)) for path in mistakes.path], captions)


def _shorten(label: Any) -> str:
    text = str(label)
    return text if len(text) <= _MAX_LETTERS else f"{text[: _MAX_LETTERS - 1]}…"
