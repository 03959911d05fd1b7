"""The catalogue: one row per image, and the splits and costs that follow from it.

Only paths are held here, no pixels.
"""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils import Bunch, check_random_state

from skcomic.cache import keep_raster
from skcomic.duplicates import join_duplicates
from skcomic.images import EXTENSIONS, ImageFailure, ImageReadError, PathLike, read_raster

PairRule = Literal["stem"] | Callable[[Path], str] | None

COLUMNS = ("path", "label", "pair")

_WANTED = "give the folder that holds one sub-folder of images per class"


def load_catalogue(
    root: PathLike, *, extensions: Iterable[str] = EXTENSIONS, pair: PairRule = "stem"
) -> pd.DataFrame:
    """List the images of a folder that holds one sub-folder per class.

    Parameters
    ----------
    root : str or path-like
        The folder. Each of its sub-folders is a class, named as the folder is; the images
        lie directly in it. Links are followed.
    extensions : iterable of str, default=EXTENSIONS
        Which files are images, by the end of their name, in any case.
    pair : "stem", callable or None, default="stem"
        Which images belong together and must never be split: those of the same stem
        (``faces/7.jpg`` and ``comics/7.jpg`` are pair ``7``), those for which a function of
        the path returns the same string, or None: each image is alone.

    Returns
    -------
    catalogue : DataFrame of shape (n_images, 3)
        Columns `path`, `label` and `pair`, all strings, sorted by label and path, so that it
        is the same from run to run. Its ``attrs`` tell the `root` and how many
        `hidden_files`, `other_files` and `empty_folders` were passed over.

    Raises
    ------
    FileNotFoundError
        If `root` does not exist.
    NotADirectoryError
        If `root` is a file.
    ValueError
        If there is no class folder with images in it, or only one.

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
        raise FileNotFoundError(f"there is no folder {str(root)!r}; {_WANTED}")
    if not root.is_dir():
        raise NotADirectoryError(f"{str(root)!r} is a file; {_WANTED}")
    wanted = tuple(extension.lower() for extension in extensions)
    passed_over = {"hidden_files": 0, "other_files": 0, "empty_folders": 0}
    images: list[tuple[str, str, str]] = []
    for entry in sorted(root.iterdir()):
        if entry.name.startswith("."):
            passed_over["hidden_files"] += 1
        elif not entry.is_dir():
            passed_over["other_files"] += 1
        else:
            paths = _images_of_class(entry, wanted, passed_over)
            images += [(str(path), entry.name, _pair_of(path, pair)) for path in paths]
            passed_over["empty_folders"] += not paths
    catalogue = pd.DataFrame(images, columns=list(COLUMNS), dtype=str)
    _check_classes(catalogue, root, passed_over, wanted)
    catalogue.attrs.update(root=str(root), **passed_over)
    return catalogue


def _images_of_class(
    folder: Path, extensions: tuple[str, ...], passed_over: dict[str, int]
) -> list[Path]:
    paths = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            passed_over["hidden_files"] += 1
        elif path.suffix.lower() not in extensions or path.is_dir():
            passed_over["other_files"] += 1
        else:
            paths.append(path)
    return paths


def _pair_of(path: Path, pair: PairRule) -> str:
    if pair is None:
        return str(path)
    return path.stem if pair == "stem" else str(pair(path))


def _check_classes(
    catalogue: pd.DataFrame, root: Path, passed_over: dict[str, int], extensions: tuple[str, ...]
) -> None:
    classes = catalogue.label.unique().tolist()
    if len(classes) >= 2:
        return
    others = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in passed_over.items())
    found = f"one class, {classes[0]!r}," if classes else "no class folder with images"
    raise ValueError(
        f"looked in {str(root)!r} for two or more sub-folders, one per class, with images "
        f"({' '.join(extensions)}) directly in them; found {found} and {others}"
    )


def split_catalogue(
    catalogue: pd.DataFrame,
    *,
    test_size: float = 1 / 3,
    validation_size: float = 1 / 3,
    random_state: Any = None,
    duplicates: Literal["together", "ignore"] = "together",
    n_jobs: int | None = None,
    cache: PathLike | None = None,
) -> Bunch:
    """Split a catalogue at random into training, validation and test images.

    Pairs are dealt out one by one, in random order, each to the part that then misses the
    wanted number of images of each class by least. So a pair is never divided, and the
    classes keep their proportions in every part, whatever the pairs are made of.

    Parameters
    ----------
    catalogue : DataFrame with columns `path`, `label` and `pair`
        As from `load_catalogue`.
    test_size : float, default=1/3
        Share of the images that is kept for the test; between 0 and 1.
    validation_size : float, default=1/3
        Share *of the rest* that is kept for validation; between 0 and 1.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same split each time.
    duplicates : {"together", "ignore"}, default="together"
        "together" decodes all images once (see `cache`) and keeps those that are the same or
        look the same in one part, by `join_duplicates`: else a copy of a training image may be
        in the test. "ignore" opens no file.
    n_jobs : int or None, default=None
        Number of threads that decode.
    cache : str, path-like or None, default=None
        Folder that keeps the decoded images; see `ImageVectorizer`.

    Returns
    -------
    split : Bunch
        Three frames, `train`, `validation` and `test`, whose rows keep the index and the
        order of `catalogue`; each row is in exactly one of them. Pairs that share an image
        have one name in `pair`.

    Raises
    ------
    ValueError
        If a share is not between 0 and 1, or if a class has too few pairs to be in all
        three parts.

    Warns
    -----
    UserWarning
        If files cannot be read: duplicates of them are not found.

    See Also
    --------
    join_duplicates : The same for other splits, such as `StratifiedGroupKFold`.

    Examples
    --------
    >>> import pandas as pd
    >>> from skcomic import split_catalogue
    >>> catalogue = pd.DataFrame({
    ...     "path": [f"{label}/{i}.jpg" for i in range(9) for label in ("comics", "faces")],
    ...     "label": ["comics", "faces"] * 9, "pair": [i for i in range(9) for _ in range(2)]})
    >>> split = split_catalogue(catalogue, random_state=0, duplicates="ignore")
    >>> len(split.train), len(split.validation), len(split.test)
    (8, 4, 6)
    >>> set(split.train.pair) & set(split.test.pair)
    set()
    """
    for name, share in (("test_size", test_size), ("validation_size", validation_size)):
        if not 0 < share < 1:
            raise ValueError(f"{name} must be a share between 0 and 1, not {share!r}")
    if duplicates not in ("together", "ignore"):
        raise ValueError(f"duplicates must be 'together' or 'ignore', not {duplicates!r}")
    if duplicates == "together":
        catalogue = join_duplicates(catalogue, n_jobs=n_jobs, cache=cache)
    shares = {
        "train": (1 - test_size) * (1 - validation_size),
        "validation": (1 - test_size) * validation_size,
        "test": test_size,
    }
    part_of_row = deal_out_pairs(
        catalogue, list(shares.values()), check_random_state(random_state)
    )
    split = Bunch(**{name: catalogue[part_of_row == i] for i, name in enumerate(shares)})
    _check_parts(catalogue, split)
    return split


def deal_out_pairs(
    catalogue: pd.DataFrame, shares: list[float], random: np.random.RandomState
) -> np.ndarray:
    """Give every row the number of a part, such that pairs stay whole and classes balanced.

    Parameters
    ----------
    catalogue : DataFrame with columns `label` and `pair`
        The images.
    shares : list of float
        The wanted share of each part; they add up to 1.
    random : RandomState
        Decides which pair goes where.

    Returns
    -------
    parts : ndarray of shape (n_images,), int
        For each row the index of its part in `shares`.
    """
    counts = pd.crosstab(catalogue.pair, catalogue.label)
    pairs = counts.to_numpy()
    # Large groups first: they are the hardest to place. Equal ones stay in random order.
    order = random.permutation(len(pairs))
    order = order[np.argsort(-pairs[order].sum(axis=1), kind="stable")]
    wanted = np.outer(shares, pairs.sum(axis=0))
    missing = wanted.copy()
    part_of_pair = np.empty(len(pairs), dtype=int)
    for i in order:
        # Placing the pair in part p changes sum((missing / wanted) ** 2) by this much: the
        # relative miss, so that small parts and rare classes count as much as large ones.
        gain = ((2 * missing * pairs[i] - pairs[i] ** 2) / wanted**2).sum(axis=1)
        part_of_pair[i] = np.argmax(gain)
        missing[part_of_pair[i]] -= pairs[i]
    return pd.Series(part_of_pair, index=counts.index).loc[catalogue.pair].to_numpy()


def _check_parts(catalogue: pd.DataFrame, split: Bunch) -> None:
    classes = catalogue.label.unique()
    for name, part in split.items():
        for absent in np.setdiff1d(classes, part.label.unique()):
            n_pairs = catalogue.pair[catalogue.label == absent].nunique()
            raise ValueError(
                f"class {absent!r} has only {n_pairs} pairs, too few to put at least one "
                f"into each of train, validation and test ({name} would have none); add images "
                "of it"
            )


@dataclass(frozen=True)
class Footprint:
    """What the rows of a catalogue at one size take, as `estimate_footprint` tells it.

    Parameters
    ----------
    n_images : int
        Number of images in the catalogue.
    size : (int, int)
        Height and width, in pixels.
    n_bytes : int
        Memory that all rows take together, as float32.
    seconds : float
        Time to decode and resize all images, on one thread.
    n_sample : int
        How many images that time was measured on.

    Examples
    --------
    >>> print(Footprint(n_images=200, size=(64, 64), n_bytes=3_276_800, seconds=1.52, n_sample=32))
    200 images at 64x64: 3.3 MB as float32, 1.5 s to decode on one thread
    """

    n_images: int
    size: tuple[int, int]
    n_bytes: int
    seconds: float
    n_sample: int

    def __str__(self) -> str:
        height, width = self.size
        return (
            f"{self.n_images} images at {height}x{width}: {self.n_bytes / 1e6:.1f} MB as "
            f"float32, {self.seconds:.1f} s to decode on one thread"
        )


def estimate_footprint(
    catalogue: pd.DataFrame,
    size: int | tuple[int, int],
    *,
    n_sample: int = 32,
    cache: PathLike | None = None,
) -> Footprint:
    """Tell what it takes to load a catalogue, from a small sample of it.

    Parameters
    ----------
    catalogue : DataFrame with a column `path`
        As from `load_catalogue`.
    size : int or (int, int)
        Height and width of the rasters, in pixels.
    n_sample : int, default=32
        How many images, evenly spaced over the catalogue, are decoded for the estimate.
    cache : str, path-like or None, default=None
        Folder of a cache (see `ImageVectorizer`) that keeps what is decoded here; nothing is
        read from it, since that would take no time.

    Returns
    -------
    footprint : Footprint
        Bytes and seconds for the whole catalogue.

    Raises
    ------
    ValueError
        If the catalogue has no rows.
    ImageReadError
        If images of the sample cannot be read; all of them are named.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_comic_faces(2, size=32, out_dir=folder, random_state=0)
    ...     footprint = estimate_footprint(load_catalogue(folder), 16)
    >>> footprint.n_bytes
    4096
    """
    if not len(catalogue):
        raise ValueError("the catalogue has no rows")
    height, width = (size, size) if isinstance(size, int) else size
    n_sample = min(n_sample, len(catalogue))
    sample = np.linspace(0, len(catalogue) - 1, n_sample).astype(int)
    failures: list[ImageFailure] = []
    seconds = []
    for path in catalogue.path.iloc[sample]:
        start = time.perf_counter()
        try:
            raster = read_raster(path, (height, width))
        except ImageReadError as error:
            failures += error.failures
            continue
        seconds.append(time.perf_counter() - start)
        if cache is not None:
            keep_raster(cache, path, raster, "box")
    if failures:
        raise ImageReadError(failures, n_sample)
    return Footprint(
        n_images=len(catalogue),
        size=(height, width),
        n_bytes=len(catalogue) * height * width * np.dtype(np.float32).itemsize,
        # The median, since the first image of all waits for Pillow to load its formats.
        seconds=float(np.median(seconds)) * len(catalogue),
        n_sample=n_sample,
    )


def available_memory() -> int | None:
    """Tell how many bytes of memory a process may still take, as far as the system says.

    Returns
    -------
    n_bytes : int or None
        The smaller of what the kernel holds available (Linux; elsewhere the whole memory)
        and what the control group of the process leaves. None where neither is known.
    """
    known = []
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        fields = dict(line.split(":") for line in meminfo.read_text().splitlines())
        known.append(int(fields["MemAvailable"].split()[0]) * 1024)
    elif "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    limit, used = (Path("/sys/fs/cgroup", f"memory.{name}") for name in ("max", "current"))
    if limit.exists() and (text := limit.read_text().strip()) != "max":
        known.append(int(text) - int(used.read_text()))
    return min(known, default=None)
