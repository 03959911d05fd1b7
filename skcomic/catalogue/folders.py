"""A folder with a sub-folder per class, or with those in each part of a split -> rows."""

from collections import Counter
from collections.abc import Iterator

import pandas as pd

from skcomic.catalogue.validation import PART_OF_NAME, normalize
from skcomic.images.listing import (
    Entry,
    Scan,
    list_counts,
    make_scan,
    skipping_reason,
    walk_images,
)
from skcomic.images.urls import path_within

#: Columns of what is read from a folder or a table: `within` is the path within the class.
ROWS = ("path", "label", "within", "pair", "split")

OUTSIDE, EMPTY = "file outside of the classes", "folder without images"


def list_folder(
    root: str,
    extensions: tuple[str, ...] | None,
    skipped: Counter[str],
    *,
    ignore_split: bool,
    min_classes: int,
) -> pd.DataFrame:
    """List the images of a folder.

    Parameters
    ----------
    root : str
        The folder, or its URL.
    extensions : tuple of str or None
        As for `walk_images`.
    skipped : Counter
        What is skipped is counted here.
    ignore_split : bool
        Whether to take all parts of a split together.
    min_classes : int
        How many classes there must be at least.

    Returns
    -------
    rows : DataFrame
        With the columns `ROWS`.

    Raises
    ------
    ValueError
        As for `load_catalogue`.
    """
    scan = make_scan(root)
    folders = _sub_folders(root, scan, skipped)
    parts = [PART_OF_NAME.get(folder.name.lower(), "") for folder in folders]
    if len(folders) >= 2 and all(parts) and {"train", "test"} & set(parts):
        rows = [
            (*row, "" if ignore_split else part)
            for part, folder in zip(parts, folders, strict=True)
            for row in _list_classes(
                _classes_of_part(root, folder, scan, skipped), scan, extensions, skipped
            )
        ]
    else:
        rows = [(*row, "") for row in _list_classes(folders, scan, extensions, skipped)]
    frame = pd.DataFrame(rows, columns=list(ROWS))
    frame = frame.sort_values(["label", "split"], kind="stable", ignore_index=True)
    _check_classes(frame, root, skipped, min_classes)
    return frame


def _sub_folders(folder: str, scan: Scan, skipped: Counter[str]) -> list[Entry]:
    """Return the sub-folders, sorted; count what else is in a folder."""
    found = []
    for entry in sorted(scan(folder), key=lambda entry: entry.name):
        if (reason := skipping_reason(entry)) is not None:
            skipped[reason] += 1
        elif entry.is_dir():
            found.append(entry)
        else:
            skipped[OUTSIDE] += 1
    return found


def _list_classes(
    folders: list[Entry],
    scan: Scan,
    extensions: tuple[str, ...] | None,
    skipped: Counter[str],
) -> Iterator[tuple[str, str, str, None]]:
    """List the images of each class: path, label, path within the class, and no pair yet."""
    for of_class in folders:
        path = None
        for path in walk_images(of_class.path, skipped, extensions, scan=scan):
            yield path, normalize(of_class.name), path_within(path, of_class.path), None
        if path is None:
            skipped[EMPTY] += 1


def _classes_of_part(root: str, folder: Entry, scan: Scan, skipped: Counter[str]) -> list[Entry]:
    n_skipped = skipped.total()
    classes = _sub_folders(folder.path, scan, skipped)
    if not classes:
        raise ValueError(
            f"{root!r} looks as if it were split into parts, but there are "
            f"{skipped.total() - n_skipped} files and no class folders in {folder.name!r}; put "
            "the images of each class into a folder of its own, in each part"
        )
    return classes


def _check_classes(rows: pd.DataFrame, root: str, skipped: Counter[str], min_classes: int) -> None:
    classes = sorted(rows.label.unique())
    if len(classes) < max(min_classes, 1):
        counts = list_counts(skipped)
        found = f"one class, {classes[0]!r}" if classes else "no class folder with images"
        raise ValueError(
            f"{root!r} must contain {'two or more ' if min_classes > 1 else ''}sub-folders, "
            f"one per class, with images in them; found {found}"
            + (f" (skipped: {counts})" if counts else "")
        )
    for part, of_part in rows.label.groupby(rows.split):
        if part and (absent := sorted(set(classes) - set(of_part))):
            raise ValueError(
                f"the part {part!r} of {root!r} has no images of {absent}; add some, or let "
                "the study split all images itself with ignore_split=True (--ignore-split)"
            )
