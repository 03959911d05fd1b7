"""The file that a model is kept in: one zip archive with a manifest, and what is refused of it."""

import hashlib
import io
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from skcomic.images.decoding import PathLike

#: The format of the files that this version writes; it reads those up to this one.
#: 1: classes are named by the modules they were in. 2: by their public names.
FORMAT = 2

#: What the members of a model file may take together once they are unpacked, in bytes.
MAX_BYTES = 2**30

MANIFEST, PIPELINE = "manifest.json", "pipeline.skops"
_NETWORK = re.compile(r"networks/\d{1,4}\.keras")
_MANIFEST_BYTES = 2**24
_ENCRYPTED = 0x1
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # others unpack without bounds in zipfile
_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, EOFError)
_ZIP = b"PK\x03\x04"
_ENTRIES = {"format": int, "skcomic": str, "model": str, "members": dict}

# What people take for a model file, by its first bytes.
_OTHER_FILES = {
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"RIFF": "a WebP image",
    b"\x89HDF": "an HDF5 file",
    b"\x80": "a pickle, which can run any code when it is loaded",
}


class ModelFileError(ValueError):
    """A model file that is not loaded, and why.

    Parameters
    ----------
    path : str
        The file.
    reason : str
        What is wrong with it, and what can be done.

    Attributes
    ----------
    path : str
        The file.
    reason : str
        What is wrong with it.

    Examples
    --------
    >>> from skcomic import load
    >>> try:
    ...     load("face.jpg")
    ... except ModelFileError as error:
    ...     print(error)
    cannot load 'face.jpg': there is no such file
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)  # the arguments are what pickle keeps
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot load {self.path!r}: {self.reason}"


class AuditError(Exception):
    """What a check finds wrong; becomes a `ModelFileError` where the path is known."""


@contextmanager
def audited_file(path: PathLike) -> Iterator[None]:
    """Tell of which file a refusal is."""
    try:
        yield
    except AuditError as refusal:
        raise ModelFileError(os.fspath(path), str(refusal)) from refusal


def pack(manifest: dict[str, Any], members: dict[str, bytes]) -> bytes:
    """Make the content of a model file.

    Parameters
    ----------
    manifest : dict
        The description of the model; the checksums of the members are added.
    members : dict of str to bytes
        The pipeline and the networks, by their names.

    Returns
    -------
    content : bytes
        A zip archive.
    """
    sums = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in members.items()
    }
    description = json.dumps(manifest | {"members": sums}, indent=1, allow_nan=False)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {MANIFEST: description.encode(), **members}.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def read_manifest(path: PathLike) -> dict[str, Any]:
    """Read the manifest of a model file, and nothing else of it.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    manifest : dict
        As the file was saved with.

    Raises
    ------
    ModelFileError
        If it is no model file, or one of a newer format.
    """
    with audited_file(path), _opened(path) as archive:
        return _manifest(archive, _entries(archive))


def unpack(path: PathLike, max_bytes: int = MAX_BYTES) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read a model file, and check all that can be checked from outside of its members.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_bytes : int, default=MAX_BYTES
        What the members may take together, in bytes.

    Returns
    -------
    manifest : dict
        As from `read_manifest`.
    members : dict of str to bytes
        The pipeline and the networks, as they were packed.

    Raises
    ------
    ModelFileError
        At the first thing that is wrong.
    """
    with audited_file(path), _opened(path) as archive:
        entries = _entries(archive)
        manifest = _manifest(archive, entries)
        for name in entries:
            if name not in (MANIFEST, PIPELINE) and not _NETWORK.fullmatch(name):
                raise AuditError(f"its member {name!r} is none that a model file has")
        members = _contents(archive, entries, max_bytes)
        del members[MANIFEST]
        sums = manifest["members"]
        if sums.keys() != members.keys():
            odd = sorted(sums.keys() ^ members.keys())
            raise AuditError(f"its manifest and its members disagree about {odd[0]!r}")
        for name, content in members.items():
            stated = sums[name].get("sha256") if isinstance(sums[name], dict) else None
            if stated != hashlib.sha256(content).hexdigest():
                raise AuditError(
                    f"the SHA-256 of its member {name!r} is not the one in its manifest: it was "
                    "damaged or changed; download it again"
                )
        if PIPELINE not in members:
            raise AuditError(f"it has no member {PIPELINE!r}")
        return manifest, members


def read_stored(content: bytes, what: str) -> dict[str, bytes]:
    """Read an archive within a model file, whose members must not be compressed again.

    So they are never larger than what was read already.

    Parameters
    ----------
    content : bytes
        The archive.
    what : str
        How it is called in a refusal.

    Returns
    -------
    members : dict of str to bytes
        All of them.

    Raises
    ------
    AuditError
        If anything is wrong with it.
    """
    if not content.startswith(_ZIP):
        raise AuditError(f"its {what} is damaged: it is no zip archive")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = _entries(archive)
            for name, entry in entries.items():
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise AuditError(
                        f"{name!r} in its {what} is compressed, which skcomic never does"
                    )
            return _contents(archive, entries, len(content))
    except _DAMAGE as error:
        raise AuditError(f"its {what} is damaged: {error}") from error


def read_json(content: bytes, what: str) -> Any:
    """Parse JSON of a stranger.

    Parameters
    ----------
    content : bytes
        UTF-8.
    what : str
        How it is called in a refusal.

    Returns
    -------
    value : object
        What it says.

    Raises
    ------
    AuditError
        If it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise AuditError(f"{what} is no JSON that can be read: {error}") from error


@contextmanager
def _opened(path: PathLike) -> Iterator[zipfile.ZipFile]:
    path = Path(path)
    try:
        with path.open("rb") as file:
            _check_signature(file)
            with zipfile.ZipFile(file) as archive:
                yield archive
    except FileNotFoundError as error:
        raise AuditError("there is no such file") from error
    except IsADirectoryError as error:
        raise AuditError("it is a folder; name the file that skcomic.save wrote") from error
    except PermissionError as error:
        raise AuditError("there is no permission to read it") from error
    except _DAMAGE as error:
        raise AuditError(f"it is damaged: {error}; download it again") from error


def _check_signature(file: IO[bytes]) -> None:
    head = file.read(4)
    file.seek(0)
    if head == _ZIP:
        return
    if not head:
        raise AuditError("it is empty")
    kinds = (kind for start, kind in _OTHER_FILES.items() if head.startswith(start))
    raise AuditError(
        f"it is no model file but {next(kinds, 'something else')}; skcomic.save makes one"
    )


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """List the members by their names, if these and their kinds are sound."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        name = entry.orig_filename
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise AuditError(f"its member {name!r} would leave the archive")
        if name in entries:
            raise AuditError(f"it has two members of the name {name!r}")
        if entry.flag_bits & _ENCRYPTED:
            raise AuditError(f"its member {name!r} is encrypted")
        if entry.compress_type not in _METHODS:
            raise AuditError(f"its member {name!r} is compressed in a way that skcomic never does")
        entries[name] = entry
    return entries


def _contents(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], max_bytes: int
) -> dict[str, bytes]:
    stated = sum(entry.file_size for entry in entries.values())
    if stated > max_bytes:
        raise AuditError(
            f"its members take {stated:,} bytes once unpacked, more than the limit of "
            f"{max_bytes:,}; raise max_bytes if you expect a model of that size"
        )
    contents = {}
    for name, entry in entries.items():
        with archive.open(entry) as member:  # gives no more than the stated size
            contents[name] = member.read(entry.file_size + 1)
        if len(contents[name]) != entry.file_size:
            raise AuditError(f"its member {name!r} is not as large as the archive states")
    return contents


def _manifest(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> dict[str, Any]:
    if MANIFEST not in entries:
        raise AuditError(f"it is an archive without {MANIFEST!r}: skcomic.save did not write it")
    content = _contents(archive, {MANIFEST: entries[MANIFEST]}, _MANIFEST_BYTES)[MANIFEST]
    manifest = read_json(content, "its manifest")
    number = manifest.get("format") if isinstance(manifest, dict) else None
    if type(number) is int and number > FORMAT:
        raise AuditError(
            f"it is of format {number}, written by skcomic {manifest.get('skcomic')}; this "
            f"version reads formats up to {FORMAT}: install a newer skcomic"
        )
    for name, kind in _ENTRIES.items():
        if not isinstance(manifest, dict) or type(manifest.get(name)) is not kind:
            raise AuditError(f"its manifest has no valid {name!r}")
    if type(number) is not int or number < 1:
        raise AuditError(f"it is of format {number}, which does not exist")
    return manifest
