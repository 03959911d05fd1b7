"""Image files made of bytes, also files that no encoder writes."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image

# Made by jpegtran -arithmetic of libjpeg-turbo 2.1.5; Pillow reads this kind but cannot write it.
ARITHMETIC = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYG"
    "CAsICQoKCgoKBggLDAsKDAkKCgr/yQALCAAQABABAREA/8wABgAQEAX/2gAIAQEAAD8A/wDvCUJC/wAIzZb/2Q=="
)
ARITHMETIC_PROGRESSIVE = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYG"
    "CAsICQoKCgoKBggLDAsKDAkKCgr/ygALCAAQABABAREA/8wABAAQ/9oACAEBAAAAAf8A3g4nZnbUxoD/zAAEEAX/2gAI"
    "AQEAAQUCwP/MAAQQBf/aAAgBAQAGPwLA/8wABBAF/9oACAEBAAE/IcD/2gAIAQEAAAAQYP/MAAQQBf/aAAgBAQABPxDA"
    "/9k="
)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of an image file."""
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG file."""
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def png(width: int, height: int, *more: bytes, rows: bytes = b"\0" * 9) -> bytes:
    """A grey PNG file with chunks before its pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(more) + pixels


def with_jpeg_size(data: bytes, width: int, height: int) -> bytes:
    """A JPEG file whose header contains another size."""
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def with_many_scans(data: bytes, n_scans: int) -> bytes:
    """A progressive JPEG file in which the last scan is repeated."""
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * n_scans + data[-2:]


def gif_frame(left: int, top: int, width: int, height: int) -> bytes:
    """A frame of a GIF file without pixels."""
    return b"," + struct.pack("<HHHHB", left, top, width, height, 0) + b"\2\0"


def gif(width: int, height: int, *frames: bytes) -> bytes:
    """A GIF file of frames."""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + b"".join(frames) + b";"


def tiff(*tags: tuple[int, int, int, int], more: bytes = b"") -> bytes:
    """A TIFF file of (tag, type, count, value); its directory begins at byte 8."""
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 0) + more


def tiff_tags(width: int, height: int, strips: int = 1) -> list[tuple[int, int, int, int]]:
    """The tags of a grey image."""
    return [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, strips, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, strips, 8),
    ]  # fmt: skip


def bmp(width: int, height: int, compression: int, rows: bytes) -> bytes:
    """A BMP file of 8 bits."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, 0, 0, 0, 256, 0)
    offset = 14 + len(header) + 1024
    start = b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset)
    return start + header + bytes(1024) + rows


def webp_canvas(width: int, height: int) -> bytes:
    """The beginning of an extended WebP file with an empty animation."""
    flags = struct.pack("<I", 2)
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + flags + sides
    body += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_of_many_frames(n_frames: int) -> bytes:
    """An animation in which the first frame is repeated."""
    image = Image.new("RGB", (4, 4))
    other = Image.new("RGB", (4, 4), "white")
    data = encoded(image, "WEBP", save_all=True, append_images=[other], lossless=True)
    start = data.find(b"ANMF")
    (length,) = struct.unpack_from("<I", data, start + 4)
    frame = data[start : start + 8 + length + length % 2]
    body = data[8:start] + frame * n_frames
    return b"RIFF" + struct.pack("<I", len(body)) + body
