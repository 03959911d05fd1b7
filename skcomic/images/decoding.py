"""One image file -> one raster; no other module decodes pixels."""

import os
from collections.abc import Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import PIL
from PIL import Image, ImageFile, features

from skcomic.images.grey import Background, max_sixteen_bit_level, to_grey
from skcomic.images.metadata import decode_despite_metadata
from skcomic.images.opening import (
    MAX_PIXELS,
    FailureKind,
    classify_error,
    open_image,
    read_file,
)
from skcomic.images.raster_store import check_row

Resample = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
PathLike = str | os.PathLike[str]

RESAMPLING: dict[str, Image.Resampling] = {
    name: Image.Resampling[name.upper()]
    for name in ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
}

#: Files that are taken for images by their names; others are if their content is that of one.
EXTENSIONS = (
    ".apng", ".avif", ".bmp", ".dds", ".gif", ".heic", ".heif", ".j2k", ".jfif", ".jif", ".jp2",
    ".jpe", ".jpeg", ".jpg", ".jpx", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".sgi",
    ".tif", ".tiff", ".webp",
)  # fmt: skip

# Increase it with every change of this module that changes pixels, so that caches do not use
# rasters of before.
_DECODER_VERSION = 3

# Decoded pixels for each pixel of the raster, along a side, that count as "very many" (`_scale`).
_MIN_RATIO = 8
# Exif 2.3, table 4, and the transpositions that correspond to its values.
_ORIENTATION_TAG = 0x0112
_ORIENTATION_SOURCES = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
_QUARTER_TURNS = {
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ROTATIONS = _QUARTER_TURNS | {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
}


class ImageFailure(NamedTuple):
    """A file that could not be read as an image."""

    path: str
    kind: FailureKind
    reason: str

    def __str__(self) -> str:
        # A name may contain line breaks, or bytes that are not valid text and cannot be printed.
        return f"{self.path if self.path.isprintable() else repr(self.path)}: {self.reason}"


class ImageFacts(NamedTuple):
    """What decoding all of a file has shown; `max_level` is known of 16-bit levels."""

    raster: np.ndarray
    format: str
    width: int
    height: int
    n_frames: int
    max_level: int | None


class Rendering(NamedTuple):
    """What decides the pixels of a raster, apart from the file and the size.

    Parameters
    ----------
    resample, max_pixels, background
        As for `read_raster`.
    """

    resample: Resample = "box"
    max_pixels: int = MAX_PIXELS
    background: Background = "white"


DEFAULT_RENDERING = Rendering()


class ImageReadError(ValueError):
    """One or more files that could not be read as images.

    Parameters
    ----------
    failures : sequence of ImageFailure
        Path, kind and reason of each file, in the order of the input.
    n_images : int, default=1
        Number of files that were tried.

    Attributes
    ----------
    failures : list of ImageFailure
        The same; each has a `path`, a `kind` ("missing", "empty", "not an image", "truncated",
        "too large", "unreadable", "permission" or "connection") and a `reason`, which is text.
    n_images : int
        Number of files that were tried.

    Examples
    --------
    >>> from skcomic import ImageVectorizer
    >>> try:
    ...     ImageVectorizer().transform(["not/there.jpg"])
    ... except ImageReadError as error:
    ...     print(error.failures[0].path, error.failures[0].kind)
    not/there.jpg missing
    """

    def __init__(self, failures: Sequence[ImageFailure], n_images: int = 1) -> None:
        super().__init__(failures, n_images)  # pickle stores these arguments
        self.failures = list(failures)
        self.n_images = n_images

    def __str__(self) -> str:
        listed = "\n".join(f"  {failure}" for failure in self.failures)
        return (
            f"{len(self.failures)} of {self.n_images} images cannot be read; "
            f"repair or remove these files:\n{listed}"
        )


def read_raster(
    path: PathLike,
    size: tuple[int, int],
    resample: Resample = "box",
    *,
    max_pixels: int = MAX_PIXELS,
    background: Background = "white",
) -> np.ndarray:
    """Read an image file as a grey raster of a given size.

    The whole frame is resized to `size`; its aspect ratio is not preserved. The orientation in
    the EXIF data is applied, nothing else of the metadata; transparent pixels are composed with
    `background`; grey levels of 12 and 16 bits are converted to 8 bits; of an animation, the
    first frame is read. Grey is the luma of ITU-R 601, as in Pillow: only the luma of a JPEG file
    is decoded, at 1/8, 1/4 or 1/2 of its size if the result is the same.

    Parameters
    ----------
    path : str or path-like
        The image file.
    size : (int, int)
        Height and width of the raster, in pixels.
    resample : {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}, default="box"
        The filter that resizes the decoded image; "box" is the mean of the pixels covered.
    max_pixels : int, default=178_956_970
        Images of more pixels are refused before any of them is decoded: a file of a few hundred
        bytes can claim to be of any size.
    background : {"white", "black", "auto"} or int, default="white"
        What transparent pixels show: a grey level from 0 (black) to 255. "auto" is black for an
        image whose visible pixels are light (of level 128 or more on average), and white for
        others.

    Returns
    -------
    raster : ndarray of shape (height, width), uint8
        Grey levels, 0 is black.

    Raises
    ------
    ImageReadError
        If the file is missing, not an image, damaged, too large, or in a format or mode without
        a defined grey level; its `failures` describe the problem.

    Notes
    -----
    The formats are AVIF, BMP, DDS, GIF, JPEG, JPEG 2000, PCX, PNG, PPM, PSD, SGI, TIFF and WebP,
    recognised by the content of the file and not by its name. Pillow decodes these without
    starting another program, as it does for PostScript, which is refused. Only regular files are
    opened, not pipes or devices.
    Files of more than 1 GiB, animations of more than 10,000 frames, JPEG files of more than 100
    scans, and run-length encoded BMP files of more than 8 million pixels are refused as well.

    `max_pixels` does not depend on ``PIL.Image.MAX_IMAGE_PIXELS``, which is not changed, and read
    only by Pillow's WebP decoder. ``PIL.ImageFile.LOAD_TRUNCATED_IMAGES`` has its usual effect.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "grey.png")
    ...     Image.new("L", (640, 480), 128).save(path)
    ...     raster = read_raster(path, (2, 3))
    >>> raster
    array([[128, 128, 128],
           [128, 128, 128]], dtype=uint8)
    """
    (raster,), _ = read_rasters(path, [size], Rendering(resample, max_pixels, background))
    return raster


def read_rasters(
    path: PathLike,
    sizes: Sequence[tuple[int, int]],
    rendering: Rendering = DEFAULT_RENDERING,
) -> tuple[list[np.ndarray], int]:
    """Read an image file at several sizes, with as few decodes as possible.

    Parameters
    ----------
    path : str or path-like
        The image file.
    sizes : sequence of (int, int)
        Height and width of each raster, in pixels.
    rendering : Rendering, default=Rendering()
        The parameters of `read_raster`.

    Returns
    -------
    rasters : list of ndarray of shape (height, width), uint8
        Each equal to the result of `read_raster`.
    n_decodes : int
        Number of times that the file was decoded: once, or once for each scale of a JPEG file.

    Raises
    ------
    ImageReadError
        As `read_raster` does.
    """
    name = os.fspath(path)
    check_row(name, list(sizes), rendering.resample, rendering.background)
    rasters: dict[tuple[int, int], np.ndarray] = {}
    n_decodes = 0
    try:
        data = read_file(path)
        while missing := [size for size in sizes if size not in rasters]:
            rasters |= decode_despite_metadata(data, partial(_decode, missing, rendering))
            n_decodes += 1
    except Exception as error:
        # For a damaged file, Pillow's plug-ins raise nearly any exception (struct.error,
        # SyntaxError, KeyError, ...): each means that this file cannot be read.
        raise ImageReadError([ImageFailure(name, *classify_error(name, error))]) from error
    return [rasters[size] for size in sizes], n_decodes


def read_grey(path: PathLike, rendering: Rendering = DEFAULT_RENDERING) -> Image.Image:
    """Read an image file at its full size, grey and upright.

    Parameters
    ----------
    path : str or path-like
        The image file.
    rendering : Rendering, default=Rendering()
        The parameters of `read_raster`.

    Returns
    -------
    image : Image
        Of mode L.

    Raises
    ------
    ImageReadError
        As `read_raster` does.
    """
    name = os.fspath(path)
    check_row(name, [], rendering.resample, rendering.background)
    try:
        return decode_despite_metadata(read_file(path), partial(_decode_upright, rendering))
    except Exception as error:  # any exception, see `read_rasters`
        raise ImageReadError([ImageFailure(name, *classify_error(name, error))]) from error


def resize_grey(
    grey: Image.Image, size: tuple[int, int], rendering: Rendering = DEFAULT_RENDERING
) -> np.ndarray:
    """Make a raster of an image of `read_grey`.

    Parameters
    ----------
    grey : Image
        Of mode L.
    size : (int, int)
        Height and width of the raster, in pixels.
    rendering : Rendering, default=Rendering()
        Its filter is of use here.

    Returns
    -------
    raster : ndarray of shape (height, width), uint8
        Grey levels.
    """
    return np.asarray(_resize(grey, size[::-1], RESAMPLING[rendering.resample], None))


def examine_image(path: PathLike, size: tuple[int, int]) -> ImageFacts:
    """Decode an image file at its full size, so that damage anywhere in it is found.

    Parameters
    ----------
    path : str or path-like
        The image file.
    size : (int, int)
        Height and width of the raster, in pixels.

    Returns
    -------
    facts : ImageFacts
        The `raster`, ndarray of shape (height, width), uint8; the `format` as Pillow names it,
        `width` and `height` in pixels, and the number of frames.

    Raises
    ------
    ImageReadError
        As for `read_raster`, and if a checksum of a PNG file is wrong.
    """
    name = os.fspath(path)
    try:
        return decode_despite_metadata(read_file(path), partial(_examine, size))
    except Exception as error:  # any exception, see `read_rasters`
        raise ImageReadError([ImageFailure(name, *classify_error(name, error))]) from error


def _decode(
    sizes: Sequence[tuple[int, int]], rendering: Rendering, data: bytes
) -> dict[tuple[int, int], np.ndarray]:
    return _grey_rasters(open_image(data, rendering.max_pixels), sizes, rendering)


def _decode_upright(rendering: Rendering, data: bytes) -> Image.Image:
    image = open_image(data, rendering.max_pixels)
    image.load()
    transpose = _ROTATIONS.get(_orientation(image))
    grey = to_grey(image, rendering.background)
    return grey if transpose is None else grey.transpose(transpose)


def _examine(size: tuple[int, int], data: bytes) -> ImageFacts:
    open_image(data, MAX_PIXELS).verify()  # the checksums of PNG, which decoding ignores
    image = open_image(data, MAX_PIXELS)
    width, height = image.size
    rasters = _grey_rasters(image, [size], DEFAULT_RENDERING, full_decode=True)
    n_frames = getattr(image, "n_frames", 1)
    return ImageFacts(
        rasters[size], str(image.format), width, height, n_frames, max_sixteen_bit_level(image)
    )


def decoder_version() -> str:
    """Return what determines the pixels of a raster, apart from the file, its size and the filter.

    Returns
    -------
    version : str
        The versions of this module, of Pillow and of its JPEG library, and whether Pillow is set
        to fill in what is missing from a truncated file.
    """
    lenient = ", lenient" if ImageFile.LOAD_TRUNCATED_IMAGES else ""
    jpeg = features.version_codec("jpg")
    return f"{_DECODER_VERSION}, Pillow {PIL.__version__}, jpeg {jpeg}{lenient}"


def _grey_rasters(
    image: Image.Image,
    sizes: Sequence[tuple[int, int]],
    rendering: Rendering,
    *,
    full_decode: bool = False,
) -> dict[tuple[int, int], np.ndarray]:
    """Decode once, for the first size and those others that use the same scale."""
    box = None
    if image.format == "JPEG" and not full_decode:
        is_rotated = _orientation(image) in _QUARTER_TURNS
        scales = {size: _scale(image.size, size if is_rotated else size[::-1]) for size in sizes}
        sizes = [size for size in sizes if scales[size] == scales[sizes[0]]]
        box = _draft(image, scales[sizes[0]])
    image.load()
    # Applied last, to the smaller number of pixels.
    orientation = _orientation(image)
    transpose = _ROTATIONS.get(orientation)
    grey = to_grey(image, rendering.background)
    rasters = {}
    for size in sizes:
        height, width = size[::-1] if orientation in _QUARTER_TURNS else size
        small = _resize(grey, (width, height), RESAMPLING[rendering.resample], box)
        rasters[size] = np.asarray(small if transpose is None else small.transpose(transpose))
    return rasters


def _orientation(image: Image.Image) -> int:
    # Pillow rotates TIFF files while it loads them, and then changes the orientation in the tags.
    if image.format != "TIFF" and image.info.keys().isdisjoint(_ORIENTATION_SOURCES):
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # of damaged metadata nearly any, and warnings where they are errors
        return 1


def _resize(
    grey: Image.Image,
    target: tuple[int, int],
    resample: Image.Resampling,
    box: tuple[float, float, float, float] | None,
) -> Image.Image:
    x_factor, y_factor = grey.width // target[0], grey.height // target[1]
    is_exact = grey.size == (x_factor * target[0], y_factor * target[1])
    if resample is Image.Resampling.BOX and is_exact and box in (None, (0, 0, *grey.size)):
        # The same mean, rounded once and not twice, and faster.
        return grey.reduce((x_factor, y_factor))
    return grey.resize(target, resample, box=box)


def _scale(full: tuple[int, int], target: tuple[int, int]) -> int:
    """Choose the scale that a JPEG file is decoded at.

    A filter weights whole pixels: resizing the scaled image gives the same as resizing the full
    one if each pixel of the result covers a whole number of decoded pixels, or very many. On 360
    photographs and drawings of 106 to 512 pixels, the result of this rule differs by 0.6 grey
    levels on average and by 3 at most; with any scale of at least the target size, by up to 165.
    """
    for scale in (8, 4, 2):
        ratios = [length / (scale * side) for length, side in zip(full, target, strict=True)]
        if all(r >= _MIN_RATIO or (r >= 1 and r.is_integer()) for r in ratios):
            return scale
    return 1


def _draft(image: Image.Image, scale: int) -> tuple[float, float, float, float] | None:
    """Set the scale of a JPEG file, and to decode only luma; return the box to be resized."""
    full = image.size
    image.draft("L", (full[0] // scale, full[1] // scale))
    if image.size == full:  # also for kinds of JPEG that cannot be scaled
        return None
    # The last row and column of the decoded image may represent less than a whole pixel.
    return (0, 0, full[0] / scale, full[1] / scale)
