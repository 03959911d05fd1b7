"""One image file -> one raster: the only place where pixels are decoded."""

import os
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import PIL
from PIL import Image, ImageFile, features

from skcomic.images.opening import (
    MAX_PIXELS,
    FailureKind,
    RefusedError,
    classify_error,
    open_image,
    read_file,
)

Resample = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
PathLike = str | os.PathLike[str]

RESAMPLING: dict[str, Image.Resampling] = {
    name: Image.Resampling[name.upper()]
    for name in ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
}

EXTENSIONS = (
    ".bmp",
    ".gif",
    ".jp2",
    ".jpeg",
    ".jpg",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)

# To be raised whenever this module makes other pixels: caches then forget the former ones.
_DECODER_VERSION = 2

# Decoded pixels for each pixel of the raster, along a side, that count as "very many" (`_scale`).
_MIN_RATIO = 8
# Exif 2.3, table 4, and the turns that its values ask for.
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
_SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
_UNSCALED_MODES = ("I", "F", "LAB")


class ImageFailure(NamedTuple):
    """A file that could not be read as an image."""

    path: str
    kind: FailureKind
    reason: str

    def __str__(self) -> str:
        # A name may hold line breaks, or bytes that are no text and that nobody can print.
        return f"{self.path if self.path.isprintable() else repr(self.path)}: {self.reason}"


class ImageFacts(NamedTuple):
    """What a file turned out to hold, once all of it was decoded."""

    raster: np.ndarray
    format: str
    width: int
    height: int
    n_frames: int


class ImageReadError(ValueError):
    """One or more files that could not be read as images.

    Parameters
    ----------
    failures : sequence of ImageFailure
        Path, kind and reason of each file, in the order of the input.
    n_images : int, default=1
        How many files were tried.

    Attributes
    ----------
    failures : list of ImageFailure
        The same; each has a `path`, a `kind` ("missing", "empty", "not an image", "truncated",
        "too large", "unreadable" or "permission") and a `reason` in words.
    n_images : int
        How many files were tried.

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
        super().__init__(failures, n_images)  # the arguments are what pickle keeps
        self.failures = list(failures)
        self.n_images = n_images

    def __str__(self) -> str:
        listed = "\n".join(f"  {failure}" for failure in self.failures)
        return (
            f"{len(self.failures)} of {self.n_images} images cannot be read; "
            f"mend or remove these files:\n{listed}"
        )


def read_raster(
    path: PathLike,
    size: tuple[int, int],
    resample: Resample = "box",
    *,
    max_pixels: int = MAX_PIXELS,
) -> np.ndarray:
    """Read an image file as a grey raster of the wanted size.

    The whole frame is scaled to `size`, whatever its proportions. The orientation of the
    EXIF data is applied; transparent pixels are laid over white; 16-bit grey levels are
    brought to 8 bits; of an animation the first frame is read. Grey is the luma of ITU-R 601,
    as in Pillow: of a JPEG file nothing else is decoded, and that at 1/8, 1/4 or 1/2 of its
    size where the result is the same.

    Parameters
    ----------
    path : str or path-like
        The image file.
    size : (int, int)
        Height and width of the raster, in pixels.
    resample : {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}, default="box"
        The filter that scales the decoded image; "box" is the mean of the pixels covered.
    max_pixels : int, default=178_956_970
        Images of more pixels are refused before anything of them is decoded: a file of some
        hundred bytes can claim to be of any size.

    Returns
    -------
    raster : ndarray of shape (height, width), uint8
        Grey levels, 0 is black.

    Raises
    ------
    ImageReadError
        If the file is missing, not an image, damaged, in a format or mode that has no
        agreed grey level, or too large; its `failures` tell which.

    Notes
    -----
    Read are BMP, GIF, JPEG, JPEG 2000, PNG, PPM, TIFF and WebP files, by their content and not
    by their names: those that Pillow decodes by itself. Nothing that it hands to another program,
    such as PostScript, is. Only regular files are opened, no pipes or devices. Refused are also
    files of more than 1 GiB, animations of more than 10,000 frames, JPEG files of more than 100
    scans, and run-length encoded BMP files of more than 8 million pixels.

    `max_pixels` holds whatever ``PIL.Image.MAX_IMAGE_PIXELS`` says, which is neither changed nor,
    but by Pillow's WebP decoder, asked. ``PIL.ImageFile.LOAD_TRUNCATED_IMAGES`` is obeyed.

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
    (raster,), _ = read_rasters(path, [size], resample, max_pixels=max_pixels)
    return raster


def read_rasters(
    path: PathLike,
    sizes: Sequence[tuple[int, int]],
    resample: Resample = "box",
    *,
    max_pixels: int = MAX_PIXELS,
) -> tuple[list[np.ndarray], int]:
    """Read an image file at several sizes, with as few decodes as give what one of each gives.

    Parameters
    ----------
    path : str or path-like
        The image file.
    sizes : sequence of (int, int)
        Height and width of each raster, in pixels.
    resample, max_pixels
        As for `read_raster`.

    Returns
    -------
    rasters : list of ndarray of shape (height, width), uint8
        Each as from `read_raster`.
    n_decodes : int
        How often the file was decoded: a JPEG file once for each scale that is wanted.

    Raises
    ------
    ImageReadError
        As `read_raster` does.
    """
    name = os.fspath(path)
    rasters: dict[tuple[int, int], np.ndarray] = {}
    n_decodes = 0
    try:
        data = read_file(name)
        while missing := [size for size in sizes if size not in rasters]:
            image = open_image(data, max_pixels)
            rasters |= _grey_rasters(image, missing, RESAMPLING[resample])
            n_decodes += 1
    except Exception as error:
        # A damaged file makes Pillow's plug-ins raise nearly anything (struct.error,
        # SyntaxError, KeyError, ...): all of them mean that this file cannot be read.
        raise ImageReadError([ImageFailure(name, *classify_error(name, error))]) from error
    return [rasters[size] for size in sizes], n_decodes


def examine_image(path: PathLike, size: tuple[int, int]) -> ImageFacts:
    """Decode an image file in full, without any shortcut, so that damage anywhere is seen.

    Parameters
    ----------
    path : str or path-like
        The image file.
    size : (int, int)
        Height and width of the raster that is kept of it, in pixels.

    Returns
    -------
    facts : ImageFacts
        The `raster`, ndarray of shape (height, width), uint8; the `format` as Pillow names it,
        `width` and `height` in pixels, and the number of frames.

    Raises
    ------
    ImageReadError
        As `read_raster` does, and if a checksum of a PNG file is wrong.
    """
    name = os.fspath(path)
    try:
        data = read_file(name)
        open_image(data, MAX_PIXELS).verify()  # the checksums of PNG, which decoding passes over
        image = open_image(data, MAX_PIXELS)
        width, height = image.size
        rasters = _grey_rasters(image, [size], RESAMPLING["box"], full_decode=True)
        n_frames = getattr(image, "n_frames", 1)
        return ImageFacts(rasters[size], str(image.format), width, height, n_frames)
    except Exception as error:  # of any kind, see `read_rasters`
        raise ImageReadError([ImageFailure(name, *classify_error(name, error))]) from error


def decoder_version() -> str:
    """Tell what decides the pixels of a raster beside the file, its size and the filter.

    Returns
    -------
    version : str
        Of the rules in this module, of Pillow and of the JPEG library in it, and whether Pillow
        has been told to make up what a truncated file lacks.
    """
    lenient = ", lenient" if ImageFile.LOAD_TRUNCATED_IMAGES else ""
    jpeg = features.version_codec("jpg")
    return f"{_DECODER_VERSION}, Pillow {PIL.__version__}, jpeg {jpeg}{lenient}"


def _grey_rasters(
    image: Image.Image,
    sizes: Sequence[tuple[int, int]],
    resample: Image.Resampling,
    *,
    full_decode: bool = False,
) -> dict[tuple[int, int], np.ndarray]:
    """Decode once, for the first size and those others that want the same scale."""
    box = None
    if image.format == "JPEG" and not full_decode:
        is_rotated = _orientation(image) in _QUARTER_TURNS
        scales = {size: _scale(image.size, size if is_rotated else size[::-1]) for size in sizes}
        sizes = [size for size in sizes if scales[size] == scales[sizes[0]]]
        box = _draft(image, scales[sizes[0]])
    image.load()
    # Applied last, to the few pixels that are left.
    orientation = _orientation(image)
    transpose = _ROTATIONS.get(orientation)
    grey = _to_grey(image)
    rasters = {}
    for size in sizes:
        height, width = size[::-1] if orientation in _QUARTER_TURNS else size
        small = _resize(grey, (width, height), resample, box)
        rasters[size] = np.asarray(small if transpose is None else small.transpose(transpose))
    return rasters


def _orientation(image: Image.Image) -> int:
    # Of a TIFF file that is loaded it is what is left to do: Pillow turns those by itself.
    if image.format != "TIFF" and image.info.keys().isdisjoint(_ORIENTATION_SOURCES):
        return 1
    return image.getexif().get(_ORIENTATION_TAG, 1)


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

    A filter works in whole pixels: resizing an already scaled raster gives what resizing the
    full one gives if the pixels of the result are made of whole decoded pixels, or of very
    many. On 360 photographs and drawings of 106 to 512 pixels this rule stays within 0.6 grey
    levels on average and 3 at most; the plain "at least the wanted size" is off by up to 165.
    """
    for scale in (8, 4, 2):
        ratios = [length / (scale * side) for length, side in zip(full, target, strict=True)]
        if all(r >= _MIN_RATIO or (r >= 1 and r.is_integer()) for r in ratios):
            return scale
    return 1


def _draft(image: Image.Image, scale: int) -> tuple[float, float, float, float] | None:
    """Have a JPEG file decoded at a scale, luma alone; return the box of it to be resized."""
    full = image.size
    image.draft("L", (full[0] // scale, full[1] // scale))
    if image.size == full:  # also of a kind of JPEG that is not scaled
        return None
    # The last row and column of the decoded raster may stand for less than a pixel.
    return (0, 0, full[0] / scale, full[1] / scale)


def _to_grey(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT_MODES:
        levels = np.asarray(image).astype(np.uint32)
        levels *= 255  # in place, since there may be many of them
        levels += 32_767
        levels //= 65_535
        return Image.fromarray(levels.astype(np.uint8))
    if image.mode in _UNSCALED_MODES:
        raise RefusedError(
            "unreadable",
            f"pixels of mode {image.mode} have no agreed grey level; save it as RGB, or as grey "
            "of 8 or 16 bits",
        )
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(white, colours).convert("L")
    return image if image.mode == "L" else image.convert("L")
