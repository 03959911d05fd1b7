"""The metadata of an image file, which never decide whether its pixels are read."""

import struct
from collections.abc import Callable, Iterator
from typing import TypeVar

from skcomic.images.opening import RefusedError

_PNG, _JPEG, _WEBP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"RIFF"

# PNG specification, section 5.4: chunks that a decoder cannot do without begin with a capital.
# Those of transparency and of the number of frames are the others that matter here.
_PNG_KEPT = (b"tRNS", b"acTL")
# ITU-T T.81, table B.1: application segments and comments. APP0 (JFIF) and APP14 (Adobe) say in
# which colour space the pixels are.
_JPEG_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}
_START_OF_SCAN = 0xDA
# WebP container specification: the chunks that hold no pixels.
_WEBP_METADATA = (b"EXIF", b"XMP ", b"ICCP")

T = TypeVar("T")


def decode_despite_metadata(data: bytes, decode: Callable[[bytes], T]) -> T:
    """Decode an image file; if that fails, once more without its metadata.

    Parameters
    ----------
    data : bytes
        The content of the file.
    decode : callable
        Decodes the content of a file; may raise any exception.

    Returns
    -------
    result : object
        What `decode` returns.

    Raises
    ------
    Exception
        The first one that `decode` raised, if it does so without the metadata, too.
    """
    try:
        return decode(data)
    except Exception as error:
        stripped = _strip_metadata(data)
        if stripped == data:
            raise
        try:
            return decode(stripped)
        except Exception as second:
            raise (second if isinstance(second, RefusedError) else error) from None


def _strip_metadata(data: bytes) -> bytes:
    """Leave out what is not needed for the pixels; damaged files may stay as they are."""
    try:
        if data.startswith(_PNG):
            return _PNG + b"".join(_png_chunks(data))
        if data.startswith(_JPEG):
            return _JPEG + b"".join(_jpeg_segments(data))
        if data.startswith(_WEBP):
            body = b"".join(_webp_chunks(data))
            return data[:4] + struct.pack("<I", 4 + len(body)) + data[8:12] + body
    except (struct.error, IndexError):
        pass  # the file ends within its structure: decoding it says so
    return data


def _png_chunks(data: bytes) -> Iterator[bytes]:
    position = len(_PNG)
    while position < len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if name[:1].isupper() or name in _PNG_KEPT:
            yield data[position:end]
        position = end


def _jpeg_segments(data: bytes) -> Iterator[bytes]:
    position = len(_JPEG)
    while data[position] == 0xFF and data[position + 1] != _START_OF_SCAN:
        if data[position + 1] == 0xFF:  # a fill byte
            position += 1
            continue
        end = position + 2 + int(struct.unpack_from(">H", data, position + 2)[0])
        if data[position + 1] not in _JPEG_METADATA:
            yield data[position:end]
        position = end
    yield data[position:]


def _webp_chunks(data: bytes) -> Iterator[bytes]:
    position = 12
    while position < len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        end = position + 8 + length + length % 2
        if name not in _WEBP_METADATA:
            yield data[position:end]
        position = end
