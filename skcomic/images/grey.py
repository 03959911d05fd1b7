"""A decoded image -> grey levels of 8 bits, with nothing transparent left."""

from typing import Any, Literal

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from skcomic.images.opening import RefusedError

Background = Literal["white", "black", "auto"] | int

# The level of the background by its name, and the level from which the visible pixels of an image
# are so light, on average, that "auto" puts them on black.
_LEVELS = {"white": 255, "black": 0}
_LIGHT = 128
# TIFF 6.0, section 8: levels are inverted if the photometric interpretation is 0. Pillow does so
# for 8 bits and fewer.
_BITS_PER_SAMPLE_TAG, _PHOTOMETRIC_TAG, _WHITE_IS_ZERO = 258, 262, 0
_SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
_UNSCALED_MODES = ("I", "F", "LAB")
_SIXTEEN = 16


def to_grey(image: Image.Image, background: Background) -> Image.Image:
    """Make a decoded image grey.

    Parameters
    ----------
    image : Image
        Loaded.
    background : str or int
        As for `read_raster`.

    Returns
    -------
    grey : Image
        Of mode L.

    Raises
    ------
    RefusedError
        If its pixels have no defined grey level.
    """
    if image.mode in _SIXTEEN_BIT_MODES:
        return _to_eight_bits(image, background)
    if image.mode in _UNSCALED_MODES:
        raise RefusedError(
            "unreadable",
            f"pixels of mode {image.mode} have no defined grey level; save it as RGB, or as grey "
            "of 8 or 16 bits",
        )
    if image.has_transparency_data:
        return _compose(image.convert("RGBA"), background)
    return image if image.mode == "L" else image.convert("L")


def max_sixteen_bit_level(image: Image.Image) -> int | None:
    """Return the highest level of a loaded image of 16-bit levels; None for others."""
    if image.mode not in _SIXTEEN_BIT_MODES or _bits_per_level(image) != _SIXTEEN:
        return None
    return int(np.asarray(image).max())


def _to_eight_bits(image: Image.Image, background: Background) -> Image.Image:
    white = 2 ** _bits_per_level(image) - 1
    levels = np.asarray(image).astype(np.uint32)
    transparent = image.info.get("transparency")
    is_visible = None if transparent is None else levels != transparent
    if _tiff_tag(image, _PHOTOMETRIC_TAG) == _WHITE_IS_ZERO:
        levels = white - levels
    levels *= 255  # in place, to save memory
    levels += white // 2
    levels //= white
    grey = Image.fromarray(levels.astype(np.uint8))
    if is_visible is None:
        return grey
    alpha = Image.fromarray(np.where(is_visible, 255, 0).astype(np.uint8))
    return _compose(Image.merge("LA", (grey, alpha)).convert("RGBA"), background)


def _bits_per_level(image: Image.Image) -> int:
    """Return the bits of a level of an image that Pillow opens with 16 bits: 12 in some TIFF."""
    bits = _tiff_tag(image, _BITS_PER_SAMPLE_TAG)
    return _SIXTEEN if bits is None else int(bits[0])


def _tiff_tag(image: Image.Image, tag: int) -> Any:
    return image.tag_v2.get(tag) if isinstance(image, TiffImageFile) else None


def _compose(colours: Image.Image, background: Background) -> Image.Image:
    """Put an image with an alpha channel on a background, and make it grey."""
    if background == "auto":
        background = "black" if _are_visible_pixels_light(colours) else "white"
    level = _LEVELS[background] if isinstance(background, str) else int(background)
    ground = Image.new("RGBA", colours.size, (level, level, level, 255))
    return Image.alpha_composite(ground, colours).convert("L")


def _are_visible_pixels_light(colours: Image.Image) -> bool:
    levels, alpha = np.asarray(colours.convert("L")), np.asarray(colours.getchannel("A"))
    weighted = np.multiply(levels, alpha, dtype=np.uint32).sum(dtype=np.uint64)
    return bool(weighted >= _LIGHT * max(1, int(alpha.sum(dtype=np.uint64))))
