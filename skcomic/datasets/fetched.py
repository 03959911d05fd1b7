"""The real and comic faces of face2comics, downloaded once and kept on disk."""

import hashlib
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, cast

from sklearn.datasets import get_data_home
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from skcomic._files import write_file
from skcomic.catalogue.loading import load_catalogue
from skcomic.images.decoding import EXTENSIONS

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BASE_URL = "https://github.com/Sxela/face2comics/releases/download"

# The archives of each release, and the class of those that hold only one.
ARCHIVES: dict[str, dict[str, str | None]] = {
    "1.0.0": {"face2comics_v1.0.0_by_Sxela.tar": None},
    "2.0.0": {
        "face2comics_v2.0.0_by_Sxela_faces.tar": "faces",
        "face2comics_v2.0.0_by_Sxela_comics.tar": "comics",
    },
}
CLASS_OF_FOLDER = {"face": "faces", "faces": "faces", "comic": "comics", "comics": "comics"}

# Written last, so that a folder which has it was unpacked to the end.
MARKER = "fetched.json"

CHUNK_BYTES = 2**16
TIMEOUT = (10.0, 60.0)  # seconds to connect, and to wait for the next bytes
WORTH_ANOTHER_TRY = {408, 416, 429}  # of the answers that blame the request

SIZE = {"1.0.0": 512, "2.0.0": 1024}  # width and height of the images in pixels
DESCRIPTION = """\
face2comics, version {version}
------------------------------

Pairs of a face and the same face as a comic, made by Alex Spirin (Sxela) to train networks that
turn one into the other. Some pictures show no proper face, and are meant to.

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
) -> Bunch:
    """Load the paired real and comic faces of face2comics, and download them the first time.

    The download goes on where it was interrupted. The archives are deleted once they are
    unpacked; their SHA-256 is kept beside them, and whatever is downloaded later must match it.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder that holds data sets; None is that of scikit-learn,
        :func:`sklearn.datasets.get_data_home`. The images go to the sub-folder
        ``face2comics_v{version}``.
    version : {"1.0.0", "2.0.0"}, default="2.0.0"
        The release. Both have 10,000 pairs: 2.0.0 of 1024 x 1024 pixels, in two archives of
        about 1 GB each; 1.0.0 of 512 x 512 pixels, in one of about 0.7 GB. As much again is
        needed while they are unpacked.
    download_if_missing : bool, default=True
        If False, nothing is downloaded: what is not on disk is an error.
    n_retries : int, default=3
        How often each archive is tried, at least once.
    delay : float, default=1.0
        Seconds between two tries.

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
            What the data set is.

    Raises
    ------
    ValueError
        If a parameter is outside its range, or if an archive holds anything but plain files
        that stay in their folder; nothing of it is unpacked then.
    OSError
        If the images are missing and may not be downloaded, if the download fails, if an
        archive is damaged or is not the one of the first download, or if the disk is full.
    ImportError
        If there is something to download and pooch is not installed.

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
                f"download_if_missing=True or put {' and '.join(map(str, missing))} there by hand"
            )
        for archive in missing:
            _download(f"{BASE_URL}/v{version}/{archive.name}", archive, n_retries, delay)
        _unpack_all(archives, data_dir)
    counts = _check_complete(data_dir)
    return Bunch(
        catalogue=load_catalogue(data_dir),
        data_dir=data_dir,
        DESCR=DESCRIPTION.format(version=version, size=SIZE[version], **counts),
    )


def _check_complete(data_dir: Path) -> dict[str, int]:
    """Number of images of each class, as they were unpacked; no fewer may be there now."""
    try:
        counts = json.loads((data_dir / MARKER).read_text())["images"]
        lost = any(len(_images(data_dir / label)) < count for label, count in counts.items())
    except (FileNotFoundError, ValueError):
        lost = True
    if lost:
        raise OSError(
            f"{str(data_dir)!r} is there, but not all of its images: move or delete it and run "
            "again"
        )
    return counts


def _images(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _is_image(path.name)]


def _is_image(name: str) -> bool:
    # macOS puts a hidden file ._7.jpg, which is no image, beside 7.jpg.
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


# --- Download -------------------------------------------------------------------------------


def _download(url: str, path: Path, n_retries: int, delay: float) -> None:
    try:
        import pooch  # noqa: F401
        import requests
        import rich  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'to download data sets install pooch: pip install "skcomic[study]" ({error})'
        ) from error

    part = path.with_name(f"{path.name}.part")
    for attempt in range(1, n_retries + 1):
        try:
            _download_rest(url, part)
            break
        except requests.RequestException as error:
            status = 0 if error.response is None else error.response.status_code
            hopeless = 400 <= status < 500 and status not in WORTH_ANOTHER_TRY
            if hopeless or attempt == n_retries:
                raise OSError(
                    f"could not download {url} (try {attempt} of {n_retries}: {error}); check "
                    "the connection and run again, which goes on where this stopped, or put the "
                    f"archive by hand at {path}"
                ) from error
        time.sleep(delay)
    part.replace(path)


def _download_rest(url: str, part: Path) -> None:
    """Append to `part` the bytes that it lacks, once; it keeps what came if that fails."""
    import pooch
    import requests
    from rich.console import Console
    from rich.progress import Progress

    # The server's mark of the archive that the part is of: no other one is appended to it.
    mark = part.with_suffix(".etag")
    with (
        _named_errors(part),
        part.open("ab") as file,
        Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress,
    ):
        start = file.tell()
        bar = progress.add_task(part.stem, total=None)
        answers: list[requests.Response] = []

        def prepare_file(answer: requests.Response, **_: Any) -> None:
            answers.append(answer)
            continues = answer.status_code == 206 and _range(answer)[0] == start
            if answer.status_code in {200, 206, 416} and not continues:
                file.seek(0)
                file.truncate()
            if answer.status_code == 200:
                write_file(mark, answer.headers.get("ETag", ""))
            if answer.status_code == 206 and not continues:
                raise requests.ConnectionError("the server sent another part than asked for")
            progress.update(bar, total=_total(answer))

        headers = {"Accept-Encoding": "identity"}  # or lengths would be of compressed bytes
        if start:
            headers["Range"] = f"bytes={start}-"
            if mark.exists() and (etag := mark.read_text()):
                headers["If-Range"] = etag
        download = pooch.HTTPDownloader(
            progressbar=_PoochBar(progress, bar, file),
            chunk_size=CHUNK_BYTES,
            timeout=TIMEOUT,
            headers=headers,
            hooks={"response": prepare_file},
        )
        try:
            download(url, file, None)
        finally:
            for answer in answers:
                answer.close()
        # Not every version of requests notices that a connection ended early.
        if (total := _total(answers[-1])) not in {None, file.tell()}:
            raise requests.ConnectionError(f"got {file.tell()} of {total} bytes")
    mark.unlink(missing_ok=True)


def _range(answer: Any) -> tuple[int, int] | tuple[None, None]:
    """(first byte, length of the whole file) as the header Content-Range tells them."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
    return (int(found[1]), int(found[2])) if found else (None, None)


def _total(answer: Any) -> int | None:
    if answer.status_code == 206:
        return _range(answer)[1]
    length = answer.headers.get("Content-Length")
    return int(length) if length else None


class _PoochBar:
    """A bar of rich under the names by which pooch calls one of tqdm.

    It shows the size of the file, because pooch counts from zero when it goes on with one.
    """

    total = 0  # pooch sets it, to what is still to come

    def __init__(self, progress: "Progress", task: "TaskID", file: IO[bytes]) -> None:
        self.progress = progress
        self.task = task
        self.file = file

    def update(self, n_bytes: int) -> None:  # noqa: ARG002
        self.progress.update(self.task, completed=self.file.tell())

    def reset(self) -> None:
        """Do nothing: pooch calls it only to set the bar to its end."""

    def close(self) -> None:
        """Do nothing: the bar ends with its `progress`."""


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Add the file to errors such as a full disk, which the system reports without."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


# --- Unpacking ------------------------------------------------------------------------------


def _unpack_all(archives: dict[Path, str | None], data_dir: Path) -> None:
    """Make `data_dir` of the archives, all at once or not at all, and delete them."""
    found = {archive: _checked_hash(archive) for archive in archives}
    prefix = f"{data_dir.name}-unpacking-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=data_dir.parent) as temporary:
        folder = Path(temporary) / data_dir.name
        for label in ("faces", "comics"):
            (folder / label).mkdir(parents=True)
        for archive, only_label in archives.items():
            try:
                _unpack(archive, only_label, folder)
            except (tarfile.TarError, EOFError) as error:
                archive.unlink()
                raise OSError(
                    f"{str(archive)!r} is damaged or cut short, and was deleted: run again to "
                    "download it anew"
                ) from error
        counts = {label: len(_images(folder / label)) for label in ("faces", "comics")}
        if not all(counts.values()):
            raise OSError(
                f"{' and '.join(map(str, archives))} should hold faces and comics, but hold "
                f"{counts['faces']} faces and {counts['comics']} comics; delete them and run again"
            )
        hashes = {archive.name: sha256 for archive, sha256 in found.items()}
        write_file(folder / MARKER, json.dumps({"images": counts, "sha256": hashes}, indent=1))
        for archive, sha256 in found.items():
            write_file(_record(archive), f"{sha256}  {archive.name}\n")
        folder.replace(data_dir)
    for archive in archives:
        archive.unlink()


def _record(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.sha256")


def _checked_hash(archive: Path) -> str:
    """SHA-256 of an archive, which must be that of the first download if there was one."""
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    record = _record(archive)
    recorded = record.read_text().split() if record.exists() else []
    if recorded and recorded[0] != found:
        raise OSError(
            f"{str(archive)!r} is not what was downloaded first: its SHA-256 is {found}, that in "
            f"{str(record)!r} is {recorded[0]}; delete the archive to download it again, or that "
            "record if you trust the new one"
        )
    return found


def _unpack(archive: Path, only_label: str | None, folder: Path) -> None:
    """Write the images of an archive into the folders of their classes."""
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        _check_end(tar)
        for member in members:
            _check_safe(member, archive)
        for member in members:
            path = PurePosixPath(member.name)
            label = _label_of(path, only_label)
            if not member.isreg() or not _is_image(path.name) or label is None:
                continue
            target = folder / label / path.name
            if target.exists():
                raise ValueError(
                    f"{str(archive)!r} holds two images for {label}/{path.name}, the second is "
                    f"{member.name!r}; delete it and get it from a source you trust"
                )
            source = cast(IO[bytes], tar.extractfile(member))  # None only for other than files
            with source, _named_errors(target), target.open("wb") as file:
                shutil.copyfileobj(source, file)


def _label_of(path: PurePosixPath, only_label: str | None) -> str | None:
    """The class that the innermost telling folder names, or else that of the archive."""
    folders = (CLASS_OF_FOLDER.get(folder.lower()) for folder in reversed(path.parent.parts))
    return next(filter(None, folders), only_label)


def _check_end(tar: tarfile.TarFile) -> None:
    """Raise if the block of zeros that ends every archive is missing.

    Without it, an archive that was cut between two members reads like a whole one.
    """
    stream = cast(IO[bytes], tar.fileobj)
    stream.seek(tar.offset)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("unexpected end of data")


def _check_safe(member: tarfile.TarInfo, archive: Path) -> None:
    """Raise unless a member is a plain file or folder below where it is unpacked."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        fault = "leads out of its folder"
    elif not (member.isreg() or member.isdir()):
        fault = "is a link or a device"
    else:
        return
    raise ValueError(
        f"{str(archive)!r} is refused, because its member {member.name!r} {fault}; nothing was "
        "unpacked: delete it and get it from a source you trust"
    )
