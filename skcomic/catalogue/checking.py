"""Problems of a catalogue: files that cannot be read, unusual images, and duplicates."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from skcomic.catalogue.contrast import find_uniform_classes, lacks_contrast
from skcomic.catalogue.duplicates import find_duplicates
from skcomic.catalogue.hashing import (
    COMPARED_SIDE,
    DIGEST_BYTES,
    N_BITS,
    N_WORDS,
    hash_pixels,
    perceptual_hashes,
)
from skcomic.catalogue.pairs import are_numbers
from skcomic.catalogue.validation import validate_catalogue
from skcomic.images.decoding import ImageFacts, ImageReadError, PathLike, examine_image
from skcomic.images.fetching import fetch_ahead
from skcomic.images.urls import file_path

#: The kinds of problems, the most severe first.
KINDS = (
    "missing",
    "permission",
    "connection",
    "empty",
    "not an image",
    "truncated",
    "unreadable",
    "too large",
    "duplicate",
    "near-duplicate",
    "pair incomplete",
    "animated",
    "tiny",
    "no contrast",
    "class without differences",
    "few levels",
    "extension does not match the content",
    "names are numbers",
)

#: The kinds that are only to be thought about: nothing need be wrong.
NOTES = frozenset({"names are numbers"})

#: Side, in pixels, below which an image is reported as tiny: it has fewer pixels than are compared
#: to find duplicates, and fewer than the smaller of the sizes that a study tries.
TINY = 32

FORMATS_OF_EXTENSIONS = {
    ".apng": "PNG", ".avif": "AVIF", ".bmp": "BMP", ".dds": "DDS", ".gif": "GIF",
    ".heic": "HEIC", ".heif": "HEIC",
    ".j2k": "JPEG2000", ".jfif": "JPEG", ".jif": "JPEG", ".jp2": "JPEG2000", ".jpe": "JPEG",
    ".jpeg": "JPEG", ".jpg": "JPEG", ".jpx": "JPEG2000", ".pcx": "PCX", ".pgm": "PPM",
    ".png": "PNG", ".pnm": "PPM", ".ppm": "PPM", ".psd": "PSD", ".sgi": "SGI", ".tif": "TIFF",
    ".tiff": "TIFF", ".webp": "WEBP",
}  # fmt: skip

# Images that one thread examines at a time. 2,048 JPEG files of 64x64 pixels in two threads take
# 1.6 s; in batches of 1 2.7 s, of 4 2.1 s, of 256 1.7 s.
_BATCH = 32
_LEVELS_OF_12_BITS = 4096


class Problem(NamedTuple):
    """A row of what `check_catalogue` returns."""

    path: str
    kind: str
    detail: str


def check_catalogue(catalogue: pd.DataFrame, *, n_jobs: int | None = None) -> pd.DataFrame:
    """Decode every file in full and list the problems. Nothing is deleted or moved.

    Parameters
    ----------
    catalogue : DataFrame with columns `path`, `label` and `pair`
        As from `load_catalogue`.
    n_jobs : int or None, default=None
        Number of threads that decode; None is 1 unless in a `joblib.parallel_config`
        context, -1 is all cores.

    Returns
    -------
    problems : DataFrame of shape (n_problems, 3)
        Columns `path`, `kind` and `detail`, all strings, in the order of the catalogue; no rows
        if there are no problems. A file may have several. The kinds are

        ``missing``, ``empty``, ``permission``, ``connection``
            The file cannot be read; `detail` is the reason.
        ``not an image``, ``truncated``, ``too large``, ``unreadable``
            The image cannot be decoded; `detail` is the reason.
        ``animated``
            The file has more than one frame; only the first is used.
        ``tiny``
            A side is shorter than 32 pixels.
        ``no contrast``
            All pixels are of one level at 32x32 pixels, on white.
        ``class without differences``
            All images of the class look the same at 32x32 pixels; reported at the first.
        ``few levels``
            The levels of 16 bits are all below 4096: perhaps they are of 12 bits.
        ``extension does not match the content``
            Such as a PNG image whose name ends in ``.jpg``. It is read as a PNG image.
        ``duplicate``, ``near-duplicate``
            An earlier image has the same content, or looks the same as defined in
            `join_duplicates`; `detail` names it, and says if it is of another class. The images
            of a pair may look the same.
        ``pair incomplete``
            The pair has no image of some class, while most pairs have one of each.
        ``names are numbers``
            Such pairs are named by mere numbers, so that they are perhaps none; reported once.

    See Also
    --------
    skcomic.join_duplicates : Puts duplicates into one pair.

    Notes
    -----
    Images are not kept in memory, only a hash of 32 bytes of each. A changed byte in the data of a
    JPEG file is not an error for its decoder, and is not found.

    Examples
    --------
    >>> import shutil, tempfile
    >>> from skcomic import load_catalogue
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_comic_faces(2, size=32, out_dir=folder, random_state=0)
    ...     _ = shutil.copy(f"{folder}/faces/pair_0000.jpg", f"{folder}/comics/pair_0001.jpg")
    ...     problems = check_catalogue(load_catalogue(folder))
    >>> problems.kind.tolist()
    ['duplicate']
    """
    catalogue = validate_catalogue(catalogue)
    hashes = np.zeros((len(catalogue), N_WORDS), dtype=np.uint64)
    is_read = np.zeros(len(catalogue), dtype=bool)
    digests = np.zeros((len(catalogue), DIGEST_BYTES), dtype=np.uint8)
    problems: list[list[Problem]] = [[] for _ in range(len(catalogue))]
    paths = catalogue.path.tolist()
    batches = np.array_split(np.arange(len(paths)), max(1, len(paths) // _BATCH))
    examined = Parallel(n_jobs=n_jobs, require="sharedmem", return_as="generator")(
        delayed(_examine_batch)(files) for files in fetch_ahead(paths, batches)
    )
    for batch, found in zip(batches, examined, strict=True):
        hashes[batch], digests[batch], is_read[batch] = found.hashes, found.digests, found.is_read
        for row, file_problems in zip(batch, found.problems, strict=True):
            problems[row] += file_problems
    for row, problem in _list_duplicates(catalogue, hashes, is_read):
        problems[row].append(problem)
    for row, problem in _list_uniform_classes(catalogue, digests, is_read):
        problems[row].append(problem)
    for row, problem in _list_incomplete_pairs(catalogue):
        problems[row].append(problem)
    listed = [problem for file_problems in problems for problem in file_problems]
    return pd.DataFrame(listed, columns=list(Problem._fields), dtype=str)


class _Examined(NamedTuple):
    """The problems, hashes of the look and of the pixels, and whether they are read, of files."""

    problems: list[list[Problem]]
    hashes: np.ndarray
    digests: np.ndarray
    is_read: np.ndarray


def _examine_batch(files: list[PathLike]) -> _Examined:
    rasters = np.zeros((len(files), COMPARED_SIDE, COMPARED_SIDE), dtype=np.uint8)
    is_read = np.zeros(len(files), dtype=bool)
    problems: list[list[Problem]] = []
    for row, file in enumerate(files):
        path = os.fspath(file)
        try:
            facts = examine_image(file, (COMPARED_SIDE, COMPARED_SIDE))
        except ImageReadError as error:
            problems.append([Problem(*failure) for failure in error.failures])
            continue
        rasters[row], is_read[row] = facts.raster, True
        problems.append(
            [Problem(path, kind, detail) for kind, detail in _find_anomalies(path, facts)]
        )
    return _Examined(problems, perceptual_hashes(rasters), hash_pixels(rasters), is_read)


def _find_anomalies(path: str, facts: ImageFacts) -> Iterator[tuple[str, str]]:
    if facts.n_frames > 1:
        yield "animated", f"{facts.n_frames} frames, of which the first is used"
    if min(facts.width, facts.height) < TINY:
        yield "tiny", f"{facts.width} x {facts.height} pixels"
    if lacks_contrast(facts.raster[np.newaxis])[0]:
        yield (
            "no contrast",
            f"all pixels are of level {facts.raster[0, 0]}; if it is transparent, choose another "
            "background",
        )
    if facts.max_level is not None and facts.max_level < _LEVELS_OF_12_BITS:
        yield (
            "few levels",
            f"the highest level is {facts.max_level} of 65535, so that it is nearly black; if "
            "these are 12-bit levels, multiply them by 16",
        )
    extension = file_path(path).suffix.lower()
    if FORMATS_OF_EXTENSIONS.get(extension, facts.format) != facts.format:
        yield "extension does not match the content", f"is a {facts.format} image"


def _list_duplicates(
    catalogue: pd.DataFrame, hashes: np.ndarray, is_read: np.ndarray
) -> Iterator[tuple[int, Problem]]:
    duplicates = find_duplicates(catalogue, hashes, is_read)
    paths, labels = catalogue.path.tolist(), catalogue.label.tolist()
    first = duplicates.first
    for row in np.flatnonzero(first >= 0).tolist():
        other = first[row]
        name = f"{labels[other]}/{file_path(paths[other]).name}"
        conflict = ", which is of another class" if labels[row] != labels[other] else ""
        if duplicates.copy_of[row] >= 0:
            yield row, Problem(paths[row], "duplicate", f"the same as {name}{conflict}")
        else:
            bits = f"{duplicates.distance[row]} of {N_BITS} bits differ"
            detail = f"looks like {name}{conflict} ({bits})"
            yield row, Problem(paths[row], "near-duplicate", detail)


def _list_uniform_classes(
    catalogue: pd.DataFrame, digests: np.ndarray, is_read: np.ndarray
) -> Iterator[tuple[int, Problem]]:
    labels = catalogue.label.to_numpy()
    for label in find_uniform_classes(digests[is_read], labels[is_read]):
        row = int(np.flatnonzero(is_read & (labels == label))[0])
        path = catalogue.path.iloc[row]
        detail = f"all images of {label} look the same; if they are transparent, choose another "
        yield row, Problem(path, "class without differences", f"{detail}background")


def _list_incomplete_pairs(catalogue: pd.DataFrame) -> Iterator[tuple[int, Problem]]:
    """List pairs without an image of some class, where most pairs have one of each."""
    counts = pd.crosstab(catalogue.pair, catalogue.label)
    is_incomplete = counts.eq(0).any(axis=1)
    if is_incomplete.mean() >= 0.5:  # pairs are not made of one image of each class
        return
    if is_incomplete.any() and are_numbers(counts.index.tolist()):
        detail = (
            f"{is_incomplete.sum()} of {len(counts)} pairs have no image of some class; if images "
            'of the same number do not belong together, there are no pairs: pair="none" '
            "(--pair none)"
        )
        yield 0, Problem(catalogue.path.iloc[0], "names are numbers", detail)
        return
    first_row = dict(zip(catalogue.pair[::-1], range(len(catalogue) - 1, -1, -1), strict=True))
    for pair in counts.index[is_incomplete]:
        row = first_row[pair]
        absent = ", ".join(counts.columns[counts.loc[pair].eq(0)])
        path = catalogue.path.iloc[row]
        yield row, Problem(path, "pair incomplete", f"no image of {absent} in pair {pair}")
