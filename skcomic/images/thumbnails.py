"""Small pictures of image files, for people."""

import io
import os
from functools import partial

import numpy as np
from PIL import Image, ImageOps

from skcomic.images.decoding import (
    MAX_PIXELS,
    ImageFailure,
    ImageReadError,
    PathLike,
)
from skcomic.images.metadata import decode_despite_metadata
from skcomic.images.opening import classify_error, open_image, read_file

_SIDE = 96


def read_thumbnail(path: PathLike, side: int = _SIDE) -> Image.Image:
    """Read a small picture of an image file, in its colours and proportions.

    Parameters
    ----------
    path : str or path-like
        The image file; what is transparent in it becomes white.
    side : int, default=96
        Of the longer side, in pixels.

    Returns
    -------
    picture : PIL.Image.Image
        In colours.

    Raises
    ------
    ImageReadError
        As `read_raster` does.
    """
    name = os.fspath(path)
    try:
        return decode_despite_metadata(read_file(name), partial(_shrink, side))
    except Exception as error:  # any exception, see `read_rasters`
        raise ImageReadError([ImageFailure(name, *classify_error(name, error))]) from error


def encode_thumbnail(path: PathLike, side: int = _SIDE) -> bytes:
    """Make a small JPEG picture of an image file; see `read_thumbnail`.

    Parameters
    ----------
    path : str or path-like
        The image file.
    side : int, default=96
        Of the longer side, in pixels.

    Returns
    -------
    jpeg : bytes
        A JPEG file.

    Raises
    ------
    ImageReadError
        As `read_raster` does.
    """
    return _encode(read_thumbnail(path, side))


def encode_raster(raster: np.ndarray, side: int = _SIDE) -> bytes:
    """Make a JPEG picture of a raster, in which its pixels can be seen.

    Parameters
    ----------
    raster : ndarray of shape (height, width), uint8
        Grey levels.
    side : int, default=96
        Of the longer side of the picture, at least, in its pixels.

    Returns
    -------
    jpeg : bytes
        A JPEG file.
    """
    factor = max(1, -(-side // max(raster.shape)))
    return _encode(Image.fromarray(np.kron(raster, np.ones((factor, factor), np.uint8))))


def _shrink(side: int, data: bytes) -> Image.Image:
    opened = open_image(data, MAX_PIXELS)
    opened.draft("RGB", (2 * side, 2 * side))
    opened.load()
    image: Image.Image = opened
    if image.mode.startswith("I;16"):  # of 16 bits
        image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        colours = upright.convert("RGBA")
        white = Image.new("RGBA", colours.size, "white")
        upright = Image.alpha_composite(white, colours)
    upright = upright.convert("RGB")
    upright.thumbnail((side, side))
    return upright


def _encode(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()
