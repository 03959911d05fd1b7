"""A folder with a sub-folder per class, or with those in each part of a split -> rows."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from skcomic.catalogue.validation import PART_OF_NAME, normalize
from skcomic.images.listing import list_counts, skipping_reason, walk_images

#: Columns of what is read from a folder or a table: `within` is the path within the class.
ROWS = ("path", "label", "within", "pair", "split")

OUTSIDE, EMPTY = "file outside of the classes", "folder without images"


def list_folder(
    root: Path,
    extensions: tuple[str, ...] | None,
    skipped: Counter[str],
    *,
    ignore_split: bool,
    min_classes: int,
) -> pd.DataFrame:
    """List the images of a folder.

    Parameters
    ----------
    root : Path
        The folder.
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
    folders = _sub_folders(root, skipped)
    parts = [PART_OF_NAME.get(folder.name.lower(), "") for folder in folders]
    if len(folders) >= 2 and all(parts) and {"train", "test"} & set(parts):
        rows = [
            (*row, "" if ignore_split else part)
            for part, folder in zip(parts, folders, strict=True)
            for row in _list_classes(_classes_of_part(root, folder, skipped), extensions, skipped)
        ]
    else:
        rows = [(*row, "") for row in _list_classes(folders, extensions, skipped)]
    frame = pd.DataFrame(rows, columns=list(ROWS))
    frame = frame.sort_values(["label", "split"], kind="stable", ignore_index=True)
    _check_classes(frame, root, skipped, min_classes)
    return frame


def _sub_folders(folder: Path, skipped: Counter[str]) -> list[Path]:
    """Return the sub-folders, sorted; count what else is in a folder."""
    found = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if (reason := skipping_reason(entry)) is not None:
            skipped[reason] += 1
        elif entry.is_dir():
            found.append(Path(entry.path))
        else:
            skipped[OUTSIDE] += 1
    return found


def _list_classes(
    folders: list[Path], extensions: tuple[str, ...] | None, skipped: Counter[str]
) -> Iterator[tuple[str, str, str, None]]:
    """List the images of each class: path, label, path within the class, and no pair yet."""
    for of_class in folders:
        path = None
        for path in walk_images(str(of_class), skipped, extensions):
            yield path, normalize(of_class.name), os.path.relpath(path, of_class), None
        if path is None:
            skipped[EMPTY] += 1


def _classes_of_part(root: Path, folder: Path, skipped: Counter[str]) -> list[Path]:
    n_skipped = skipped.total()
    classes = _sub_folders(folder, skipped)
    if not classes:
        raise ValueError(
            f"{str(root)!r} looks as if it were split into parts, but there are "
            f"{skipped.total() - n_skipped} files and no class folders in {folder.name!r}; put "
            "the images of each class into a folder of its own, in each part"
        )
    return classes


def _check_classes(
    rows: pd.DataFrame, root: Path, skipped: Counter[str], min_classes: int
) -> None:
    classes = sorted(rows.label.unique())
    if len(classes) < max(min_classes, 1):
        counts = list_counts(skipped)
        found = f"one class, {classes[0]!r}" if classes else "no class folder with images"
        raise ValueError(
            f"{str(root)!r} must contain {'two or more ' if min_classes > 1 else ''}sub-folders, "
            f"one per class, with images in them; found {found}"
            + (f" (skipped: {counts})" if counts else "")
        )
    for part, of_part in rows.label.groupby(rows.split):
        if part and (absent := sorted(set(classes) - set(of_part))):
            raise ValueError(
                f"the part {part!r} of {str(root)!r} has no images of {absent}; add some, or let "
                "the study split all images itself with ignore_split=True (--ignore-split)"
            )
