"""The real and comic faces of face2comics, downloaded once and kept on disk."""

import os
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path

from sklearn.datasets import get_data_home
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from skcomic.catalogue.loading import load_catalogue
from skcomic.datasets._download import download
from skcomic.datasets._unpacking import check_complete, unpack_all

BASE_URL = "https://github.com/Sxela/face2comics/releases/download"

# The archives of each release, and the class of those that hold only one.
ARCHIVES: dict[str, dict[str, str | None]] = {
    "1.0.0": {"face2comics_v1.0.0_by_Sxela.tar": None},
    "2.0.0": {
        "face2comics_v2.0.0_by_Sxela_faces.tar": "faces",
        "face2comics_v2.0.0_by_Sxela_comics.tar": "comics",
    },
}

SIZE = {"1.0.0": 512, "2.0.0": 1024}  # width and height of the images in pixels
DESCRIPTION = """\
face2comics, version {version}
------------------------------

Pairs of a face and the same face as a comic, made by Alex Spirin (Sxela) to train networks that
turn one into the other. Some pictures intentionally show no proper face.

:Images: {faces} faces and {comics} comics, JPEG, {size} x {size} pixels, in the folders faces
    and comics
:Pairs: files of the same stem belong together
:Source: https://github.com/Sxela/face2comics
:Licence: MIT, copyright 2021 Alexander Spirin

To cite: Spirin, A. (2021). face2comics, version {version} [data set].
https://github.com/Sxela/face2comics
"""


@validate_params(
    {
        "data_home": [str, os.PathLike, None],
        "version": [StrOptions(set(ARCHIVES))],
        "download_if_missing": ["boolean"],
        "n_retries": [Interval(Integral, 1, None, closed="left")],
        "delay": [Interval(Real, 0, None, closed="left")],
        "on_progress": [callable, None],
    },
    prefer_skip_nested_validation=True,
)
def fetch_comic_faces(
    *,
    data_home: str | os.PathLike[str] | None = None,
    version: str = "2.0.0",
    download_if_missing: bool = True,
    n_retries: int = 3,
    delay: float = 1.0,
    on_progress: Callable[[str, int, int | None], None] | None = None,
) -> Bunch:
    """Load the paired real and comic faces of face2comics; download them the first time.

    An interrupted download is resumed. The archives are deleted after unpacking; their SHA-256
    is recorded in `data_home`, and a later download must match it.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder of data sets; None is that of scikit-learn,
        :func:`sklearn.datasets.get_data_home`. The images are in the sub-folder
        ``face2comics_v{version}``.
    version : {"1.0.0", "2.0.0"}, default="2.0.0"
        The release. Both have 10,000 pairs: 2.0.0 of 1024 x 1024 pixels, in two archives of
        about 1 GB each; 1.0.0 of 512 x 512 pixels, in one of about 0.7 GB. Unpacking needs
        as much again.
    download_if_missing : bool, default=True
        If False, raise an OSError if the images are not on disk.
    n_retries : int, default=3
        Number of tries for each archive, at least 1.
    delay : float, default=1.0
        Seconds between two tries.
    on_progress : callable or None, default=None
        Called while an archive is downloaded, once when the server has responded and then after
        each 64 KiB, as ``on_progress(name, n_bytes, total)``: the name of the archive, how many
        bytes of it are on disk, and how many it has, None if the server does not say. `n_bytes`
        starts above 0 for a download that is resumed, and falls to 0 if it starts from scratch.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With attributes

        catalogue : DataFrame of shape (n_images, 3)
            Columns `path`, `label` (``"faces"`` or ``"comics"``) and `pair`, as from
            :func:`skcomic.load_catalogue`.
        data_dir : Path
            The folder with the sub-folders ``faces`` and ``comics``.
        DESCR : str
            Description of the data set.

    Raises
    ------
    ValueError
        If a parameter is outside its range, or if an archive contains anything but plain
        files that stay in the target folder; nothing of it is unpacked then.
    OSError
        If the images are missing and may not be downloaded, if the download fails, if an
        archive is damaged or is not the one of the first download, or if the disk is full.
    ImportError
        If something must be downloaded and pooch is not installed.

    Examples
    --------
    >>> from skcomic.datasets import fetch_comic_faces
    >>> faces = fetch_comic_faces()  # doctest: +SKIP
    >>> faces.catalogue.label.value_counts().to_dict()  # doctest: +SKIP
    {'comics': 10000, 'faces': 10000}
    """
    home = Path(get_data_home(data_home))
    data_dir = home / f"face2comics_v{version}"
    if not data_dir.exists():
        archives = {home / name: label for name, label in ARCHIVES[version].items()}
        missing = [archive for archive in archives if not archive.exists()]
        if missing and not download_if_missing:
            raise OSError(
                f"face2comics {version} not found in {str(data_dir)!r}, set "
                f"download_if_missing=True or save {' and '.join(map(str, missing))} yourself"
            )
        for archive in missing:
            download(
                f"{BASE_URL}/v{version}/{archive.name}",
                archive,
                n_retries=n_retries,
                delay=delay,
                on_progress=on_progress,
            )
        unpack_all(archives, data_dir)
    counts = check_complete(data_dir)
    return Bunch(
        catalogue=load_catalogue(data_dir),
        data_dir=data_dir,
        DESCR=DESCRIPTION.format(version=version, size=SIZE[version], **counts),
    )
