"""A folder -> the image files in it and in its sub-folders, and what was skipped."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from skcomic.images.decoding import EXTENSIONS
from skcomic.images.opening import is_image_head

# Folders of copies and previews that systems keep beside the images: macOS in archives, Synology,
# Windows, QNAP, and file systems of Linux.
SYSTEM_FOLDERS = frozenset(
    {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"}
)

HIDDEN, SYSTEM, NO_IMAGE = "hidden file", "folder of the system", "not an image"

_HEAD_BYTES = 64


def walk_images(
    folder: str,
    skipped: Counter[str],
    extensions: tuple[str, ...] | None = None,
    parents: tuple[str, ...] = (),
) -> Iterator[str]:
    """List the images in a folder and its sub-folders.

    Parameters
    ----------
    folder : str
        The folder. Links are followed, but not to a folder that they are in.
    skipped : Counter
        What is skipped is counted here, by the reason.
    extensions : tuple of str, default=None
        Lower case; only files whose names end so are listed. None: files of `EXTENSIONS`, and
        others whose first bytes are those of an image.
    parents : tuple of str, default=()
        Folders that are being listed.

    Yields
    ------
    path : str
        Of an image, in the order of the names in each folder; or of a folder that cannot be
        listed, for which reading it gives the reason.
    """
    real = os.path.realpath(folder)
    if real in parents:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder
        return
    for entry in entries:
        if (reason := skipping_reason(entry)) is not None:
            skipped[reason] += 1
        elif entry.is_dir():
            yield from walk_images(entry.path, skipped, extensions, (*parents, real))
        elif _is_image(entry, extensions):
            yield entry.path
        else:
            skipped[NO_IMAGE] += 1


def list_counts(counts: Mapping[str, int]) -> str:
    """List numbers in a sentence, such as "hidden file: 2, not an image: 1"."""
    return ", ".join(f"{what}: {count}" for what, count in counts.items())


def skipping_reason(entry: "os.DirEntry[str]") -> str | None:
    """Return why an entry of a folder is not looked at, or None if it is."""
    if entry.name.startswith("."):
        return HIDDEN
    if entry.name.lower() in SYSTEM_FOLDERS and entry.is_dir():
        return SYSTEM
    return None


def _is_image(entry: "os.DirEntry[str]", extensions: tuple[str, ...] | None) -> bool:
    """Judge by the name, or by the first bytes of a file of another name."""
    if entry.name.lower().endswith(EXTENSIONS if extensions is None else extensions):
        return True
    if extensions is not None or not entry.is_file():
        return False
    try:
        with Path(entry.path).open("rb") as file:
            return is_image_head(file.read(_HEAD_BYTES))
    except OSError:  # with such a name, it is more likely to be no image
        return False
