"""Unpacking: damaged and malicious archives, a full disk, and interruption."""

import copy
import hashlib
import io
import tarfile

import pytest
from release_server import (
    BOTH,
    COMICS,
    FACES,
    assert_whole,
    fetch,
    images,
    names,
    special_member,
    tar,
)

from skcomic.datasets import _unpacking


def test_changed_archive_is_refused(release, tmp_path):
    fetch(tmp_path).data_dir.rename(tmp_path / "first")
    first = hashlib.sha256(release.files[FACES]).hexdigest()
    release.files[FACES] = tar(images("other/faces"))
    changed = hashlib.sha256(release.files[FACES]).hexdigest()
    with pytest.raises(OSError, match="differs from the first download") as raised:
        fetch(tmp_path)
    for text in (FACES, f"{FACES}.sha256", first, changed, "delete"):
        assert text in str(raised.value)
    assert not (tmp_path / "face2comics_v2.0.0").exists()

    (tmp_path / f"{FACES}.sha256").unlink()  # as the message advises
    (tmp_path / "first").rename(tmp_path.with_name("kept"))
    fetch(tmp_path)
    assert_whole(tmp_path, release)


@pytest.mark.parametrize(
    "member",
    [
        special_member("../../escaped.jpg", tarfile.REGTYPE),
        special_member("faces/../../../escaped.jpg", tarfile.REGTYPE),
        special_member("{home}/escaped.jpg", tarfile.REGTYPE),
        special_member("faces/escaped.jpg", tarfile.SYMTYPE, "/etc/passwd"),
        special_member("faces", tarfile.SYMTYPE, "{home}"),
        special_member("faces/escaped.jpg", tarfile.LNKTYPE, "../../secret"),
        special_member("faces/escaped.jpg", tarfile.FIFOTYPE),
        special_member("faces/escaped.jpg", tarfile.CHRTYPE),
    ],
    ids=["up", "down-and-up", "absolute", "symlink", "folder-link", "hardlink", "pipe", "device"],
)
def test_archive_that_leaves_its_folder_is_refused_whole(release, tmp_path, member):
    home = tmp_path / "deep" / "home"
    member = copy.copy(member)  # `TarInfo.replace` came with Python 3.11.4
    member.name = member.name.format(home=tmp_path)
    member.linkname = member.linkname.format(home=tmp_path)
    release.files[COMICS] = tar(images("comics"), member)
    with pytest.raises(ValueError, match="is refused") as raised:
        fetch(home)
    assert repr(member.name) in str(raised.value)
    assert COMICS in str(raised.value)
    assert names(home) == {FACES, COMICS}
    assert {path.name for path in tmp_path.rglob("*")} == {"deep", "home", FACES, COMICS}


def cut_inside_an_image(archive: bytes) -> bytes:
    return archive[: len(archive) // 2]


def cut_between_images(archive: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return archive[: opened.getmembers()[2].offset]


def cut_inside_a_header(archive: bytes) -> bytes:
    return cut_between_images(archive) + bytes(100)


def not_an_archive(archive: bytes) -> bytes:
    return b"<html>Please log in to this network</html>"


@pytest.mark.parametrize(
    "damage",
    [
        cut_inside_an_image,
        cut_between_images,
        cut_inside_a_header,
        not_an_archive,
        bytes.__getitem__,
    ],
)
def test_damaged_archive_is_downloaded_again(release, tmp_path, damage):
    whole = release.files[COMICS]
    release.files[COMICS] = b"" if damage is bytes.__getitem__ else damage(whole)
    with pytest.raises(OSError, match="is damaged or cut short, and was deleted") as raised:
        fetch(tmp_path)
    assert COMICS in str(raised.value)
    assert names(tmp_path) == {FACES}
    release.files[COMICS] = whole
    fetch(tmp_path)
    assert [name for name, _ in release.requested] == [FACES, COMICS, COMICS]
    assert_whole(tmp_path, release)


def test_other_files_are_skipped(release, tmp_path):
    other_files = {
        "README.txt": b"read me",
        "faces/notes.txt": b"notes",
        "faces/._0.jpg": b"resource fork",
        "faces/.DS_Store": b"finder",
        "__MACOSX/faces/._1.jpg": b"resource fork",
    }
    release.files[FACES] = tar(
        other_files | images("faces"), special_member("faces/more", tarfile.DIRTYPE)
    )
    folder = fetch(tmp_path).data_dir
    assert names(folder / "faces") == {"0.jpg", "1.jpg", "2.jpg", "3.jpg"}


@pytest.mark.parametrize("folder", ["a/b/Faces/c", "./FACE", "comics/faces", "anything", "."])
def test_any_nesting_of_folders_is_accepted(release, tmp_path, folder):
    release.files[FACES] = tar(images(folder))
    catalogue = fetch(tmp_path).catalogue
    assert catalogue.label.value_counts().to_dict() == {"comics": 4, "faces": 4}


@pytest.mark.parametrize("folders", [("face", "comic"), ("a/FACES/b", "Comics")])
def test_folders_of_one_archive_give_the_classes(release, tmp_path, folders):
    release.files[BOTH] = tar(images(folders[0]) | images(folders[1]))
    catalogue = fetch(tmp_path, version="1.0.0").catalogue
    assert catalogue.label.value_counts().to_dict() == {"comics": 4, "faces": 4}


def test_archive_without_classes_is_an_error(release, tmp_path):
    release.files[BOTH] = tar(images("pictures"))
    with pytest.raises(OSError, match=r"hold 0 faces and 0 comics") as raised:
        fetch(tmp_path, version="1.0.0")
    assert BOTH in str(raised.value)
    assert names(tmp_path) == {BOTH}


def test_two_images_of_one_name_are_an_error(release, tmp_path):
    release.files[FACES] = tar(images("a/faces") | images("b/faces"))
    with pytest.raises(
        ValueError, match=r"two images for faces/0\.jpg, the second is 'b/faces/0\.jpg'"
    ):
        fetch(tmp_path)
    assert names(tmp_path) == {FACES, COMICS}


def test_interrupted_unpacking_is_not_accepted(release, tmp_path, monkeypatch):
    copy, copied = _unpacking.shutil.copyfileobj, []

    def interrupted_copy(*files):
        copied.append(copy(*files))
        if len(copied) == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_unpacking.shutil, "copyfileobj", interrupted_copy)
        with pytest.raises(KeyboardInterrupt):
            fetch(tmp_path)
    assert names(tmp_path) == {FACES, COMICS}
    release.requested.clear()
    fetch(tmp_path)
    assert release.requested == []  # the archives were complete
    assert_whole(tmp_path, release)


def test_full_disk_while_unpacking_names_the_file(release, tmp_path, largest_file):
    for name in (FACES, COMICS):
        (tmp_path / name).write_bytes(release.files[name])
    with largest_file(1000), pytest.raises(OSError, match=r"File too large.*faces/0\.jpg"):
        fetch(tmp_path)
    assert names(tmp_path) == {FACES, COMICS}
    fetch(tmp_path)
    assert_whole(tmp_path, release)
