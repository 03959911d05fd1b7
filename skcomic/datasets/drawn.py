"""Faces drawn in pairs, once like a photograph and once like a comic."""

from __future__ import annotations

import os
from numbers import Integral
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils import Bunch, check_random_state

from skcomic._compat.sklearn import Interval, StrOptions, validate_params
from skcomic.datasets._portrait import SUFFIX, write_pair

DESCRIPTION = """\
Drawn faces and comics
----------------------

{n_pairs} pairs of colour images of {size} x {size} pixels in the folders faces and comics. The
images of a pair have the same name and show the same head: pose, features, hair, glasses, hat,
lamp and background. The face is shaded like a photograph, the comic drawn in ink over flat
tones. No real person is shown, and mean and contrast of an image say little about its class.
"""


@validate_params(
    {
        "n_pairs": [Interval(Integral, 1, None, closed="left")],
        "size": [Interval(Integral, 32, None, closed="left")],
        "out_dir": [str, os.PathLike],
        "random_state": ["random_state", np.random.Generator],
        "format": [StrOptions(set(SUFFIX))],
        "n_jobs": [Integral, None],
    },
    prefer_skip_nested_validation=True,
)
def make_comic_faces(
    n_pairs: int,
    *,
    size: int = 256,
    out_dir: str | os.PathLike[str],
    random_state: int | np.random.RandomState | np.random.Generator | None = None,
    format: str = "JPEG",  # Pillow's name
    n_jobs: int | None = -1,
) -> Bunch:
    """Draw pairs of faces, once like a photograph and once like a comic.

    The two pictures of a pair show the same person in the same pose, under the same lamp and in
    front of the same background. The photograph has smooth light, texture, a background out of
    focus and sensor noise; the comic has a few flat tones, ink outlines and, mostly, hatched or
    dotted shadows. Both have about the same mean and contrast, so that tone alone does not
    separate the classes.

    Parameters
    ----------
    n_pairs : int
        Number of pairs, at least 1.
    size : int, default=256
        Width and height of the pictures in pixels, at least 32.
    out_dir : str or path-like
        Folder for ``faces/pair_0000.jpg``, ``comics/pair_0000.jpg`` and so on. It is created
        if it does not exist.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the faces. The same seed gives the same files, and a pair does not depend on
        how many are drawn.
    format : {"JPEG", "PNG", "WEBP"}, default="JPEG"
        File format.
    n_jobs : int or None, default=-1
        Number of processes, as in joblib: -1 uses all cores, 1 starts no other process. The
        files do not depend on it.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With attributes

        data_dir : Path
            The folder, `out_dir`.
        paths : list of str, length 2 * n_pairs
            The files, sorted.
        labels : list of str, length 2 * n_pairs
            ``"comics"`` or ``"faces"`` for every path.
        n_pairs : int
            Number of pairs.
        DESCR : str
            Description of the data set.

    Raises
    ------
    ValueError
        If a parameter is outside its range.
    FileExistsError
        If `out_dir` already holds faces or comics.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     drawn = make_comic_faces(2, size=32, out_dir=folder, random_state=0)
    ...     sorted(path.name for path in drawn.data_dir.glob("*/*"))
    ['pair_0000.jpg', 'pair_0000.jpg', 'pair_0001.jpg', 'pair_0001.jpg']
    >>> drawn.labels
    ['comics', 'comics', 'faces', 'faces']
    """
    data_dir = Path(out_dir)
    folders = data_dir / "faces", data_dir / "comics"
    for folder in folders:
        if folder.is_dir() and any(folder.iterdir()):
            raise FileExistsError(
                f"{folder} already holds files: delete it or choose another out_dir."
            )
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)

    if isinstance(random_state, np.random.Generator):
        root = int(random_state.integers(2**31))
    else:
        root = int(check_random_state(random_state).randint(2**31, dtype=np.int64))
    # Processes, not threads: a picture takes many short array operations, between which threads
    # would wait for the global interpreter lock.
    Parallel(n_jobs=n_jobs)(
        delayed(write_pair)(folders, [root, number], size, format) for number in range(n_pairs)
    )

    names = [f"pair_{number:04d}{SUFFIX[format]}" for number in range(n_pairs)]
    paths = sorted(str(folder / name) for folder in folders for name in names)
    return Bunch(
        data_dir=data_dir,
        paths=paths,
        labels=[Path(path).parent.name for path in paths],
        n_pairs=n_pairs,
        DESCR=DESCRIPTION.format(n_pairs=n_pairs, size=size),
    )
