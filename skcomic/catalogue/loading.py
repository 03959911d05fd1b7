"""A folder with one sub-folder of images per class -> a catalogue."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import pandas as pd

from skcomic.images.decoding import EXTENSIONS, PathLike

PairRule = Literal["stem"] | Callable[[Path], str] | None

COLUMNS = ("path", "label", "pair")

_EXPECTED_LAYOUT = "give the folder that holds one sub-folder of images per class"


def load_catalogue(
    root: PathLike, *, extensions: Iterable[str] = EXTENSIONS, pair: PairRule = "stem"
) -> pd.DataFrame:
    """List the images of a folder that holds one sub-folder per class.

    Parameters
    ----------
    root : str or path-like
        The folder. Each of its sub-folders is a class with the name of the sub-folder; the images
        are directly in it. Links are followed.
    extensions : iterable of str, default=EXTENSIONS
        The extensions of image files, in upper or lower case.
    pair : "stem", callable or None, default="stem"
        Which images belong together and must never be split: those with the same stem
        (``faces/7.jpg`` and ``comics/7.jpg`` are pair ``7``), or those for which a function of
        the path returns the same string. None: each image is a pair of its own.

    Returns
    -------
    catalogue : DataFrame of shape (n_images, 3)
        Columns `path`, `label` and `pair`, all strings, sorted by label and path, so that it
        is the same from run to run. Its ``attrs`` contain the `root` and the numbers of
        `hidden_files`, `other_files` and `empty_folders` that were skipped.

    Raises
    ------
    FileNotFoundError
        If `root` does not exist.
    NotADirectoryError
        If `root` is a file.
    ValueError
        If no sub-folder contains images, or only one.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_comic_faces(2, size=32, out_dir=folder, random_state=0)
    ...     catalogue = load_catalogue(folder)
    >>> catalogue.label.tolist()
    ['comics', 'comics', 'faces', 'faces']
    >>> catalogue.pair.nunique()
    2
    """
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f"there is no folder {str(root)!r}; {_EXPECTED_LAYOUT}")
    if not root.is_dir():
        raise NotADirectoryError(f"{str(root)!r} is a file; {_EXPECTED_LAYOUT}")
    suffixes = tuple(extension.lower() for extension in extensions)
    skipped = {"hidden_files": 0, "other_files": 0, "empty_folders": 0}
    images: list[tuple[str, str, str]] = []
    for entry in sorted(root.iterdir()):
        if entry.name.startswith("."):
            skipped["hidden_files"] += 1
        elif not entry.is_dir():
            skipped["other_files"] += 1
        else:
            paths = _list_images(entry, suffixes, skipped)
            images += [(str(path), entry.name, _pair_name(path, pair)) for path in paths]
            skipped["empty_folders"] += not paths
    catalogue = pd.DataFrame(images, columns=list(COLUMNS), dtype=str)
    _check_classes(catalogue, root, skipped, suffixes)
    catalogue.attrs.update(root=str(root), **skipped)
    return catalogue


def _list_images(folder: Path, extensions: tuple[str, ...], skipped: dict[str, int]) -> list[Path]:
    paths = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            skipped["hidden_files"] += 1
        elif path.suffix.lower() not in extensions or path.is_dir():
            skipped["other_files"] += 1
        else:
            paths.append(path)
    return paths


def _pair_name(path: Path, pair: PairRule) -> str:
    if pair is None:
        return str(path)
    return path.stem if pair == "stem" else str(pair(path))


def _check_classes(
    catalogue: pd.DataFrame, root: Path, skipped: dict[str, int], extensions: tuple[str, ...]
) -> None:
    classes = catalogue.label.unique().tolist()
    if len(classes) >= 2:
        return
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in skipped.items())
    found = f"one class, {classes[0]!r}," if classes else "no class folder with images"
    raise ValueError(
        f"{str(root)!r} must contain two or more sub-folders, one per class, with images "
        f"({' '.join(extensions)}) directly in them; found {found} and {counts}"
    )
