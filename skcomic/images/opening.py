"""One file -> an image that Pillow has opened but not decoded, or the reason to refuse it."""

import errno
import os
import re
import stat
import struct
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from typing import Literal

from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.DdsImagePlugin import DdsImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PcxImagePlugin import PcxImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.PsdImagePlugin import PsdImageFile
from PIL.SgiImagePlugin import SgiImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from skcomic.images.raster_store import read_row_file
from skcomic.images.remote import START_BYTES, RemoteFile
from skcomic.images.urls import is_url

# Formats that Pillow decodes itself. Those for which it starts another program (EPS:
# Ghostscript) are excluded: opening an image must not run a program.
_FORMATS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "TIFF": TiffImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "PPM": PpmImageFile,
    "JPEG2000": Jpeg2KImageFile,
    "AVIF": AvifImageFile,
    "PSD": PsdImageFile,
    "PCX": PcxImageFile,
    "SGI": SgiImageFile,
    "DDS": DdsImageFile,
}

# Images of other formats, recognised to say what to do about them: the first bytes and where they
# begin, the name of the format, and how Pillow could read it.
_OTHER_FORMATS: tuple[tuple[int, tuple[bytes, ...], str, str], ...] = (
    (4, tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis",
     b"mif1", b"msf1")), "HEIC", "pillow-heif"),
    (4, (b"ftypavif", b"ftypavis"), "AVIF", "pillow-avif-plugin"),
    (0, (b"\xff\x0a", b"\0\0\0\x0cJXL "), "JPEG XL", "pillow-jxl-plugin"),
    (0, (b"\0\0\1\0",), "ICO", ""),
    (0, (b"icns",), "ICNS", ""),
    (0, (b"qoif",), "QOI", ""),
    (0, (b"v/1\1",), "OpenEXR", ""),
)  # fmt: skip

# Pillow raises DecompressionBombError for more pixels than this (twice its default
# Image.MAX_IMAGE_PIXELS), but by a global that a program may have changed: this limit does not
# depend on that global.
MAX_PIXELS = 178_956_970
# 400 s of animation at 25 frames per second. Such files are cheap to read: 5 ms for a GIF file of
# 10,000 empty frames (2 cores of an AMD EPYC, as all times here).
MAX_FRAMES = 10_000
# A file is held in memory while it is decoded. This is enough for MAX_PIXELS of three 16-bit
# channels without compression (178,956,970 x 6 = 2**30 - 4).
MAX_BYTES = 1 << 30

# Each scan of a JPEG file is applied to all of its pixels, and may be as short as ten bytes.
# libjpeg writes 6 scans of a grey image and 10 of a coloured one; 100 scans of 4096x4096 grey
# pixels take 1.6 s. "Two Issues with the JPEG Standard" at libjpeg-turbo.org describes what
# thousands of them do.
_MAX_SCANS = 100
# Pillow decodes run-length encoded BMP files in Python: this many pixels in runs of 255 take
# 0.05 s, in runs of one 5.9 s.
_MAX_RUN_LENGTH_PIXELS = 1 << 23

# Read first, to decide whether the file is an image. Most images are smaller, and are read by one
# call.
_HEAD_BYTES = 1 << 20
# A GIF image descriptor (10 bytes), the code size and an empty block of data (1 byte each); GIF89a
# specification, sections 20 and 22.
_SMALLEST_GIF_FRAME = 12
# The version number in the header of a BigTIFF file; that of a TIFF file is 42.
_BIG_TIFF = 43
# The fewest bits of a pixel in a JPEG file: each block of 8x8 takes a Huffman code for its mean at
# least, and a code one bit (ITU-T T.81, annexes F and G).
_MIN_JPEG_BITS = 1 / 64
# The largest number of bytes that one byte of a DEFLATE stream, as in PNG, can produce: a match is
# of 258 bytes at most, the codes of its length and its distance take one bit each at least, and
# 258 * 8 / 2 = 1032 (RFC 1951, sections 3.2.5 and 3.2.7; zlib's "Technical Details" have the same
# limit).
_MAX_DEFLATE_RATIO = 1032
# Samples of a pixel by colour type: grey, RGB, palette, grey with alpha, RGB with alpha (PNG
# specification, section 11.2.1).
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_HUFFMAN_TABLES = b"\xff\xc4"
_START_OF_SCAN = re.compile(rb"\xff\xda")
# Pillow's messages about files that end too early, and about texts and profiles that are too large
# when decompressed.
_TRUNCATED_MESSAGES = re.compile(
    r"truncat|EOF|end of |not enough|incomplete|not large enough|only got|broken data stream",
    re.IGNORECASE,
)
_TOO_LARGE_MESSAGES = re.compile(r"data too large|too much memory", re.IGNORECASE)

FailureKind = Literal[
    "missing", "empty", "not an image", "truncated", "too large", "unreadable", "permission",
    "connection",
]  # fmt: skip


class RefusedError(Exception):
    """A file that is refused before it is decoded.

    Parameters
    ----------
    kind : FailureKind
        As in `ImageFailure`.
    reason : str
        As in `ImageFailure`.
    """

    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason


def read_file(name: str | os.PathLike[str]) -> bytes:
    """Read a file whose first bytes are those of an image.

    Parameters
    ----------
    name : str or path-like
        Path, URL, or path of a row of a store. Only regular files are opened, not pipes.

    Returns
    -------
    data : bytes
        The content of the file.

    Raises
    ------
    RefusedError
        If it is not an image, not a regular file, empty or too large.
    OSError
        If the system or the store cannot read it.
    """
    if (row := read_row_file(name)) is not None:
        return row
    if is_url(name):
        return _read_remote(name if isinstance(name, RemoteFile) else RemoteFile(str(name)))
    # Neither pathlib nor a file object: they would take a tenth of the time of a small image.
    try:
        state = os.stat(name)  # noqa: PTH116
    except ValueError as error:
        raise RefusedError("missing", f"is not a valid file name ({error})") from error
    if not stat.S_ISREG(state.st_mode):
        is_folder = stat.S_ISDIR(state.st_mode)
        raise RefusedError("not an image", "is a folder" if is_folder else "is not a regular file")
    _check_bytes(size := state.st_size)
    # Non-blocking, in case it was replaced by a pipe in the meantime.
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        data = os.read(descriptor, min(size, _HEAD_BYTES))
        _format_of(data)
        while len(data) < size and (more := os.read(descriptor, size - len(data))):
            data += more
    finally:
        os.close(descriptor)
    return data


def _read_remote(file: RemoteFile) -> bytes:
    data = file.read_start()
    _check_bytes(len(data))
    _format_of(data)
    if len(data) == START_BYTES:
        _check_bytes(len(data := file.read(MAX_BYTES + 1)))
    return data


def _check_bytes(size: int) -> None:
    if not size:
        raise RefusedError("empty", "is empty")
    if size > MAX_BYTES:
        raise RefusedError("too large", f"{size} bytes are more than the limit of {MAX_BYTES}")


def open_image(data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    """Open the bytes of an image file, without decoding them.

    ``PIL.Image.open`` is not used, since its limits depend on a global, and it warns.

    Parameters
    ----------
    data : bytes
        The content of the file.
    max_pixels : int
        Images of more pixels are refused.

    Returns
    -------
    image : ImageFile
        The first frame.

    Raises
    ------
    RefusedError
        If the image is truncated, or exceeds one of the limits of this module.
    Exception
        Nearly any other exception, if the file is damaged.
    """
    kind = _format_of(data)
    if kind is GifImageFile:  # Pillow allocates memory for GIF and WebP as soon as they are opened
        _check_gif(data, max_pixels)
    elif kind is WebPImageFile:
        _check_webp(data, max_pixels)
    elif kind is TiffImageFile:
        _check_tiff(data)
    image = kind(BytesIO(data))
    _check_pixels(image.size, max_pixels)
    _check_frames(image)
    if isinstance(image, JpegImageFile):
        _check_jpeg(image, data)
        image.decodermaxblock = len(data)  # in one block: Python would join several
    elif isinstance(image, PngImageFile):
        _check_png(image, data)
    elif isinstance(image, BmpImageFile) and image.tile[0][0] == "bmp_rle":
        _check_pixels(image.size, min(max_pixels, _MAX_RUN_LENGTH_PIXELS))
    elif isinstance(image, TiffImageFile) and image.width * image.height > _pillow_pixel_limit():
        # Its memory is allocated here, since Pillow would check that global while it loads.
        image.im = Image.core.new(image.mode, getattr(image, "_tile_size", image.size))
    return image


def classify_error(name: str, error: Exception) -> tuple[FailureKind, str]:
    """Return the kind of a failure, and the reason as text.

    Parameters
    ----------
    name : str
        Path of the file.
    error : Exception
        The exception raised by `read_file`, by `open_image` or while decoding the image.

    Returns
    -------
    kind, reason : str
        As in `ImageFailure`.
    """
    if isinstance(error, RefusedError):
        return error.kind, error.reason
    if isinstance(error, PermissionError):
        return "permission", "no permission to read it"
    if isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        is_link = os.path.islink(name)  # noqa: PTH114
        return "missing", "is a broken link" if is_link else "no such file"
    if isinstance(error, ConnectionError):
        return "connection", str(error)
    if isinstance(error, MemoryError):
        return "too large", "there is not enough memory to decode it"
    if isinstance(error, OSError) and error.strerror:
        return "unreadable", f"the system cannot read it ({error.strerror})"
    reason = " ".join(str(error).split()) or type(error).__name__
    is_bomb = isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning)
    if is_bomb or _TOO_LARGE_MESSAGES.search(reason):
        return "too large", f"requires too much memory ({reason})"
    is_truncated = isinstance(error.__cause__ or error, EOFError | IndexError | struct.error)
    if is_truncated or _TRUNCATED_MESSAGES.search(reason):
        return "truncated", f"ends too early, or is damaged ({reason})"
    return "unreadable", f"is damaged, or of an unsupported kind ({reason})"


def is_image_head(head: bytes) -> bool:
    """Return whether a file is an image, judged by its first bytes.

    Parameters
    ----------
    head : bytes
        The first 64 bytes or more.

    Returns
    -------
    is_image : bool
        Also for images that cannot be read without a plug-in of Pillow.
    """
    return _known_format(head) is not None or _other_format(head) is not None


def _format_of(data: bytes) -> type[ImageFile.ImageFile]:
    if (kind := _known_format(data)) is not None:
        return kind
    if (other := _other_format(data)) is not None:
        name, plugin = other
        with_plugin = f" Pillow does so with the plug-in {plugin};" if plugin else ""
        raise RefusedError(
            "not an image",
            f"is of the format {name}, which is not read here;{with_plugin} convert it to JPEG "
            "or PNG",
        )
    names = ", ".join(sorted(_FORMATS))
    raise RefusedError("not an image", f"not an image in any of the formats {names}")


def _known_format(data: bytes) -> type[ImageFile.ImageFile] | None:
    head = data[:16]
    for name, kind in _FORMATS.items():
        if kind is AvifImageFile and b"avi" not in data[8:64]:
            continue  # Pillow would take HEIC files for AVIF
        accepts = Image.OPEN[name][1]
        if accepts is not None and accepts(head) is True:
            return kind
    return None


def _other_format(data: bytes) -> tuple[str, str] | None:
    for offset, signatures, name, plugin in _OTHER_FORMATS:
        if data[:16].startswith(signatures, offset):
            return name, plugin
    return None


def _pillow_pixel_limit() -> float:
    return Image.MAX_IMAGE_PIXELS or float("inf")


def _check_pixels(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise RefusedError(
            "too large", f"{width} x {height} pixels are more than the limit of {max_pixels}"
        )


def _check_frames(image: ImageFile.ImageFile) -> None:
    # For GIF and TIFF, Pillow would scan the whole file; for the others it has read the number.
    if isinstance(image, PngImageFile | WebPImageFile):
        _check_frame_count(getattr(image, "n_frames", 1))


def _check_frame_count(n_frames: int) -> None:
    if n_frames > MAX_FRAMES:
        raise RefusedError(
            "too large", f"an animation of more frames than the limit of {MAX_FRAMES}"
        )


def _check_gif(data: bytes, max_pixels: int) -> None:
    frames = _gif_frames(data)
    width, height = struct.unpack_from("<HH", data, 6)
    if (first_frame := next(frames, None)) is not None:  # it may exceed the canvas
        left, top, frame_width, frame_height = struct.unpack_from("<HHHH", data, first_frame + 1)
        width, height = max(width, left + frame_width), max(height, top + frame_height)
    _check_pixels((width, height), max_pixels)
    if len(data) > MAX_FRAMES * _SMALLEST_GIF_FRAME:
        _check_frame_count(1 + sum(1 for _ in islice(frames, MAX_FRAMES)))


def _gif_frames(data: bytes) -> Iterator[int]:
    """Iterate over the blocks of a GIF file; yield the positions of its frames."""
    try:
        position = 13 + _palette_bytes(data[10])
        while data[position] != ord(";"):
            if data[position] == ord(","):
                yield position
                position += 11 + _palette_bytes(data[position + 9])
            elif data[position] == ord("!"):
                position += 2
            else:
                position += 1
                continue
            while data[position]:
                position += data[position] + 1
            position += 1
    except IndexError:  # the end of the file
        return


def _palette_bytes(flags: int) -> int:
    return 6 << (flags & 7) if flags & 128 else 0


def _check_webp(data: bytes, max_pixels: int) -> None:
    n_bytes = 8 + int.from_bytes(data[4:8], "little")
    if n_bytes > len(data):
        raise RefusedError(
            "truncated", f"ends too early: it has {len(data)} of its {n_bytes} bytes"
        )
    _check_pixels(_webp_canvas(data), max_pixels)


def _webp_canvas(data: bytes) -> tuple[int, int]:
    chunk = data[12:16]
    if chunk == b"VP8X":
        return (
            1 + int.from_bytes(data[24:27], "little"),
            1 + int.from_bytes(data[27:30], "little"),
        )
    if chunk == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _check_tiff(data: bytes) -> None:
    # If the directory is missing, Pillow only warns, and fails later with other errors.
    byteorder: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    is_big = int.from_bytes(data[2:4], byteorder) == _BIG_TIFF
    directory = int.from_bytes(data[8:16] if is_big else data[4:8], byteorder)
    if directory >= len(data):
        raise RefusedError(
            "truncated", f"ends too early: its directory should begin at byte {directory}"
        )


def _check_jpeg(image: JpegImageFile, data: bytes) -> None:
    assert image.fp is not None
    data_start = image.fp.tell()
    # A single scan of all channels, the usual case, is the only scan that libjpeg reads.
    if "progressive" in image.info or data[data_start - 4 - 2 * image.layers] != image.layers:
        n_scans = len(_START_OF_SCAN.findall(data, data_start))
        if n_scans > _MAX_SCANS:
            raise RefusedError(
                "too large", f"{n_scans} scans are more than the limit of {_MAX_SCANS}"
            )
    if _HUFFMAN_TABLES in data[:data_start]:
        _check_length(image, data, _MIN_JPEG_BITS)


def _check_png(image: PngImageFile, data: bytes) -> None:
    if data[12:16] == b"IHDR":
        depth, colours = data[24], _PNG_CHANNELS.get(data[25], 1)
        _check_length(image, data, depth * colours / _MAX_DEFLATE_RATIO)


def _check_length(image: ImageFile.ImageFile, data: bytes, min_bits_per_pixel: float) -> None:
    """Refuse a wrong size: if the file has an end marker, decoders fill in missing pixels."""
    if len(data) * 8 < image.width * image.height * min_bits_per_pixel:
        raise RefusedError(
            "truncated",
            f"ends too early: {len(data)} bytes cannot hold {image.width} x {image.height} pixels",
        )
