"""The zip archive and the manifest of a model file: writing, reading and checking them."""

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

#: The format that this version writes; it reads all formats up to this one.
#: 1: classes are named by the modules they were in. 2: by their public names. 3: with a plan, if
#: skcomic can describe what the model computes.
FORMAT = 3

#: The largest size of all members together once they are unpacked, in bytes; `load` keeps them in
#: memory. A network takes 12 bytes per weight (with the two moments that Adam keeps of it): 0.5 MB
#: for a net of the report at 64x64 pixels, 25 MB for one with 32 units at 512x512.
MAX_BYTES = 2**30

MANIFEST, PIPELINE, PLAN = "manifest.json", "pipeline.skops", "plan.zip"
_NETWORK = re.compile(r"networks/\d{1,4}\.keras")  # cross-validated calibration has one a fold
# The largest manifest, in bytes: it is read into memory before any other check. The manifest of a
# study takes 7 kB, and some 200 bytes more for each image that could not be read.
_MAX_MANIFEST_BYTES = 2**24
_ENCRYPTED = 0x1  # bit 0 of the flags (APPNOTE.TXT of the zip format, 4.4.4)
# zipfile unpacks what is compressed by other methods without bounds.
_COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_READ_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, EOFError)
_ZIP_SIGNATURE = b"PK\x03\x04"
_REQUIRED_ENTRIES = {"format": int, "skcomic": str, "model": str, "members": dict}

# Files that are taken for a model file by mistake, by their first bytes.
_KNOWN_SIGNATURES = {
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"RIFF": "a WebP image",
    b"\x89HDF": "an HDF5 file",
    b"\x80": "a pickle, which can run any code when it is loaded",
}


class ModelFileError(ValueError):
    """A model file that cannot be loaded, and why.

    Parameters
    ----------
    path : str
        The file.
    reason : str
        What is wrong with it, and what to do about it.

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
    """A failed check; becomes a `ModelFileError` where the path is known."""


@contextmanager
def audited_file(path: PathLike) -> Iterator[None]:
    """Raise a `ModelFileError` with the path for each `AuditError`."""
    try:
        yield
    except AuditError as error:
        raise ModelFileError(os.fspath(path), str(error)) from error


def pack(manifest: dict[str, Any], members: dict[str, bytes]) -> bytes:
    """Make the content of a model file.

    Parameters
    ----------
    manifest : dict
        The description of the model; the checksums of the members are added.
    members : dict of str to bytes
        The pipeline and the networks, by name.

    Returns
    -------
    content : bytes
        A zip archive.

    Raises
    ------
    ValueError
        If the manifest is not plain data, or too large to be read again.
    """
    sums = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in members.items()
    }
    try:
        text = json.dumps(manifest | {"members": sums}, indent=1, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"about must be plain data that JSON can hold: {error}") from error
    if len(text) > _MAX_MANIFEST_BYTES:
        raise ValueError(
            f"about makes a manifest of {len(text):,} bytes, more than the limit of "
            f"{_MAX_MANIFEST_BYTES:,}; leave out its longest entries"
        )
    return zip_members({MANIFEST: text, **members}, zipfile.ZIP_DEFLATED)


def zip_members(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Make a zip archive of members; by default not compressed, as `read_stored` requires."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def read_threshold(manifest: dict[str, Any]) -> float | None:
    """Return the probability below which the model of a study with a wanted accuracy is unsure.

    Parameters
    ----------
    manifest : dict
        Of `read_manifest`.

    Returns
    -------
    threshold : float or None
        None if it always answers.
    """
    value: Any = manifest
    for key in ("about", "abstention", "threshold"):
        value = value.get(key) if isinstance(value, dict) else None
    return float(value) if isinstance(value, int | float) else None


def read_manifest(path: PathLike) -> dict[str, Any]:
    """Read the manifest of a model file, and nothing else of it.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    manifest : dict
        As it was saved.

    Raises
    ------
    ModelFileError
        If it is no model file, or one of a newer format.
    """
    with audited_file(path), _open_archive(path) as archive:
        return _parse_manifest(archive, _check_entries(archive))


def unpack(path: PathLike, max_bytes: int = MAX_BYTES) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read a model file, and check all that can be checked without parsing its members.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_bytes : int, default=MAX_BYTES
        The largest size of all members together once they are unpacked, in bytes.

    Returns
    -------
    manifest : dict
        As from `read_manifest`.
    members : dict of str to bytes
        The pipeline and the networks, by name.

    Raises
    ------
    ModelFileError
        If any check fails.
    """
    with audited_file(path), _open_archive(path) as archive:
        entries = _check_entries(archive)
        manifest = _parse_manifest(archive, entries)
        for name in entries:
            if name not in (MANIFEST, PIPELINE, PLAN) and not _NETWORK.fullmatch(name):
                raise AuditError(f"its member {name!r} does not belong in a model file")
        members = _read_members(archive, entries, max_bytes)
        del members[MANIFEST]
        sums = manifest["members"]
        if sums.keys() != members.keys():
            mismatched = sorted(sums.keys() ^ members.keys())
            raise AuditError(f"its manifest and its members disagree about {mismatched[0]!r}")
        for name, content in members.items():
            expected = sums[name].get("sha256") if isinstance(sums[name], dict) else None
            if expected != hashlib.sha256(content).hexdigest():
                raise AuditError(
                    f"the SHA-256 of its member {name!r} is not the one in its manifest: it was "
                    "damaged or changed; download it again"
                )
        if PIPELINE not in members:
            raise AuditError(f"it has no member {PIPELINE!r}")
        return manifest, members


def read_stored(content: bytes, what: str) -> dict[str, bytes]:
    """Read an archive inside a model file, whose members must not be compressed again.

    Its members are therefore never larger than the archive itself, which is in memory already.

    Parameters
    ----------
    content : bytes
        The archive.
    what : str
        Its name in error messages.

    Returns
    -------
    members : dict of str to bytes
        All members, by name.

    Raises
    ------
    AuditError
        If it is damaged, or a member is compressed.
    """
    if not content.startswith(_ZIP_SIGNATURE):
        raise AuditError(f"its {what} is damaged: it is not a zip archive")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = _check_entries(archive)
            for name, entry in entries.items():
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise AuditError(
                        f"{name!r} in its {what} is compressed; its members must be stored "
                        "uncompressed"
                    )
            return _read_members(archive, entries, len(content))
    except _READ_ERRORS as error:
        raise AuditError(f"its {what} is damaged: {error}") from error


def read_json(content: bytes, what: str) -> Any:
    """Parse JSON from an untrusted file.

    Parameters
    ----------
    content : bytes
        UTF-8.
    what : str
        Its name in error messages.

    Returns
    -------
    value : object
        The parsed value.

    Raises
    ------
    AuditError
        If it is not valid JSON, or nested too deeply.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise AuditError(f"{what} is not valid JSON: {error}") from error


@contextmanager
def _open_archive(path: PathLike) -> Iterator[zipfile.ZipFile]:
    path = Path(path)
    try:
        with path.open("rb") as file:
            _check_signature(file)
            with zipfile.ZipFile(file) as archive:
                yield archive
    except FileNotFoundError as error:
        raise AuditError("there is no such file") from error
    except IsADirectoryError as error:
        raise AuditError("it is a folder; give the file that skcomic.save wrote") from error
    except PermissionError as error:
        raise AuditError("there is no permission to read it") from error
    except _READ_ERRORS as error:
        raise AuditError(f"it is damaged: {error}; download it again") from error


def _check_signature(file: IO[bytes]) -> None:
    head = file.read(4)
    file.seek(0)
    if head == _ZIP_SIGNATURE:
        return
    if not head:
        raise AuditError("it is empty")
    kinds = (kind for start, kind in _KNOWN_SIGNATURES.items() if head.startswith(start))
    raise AuditError(
        f"it is not a model file but {next(kinds, 'something else')}; skcomic.save writes one"
    )


def _check_entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the entries by name, once their names, flags and compression are checked."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        name = entry.orig_filename
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise AuditError(f"its member {name!r} would be written outside of the archive")
        if name in entries:
            raise AuditError(f"it has two members named {name!r}")
        if entry.flag_bits & _ENCRYPTED:
            raise AuditError(f"its member {name!r} is encrypted")
        if entry.compress_type not in _COMPRESSIONS:
            raise AuditError(f"its member {name!r} uses a compression other than deflate")
        entries[name] = entry
    return entries


def _read_members(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], max_bytes: int
) -> dict[str, bytes]:
    total = sum(entry.file_size for entry in entries.values())
    if total > max_bytes:
        raise AuditError(
            f"its members take {total:,} bytes once unpacked, more than the limit of "
            f"{max_bytes:,}; raise max_bytes if you expect a model of that size"
        )
    contents = {}
    for name, entry in entries.items():
        with archive.open(entry) as member:  # returns no more than the stated size
            contents[name] = member.read(entry.file_size + 1)
        if len(contents[name]) != entry.file_size:
            raise AuditError(f"its member {name!r} does not have the size that the archive states")
    return contents


def _parse_manifest(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]
) -> dict[str, Any]:
    if MANIFEST not in entries:
        raise AuditError(
            f"it is a zip archive without {MANIFEST!r}: skcomic.save did not write it"
        )
    n_bytes = entries[MANIFEST].file_size
    if n_bytes > _MAX_MANIFEST_BYTES:
        raise AuditError(
            f"its manifest takes {n_bytes:,} bytes, more than the limit of {_MAX_MANIFEST_BYTES:,}"
        )
    content = _read_members(archive, {MANIFEST: entries[MANIFEST]}, n_bytes)[MANIFEST]
    manifest = read_json(content, "its manifest")
    number = manifest.get("format") if isinstance(manifest, dict) else None
    if type(number) is int and number > FORMAT:
        raise AuditError(
            f"it is of format {number}, written by skcomic {manifest.get('skcomic')}; this "
            f"version reads formats up to {FORMAT}: install a newer skcomic"
        )
    for name, kind in _REQUIRED_ENTRIES.items():
        if not isinstance(manifest, dict) or type(manifest.get(name)) is not kind:
            raise AuditError(
                f"its manifest has no valid {name!r}, which skcomic.save always writes"
            )
    if type(number) is not int or number < 1:
        raise AuditError(f"it is of format {number}, which does not exist")
    return manifest
