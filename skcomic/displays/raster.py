"""A figure of an image as classifiers see it at several sizes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skcomic.displays._tiles import TilesDisplay
from skcomic.images.decoding import PathLike, read_raster
from skcomic.images.grey import Background
from skcomic.images.loading import height_and_width
from skcomic.images.thumbnails import read_thumbnail

_SIDE = 256


class RasterDisplay(TilesDisplay):
    """An image in colours, and its grey pixels at several sizes.

    Create it with `from_path`.

    Parameters
    ----------
    picture : ndarray of shape (height, width, 3), uint8
        The image.
    rasters : sequence of ndarray of shape (height, width), uint8
        Grey levels.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Divided by `plot`.
    axes_ : list of matplotlib Axes
        One for the image, and one for each raster.
    figure_ : matplotlib Figure
        That they are part of.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic import RasterDisplay, load_catalogue
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     images = load_catalogue(make_comic_faces(2, size=64, out_dir=folder).data_dir)
    ...     display = RasterDisplay.from_path(images.path[0], sizes=(32, 16))
    >>> [ax.get_xlabel() for ax in display.plot().axes_]
    ['image', '32x32', '16x16']
    """

    _columns = 5

    def __init__(self, picture: Any, rasters: Sequence[Any]) -> None:
        self.picture = np.asarray(picture)
        self.rasters = [np.asarray(raster) for raster in rasters]
        sides = ("x".join(map(str, raster.shape)) for raster in self.rasters)
        super().__init__([self.picture, *self.rasters], ["image", *sides])

    @classmethod
    def from_path(
        cls,
        path: PathLike,
        *,
        sizes: Sequence[int | tuple[int, int]] = (64, 32),
        background: Background = "white",
    ) -> "RasterDisplay":
        """Show an image file.

        Parameters
        ----------
        path : str or path-like
            The image file.
        sizes : sequence of int or (int, int), default=(64, 32)
            Sides of the rasters, in pixels; pairs are height and width.
        background : {"white", "black", "auto"} or int, default="white"
            What transparent pixels show; see `ImageVectorizer`.

        Returns
        -------
        display : RasterDisplay
            Not yet drawn.

        Raises
        ------
        ImageReadError
            If it cannot be read.
        """
        sides = map(height_and_width, sizes)
        rasters = [read_raster(path, side, background=background) for side in sides]
        return cls(np.asarray(read_thumbnail(path, _SIDE)), rasters)
