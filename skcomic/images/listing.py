"""A folder -> the image files in it and in its sub-folders, and what was skipped."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from skcomic.images.decoding import EXTENSIONS
from skcomic.images.opening import is_image_head
from skcomic.images.remote import in_parallel
from skcomic.images.remote_folders import RemoteEntry, scan_tree
from skcomic.images.urls import is_url

# Folders of copies and previews that systems keep beside the images: macOS in archives, Synology,
# Windows, QNAP, and file systems of Linux.
SYSTEM_FOLDERS = frozenset(
    {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"}
)

HIDDEN, SYSTEM, NO_IMAGE = "hidden file", "folder of the system", "not an image"

_HEAD_BYTES = 64

Entry = os.DirEntry[str] | RemoteEntry
Scan = Callable[[str], Iterable[Entry]]


def make_scan(root: str) -> Scan:
    """Make a function that lists the entries of a folder and of those in it.

    Parameters
    ----------
    root : str
        The folder. If it is in a store, all folders in it are listed now, those of one depth at
        the same time.

    Returns
    -------
    scan : callable
        Takes the path of a folder; returns its entries as ``os.scandir`` does.

    Raises
    ------
    OSError, ValueError, ImportError
        If a folder in a store cannot be listed: nothing is left out.
    """
    if not is_url(root):
        return os.scandir
    return scan_tree(root, lambda entry: skipping_reason(entry) is None).__getitem__


def walk_images(
    folder: str,
    skipped: Counter[str],
    extensions: tuple[str, ...] | None = None,
    parents: tuple[str, ...] = (),
    scan: Scan = os.scandir,
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
    scan : callable, default=os.scandir
        As from `make_scan`.

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
        entries = sorted(scan(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder
        return
    images = _find_images(entries, extensions)
    for entry in entries:
        if (reason := skipping_reason(entry)) is not None:
            skipped[reason] += 1
        elif entry.is_dir():
            yield from walk_images(entry.path, skipped, extensions, (*parents, real), scan)
        elif entry.name in images:
            yield entry.path
        else:
            skipped[NO_IMAGE] += 1


def list_counts(counts: Mapping[str, int]) -> str:
    """List numbers in a sentence, such as "hidden file: 2, not an image: 1"."""
    return ", ".join(f"{what}: {count}" for what, count in counts.items())


def skipping_reason(entry: Entry) -> str | None:
    """Return why an entry of a folder is not looked at, or None if it is."""
    if entry.name.startswith("."):
        return HIDDEN
    if entry.name.lower() in SYSTEM_FOLDERS and entry.is_dir():
        return SYSTEM
    return None


def _find_images(entries: Sequence[Entry], extensions: tuple[str, ...] | None) -> set[str]:
    """Judge by the names, or by the first bytes of files of other names."""
    suffixes = EXTENSIONS if extensions is None else extensions
    images = {entry.name for entry in entries if entry.name.lower().endswith(suffixes)}
    if extensions is not None:
        return images
    others = [
        entry
        for entry in entries
        if entry.name not in images and skipping_reason(entry) is None and entry.is_file()
    ]
    is_remote = any(isinstance(entry, RemoteEntry) for entry in others)
    begin_so = (in_parallel if is_remote else map)(_begins_as_image, others)
    return images.union(
        entry.name for entry, is_image in zip(others, begin_so, strict=True) if is_image
    )


def _begins_as_image(entry: Entry) -> bool:
    try:
        if isinstance(entry, RemoteEntry):
            return is_image_head(entry.read_start(_HEAD_BYTES))
        with Path(entry.path).open("rb") as file:
            return is_image_head(file.read(_HEAD_BYTES))
    except ConnectionError:
        raise
    except OSError:  # with such a name, it is more likely to be no image
        return False
