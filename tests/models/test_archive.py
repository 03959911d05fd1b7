"""Files that are not model files, and archives made to do harm, are refused."""

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
from model_files import NETWORK, Edit, members_of

from skcomic import ModelFileError, load
from skcomic.models.archive import MANIFEST, zip_members


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (
            pickle.dumps([1]),
            "not a model file but a pickle, which can run any code when it is loaded",
        ),
        (b"\xff\xd8\xff\xe0 JFIF", "not a model file but a JPEG image"),
        (b"\x89HDF\r\n", "not a model file but an HDF5 file"),
        (b"a text", "not a model file but something else"),
    ],
)
def test_other_kinds_of_files_are_named(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=message) as refused:
        load(path)
    assert refused.value.path == str(path)
    assert pickle.loads(pickle.dumps(refused.value)).reason == refused.value.reason
    with pytest.raises(ModelFileError, match="it is a folder"):
        load(tmp_path)


def add(name: str, content: bytes = b"x", method: int = zipfile.ZIP_DEFLATED) -> Edit:
    def edit(whole: bytes) -> bytes:
        buffer = io.BytesIO(whole)
        with zipfile.ZipFile(buffer, "a", method) as archive:
            archive.writestr(name, content)
        return buffer.getvalue()

    return edit


def manifest_with(**entries: Any) -> Edit:
    def edit(whole: bytes) -> bytes:
        members = members_of(whole)
        edited = json.loads(members[MANIFEST]) | entries
        return zip_members(members | {MANIFEST: json.dumps(edited).encode()})

    return edit


def with_member(name: str, content: bytes) -> Edit:
    return lambda whole: zip_members(members_of(whole) | {name: content})


def without_member(name: str) -> Edit:
    return lambda whole: zip_members({n: c for n, c in members_of(whole).items() if n != name})


def with_wrong_size(whole: bytes) -> bytes:
    """State in the central directory, which zipfile reads, that the network has ten bytes."""
    at = whole.rindex(NETWORK.encode()) - 46
    assert whole[at : at + 4] == b"PK\x01\x02"
    return whole[: at + 24] + (10).to_bytes(4, "little") + whole[at + 28 :]


def with_encryption_flag(whole: bytes) -> bytes:
    at = whole.rindex(NETWORK.encode()) - 46
    return whole[: at + 8] + b"\x01" + whole[at + 9 :]


def with_flipped_bit(whole: bytes) -> bytes:
    return whole[:900] + bytes([whole[900] ^ 1]) + whole[901:]


OUTER = {
    "truncated": (lambda whole: whole[:-100], "it is damaged"),
    "a flipped bit": (with_flipped_bit, "damaged"),
    "not ours": (lambda _: zip_members({"a": b"b"}), "a zip archive without 'manifest.json'"),
    "newer": (manifest_with(format=4, skcomic="9.1"), r"format 4, written by skcomic 9\.1"),
    "format 0": (manifest_with(format=0), "format 0, which does not exist"),
    "no format": (manifest_with(format=True), "has no valid 'format', which"),
    "large manifest": (
        with_member(MANIFEST, b" " * (2**24 + 1)),
        "manifest takes 16,777,217 bytes, more than the lim",
    ),
    "deep JSON": (with_member(MANIFEST, b"[" * 99_999), "manifest is not valid JSON"),
    "slip": (add("../evil.py"), r"'\.\./evil\.py' would be written outside of the archive"),
    "absolute": (
        add("/etc/cron.d/evil"),
        "'/etc/cron.d/evil' would be written outside of the archive",
    ),
    "backslash": (add("..\\evil.py"), "would be written outside of the archive"),
    "a pickle": (add("model.pkl", pickle.dumps(1)), "'model.pkl' does not belong in a model file"),
    "unlisted": (add("networks/1.keras"), "disagree about 'networks/1.keras'"),
    "missing": (without_member(NETWORK), f"disagree about '{NETWORK}'"),
    "checksum": (
        with_member(NETWORK, b"other"),
        "SHA-256 of its member 'networks/0.keras' is not",
    ),
    "bomb": (add("networks/1.keras", bytes(3_000_000)), r"take 3,\d+,\d+ bytes once unpacked"),
    "lying size": (with_wrong_size, "damaged"),
    "encrypted": (with_encryption_flag, "is encrypted"),
    "bzip2": (
        add("networks/1.keras", b"x", zipfile.ZIP_BZIP2),
        "uses a compression other than deflate",
    ),
}


@pytest.mark.parametrize("attack", OUTER)
def test_attacks_on_the_archive(attack: str, file: Path, tmp_path: Path) -> None:
    edit, message = OUTER[attack]
    path = tmp_path / "model"
    path.write_bytes(edit(file.read_bytes()))
    with pytest.raises(ModelFileError, match=message):
        load(path, max_bytes=2_000_000)


def test_two_members_of_one_name(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "model"
    with pytest.warns(UserWarning, match="Duplicate name"):
        path.write_bytes(add(NETWORK)(file.read_bytes()))
    with pytest.raises(ModelFileError, match="two members named 'networks/0"):
        load(path)
