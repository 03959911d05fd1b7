"""Unpacking of the archives of a data set, and the check that all images are on disk."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import IO, cast

from skcomic._files import write_file
from skcomic.datasets._download import named_errors
from skcomic.images.decoding import EXTENSIONS

CLASS_OF_FOLDER = {"face": "faces", "faces": "faces", "comic": "comics", "comics": "comics"}

# Written last: a folder that contains it was unpacked completely.
MARKER = "fetched.json"


def unpack_all(archives: dict[Path, str | None], data_dir: Path) -> None:
    """Unpack the archives into `data_dir`, which appears complete or not at all; delete them."""
    found = {archive: _verify_checksum(archive) for archive in archives}
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
                    "download it again"
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
            write_file(_checksum_path(archive), f"{sha256}  {archive.name}\n")
        folder.replace(data_dir)
    for archive in archives:
        archive.unlink()


def _checksum_path(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.sha256")


def _verify_checksum(archive: Path) -> str:
    """SHA-256 of an archive; raise if another one was recorded at the first download."""
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    checksum_path = _checksum_path(archive)
    recorded = checksum_path.read_text().split() if checksum_path.exists() else []
    if recorded and recorded[0] != found:
        raise OSError(
            f"{str(archive)!r} differs from the first download: its SHA-256 is {found}, that in "
            f"{str(checksum_path)!r} is {recorded[0]}; delete the archive to download it again, "
            "or that record if you trust the new one"
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
            label = _find_label(path, only_label)
            if not member.isreg() or not _is_image(path.name) or label is None:
                continue
            target = folder / label / path.name
            if target.exists():
                raise ValueError(
                    f"{str(archive)!r} holds two images for {label}/{path.name}, the second is "
                    f"{member.name!r}; delete it and get it from a source you trust"
                )
            source = cast(
                IO[bytes], tar.extractfile(member)
            )  # None only for members that are no files
            with source, named_errors(target), target.open("wb") as file:
                shutil.copyfileobj(source, file)


def _find_label(path: PurePosixPath, only_label: str | None) -> str | None:
    """Class named by the innermost folder that names one, or else that of the archive."""
    folders = (CLASS_OF_FOLDER.get(folder.lower()) for folder in reversed(path.parent.parts))
    return next(filter(None, folders), only_label)


def _check_end(tar: tarfile.TarFile) -> None:
    """Raise if the block of zeros that ends every archive is missing.

    Without it, an archive that was cut between two members reads like a complete one.
    """
    stream = cast(IO[bytes], tar.fileobj)
    stream.seek(tar.offset)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("unexpected end of data")


def _check_safe(member: tarfile.TarInfo, archive: Path) -> None:
    """Raise unless a member is a plain file or a folder, and stays in the target folder."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        fault = "leads out of the target folder"
    elif not (member.isreg() or member.isdir()):
        fault = "is a link or a device"
    else:
        return
    raise ValueError(
        f"{str(archive)!r} is refused, because its member {member.name!r} {fault}; nothing was "
        "unpacked: delete it and get it from a source you trust"
    )


def check_complete(data_dir: Path) -> dict[str, int]:
    """Number of images of each class when they were unpacked; raise if some are missing now."""
    try:
        counts = json.loads((data_dir / MARKER).read_text())["images"]
        is_complete = all(
            len(_images(data_dir / label)) >= count for label, count in counts.items()
        )
    except (FileNotFoundError, ValueError):
        is_complete = False
    if not is_complete:
        raise OSError(
            f"{str(data_dir)!r} exists, but not all of its images: move or delete it and run again"
        )
    return counts


def _images(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _is_image(path.name)]


def _is_image(name: str) -> bool:
    # macOS adds a hidden file ._7.jpg, which is no image, to 7.jpg.
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")
