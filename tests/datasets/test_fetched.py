"""Fetching, against a real server on this machine that behaves as badly as it is told."""

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skcomic import cli
from skcomic.datasets import _download, _unpacking, fetch_comic_faces, fetched

FACES = "face2comics_v2.0.0_by_Sxela_faces.tar"
COMICS = "face2comics_v2.0.0_by_Sxela_comics.tar"
BOTH = "face2comics_v1.0.0_by_Sxela.tar"
FOLDERS = {"/v1.0.0", "/v2.0.0", "/elsewhere"}
N_PAIRS = 4


@dataclass
class Release:
    """What the server holds, how it shall misbehave, and what it was asked for."""

    files: dict[str, bytes]
    cuts: int = 0  # answers that end in the middle
    statuses: list[int] = field(default_factory=list)  # sent instead of the next answers
    knows_ranges: bool = True
    shift: int = 0  # bytes by which a range starts too late
    longest_range: int | None = None
    says_length: bool = True
    marks: bool = True  # whether answers have an ETag
    stalls: bool = False
    moved: bool = False  # so that a release leads elsewhere, as those of GitHub do
    over: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # (file, range)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        folder, name = handler.path.rsplit("/", 1)
        wanted = handler.headers.get("Range")
        if self.moved and folder != "/elsewhere":
            handler.send_response(302)
            handler.send_header("Location", f"/elsewhere/{name}")
            handler.end_headers()
            return
        self.asked.append((name, wanted))
        if self.stalls:
            self.over.wait(10)
        if self.statuses or name not in self.files or folder not in FOLDERS:
            handler.send_error(self.statuses.pop(0) if self.statuses else 404)
            return
        body = self.files[name]
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        same = handler.headers.get("If-Range", etag) == etag
        if wanted and self.knows_ranges and same:
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) + self.shift
            if start >= len(body):
                handler.send_error(416)
                return
            part = body[start:][: self.longest_range]
            handler.send_response(206)
            last = start + len(part) - 1
            handler.send_header("Content-Range", f"bytes {start}-{last}/{len(body)}")
        else:
            part = body
            handler.send_response(200)
        if self.marks:
            handler.send_header("ETag", etag)
        if self.says_length:
            handler.send_header("Content-Length", str(len(part)))
        handler.end_headers()
        cut = self.cuts > 0
        self.cuts -= cut
        handler.wfile.write(part[: len(part) // 2] if cut else part)


def jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def tar(members: dict[str, bytes], *strange: tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in strange:
            archive.addfile(member)
    return file.getvalue()


def images(folder: str) -> dict[str, bytes]:
    return {f"{folder}/{number}.jpg": jpeg(number + len(folder)) for number in range(N_PAIRS)}


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Iterator[Release]:
    root = "face2comics_v2.0.0_by_Sxela"
    old = "face2comics_v1.0.0_by_Sxela"
    release = Release(
        {
            FACES: tar(images(f"{root}/faces")),
            COMICS: tar(images(f"{root}/comics")),
            BOTH: tar(images(f"{old}/face") | images(f"{old}/comics")),
        }
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            release.answer(self)

        def log_message(self, *args: object) -> None:
            """Keep the tests quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # so that closing the server waits for its answers

        def handle_error(self, *args: object) -> None:
            """A client that has gone is part of the tests."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(fetched, "BASE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(_download, "CHUNK_BYTES", 512)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield release
        release.over.set()
        server.shutdown()
        thread.join()


def fetch(home: Path, **parameters):
    return fetch_comic_faces(data_home=home, **{"delay": 0.01, **parameters})


def names(home: Path) -> set[str]:
    return {path.name for path in home.iterdir()}


def assert_whole(home: Path, release: Release, version: str = "2.0.0") -> None:
    """The images are those of the archives, byte by byte, and nothing else is left."""
    folder = home / f"face2comics_v{version}"
    archives = {"1.0.0": [BOTH], "2.0.0": [FACES, COMICS]}[version]
    assert names(home) == {folder.name} | {f"{name}.sha256" for name in archives}
    assert names(folder) == {"faces", "comics", _unpacking.MARKER}
    for name in archives:
        with tarfile.open(fileobj=io.BytesIO(release.files[name])) as archive:
            for member in archive:
                label = {"face": "faces"}.get(label := member.name.split("/")[-2], label)
                path = folder / label / Path(member.name).name
                assert path.read_bytes() == archive.extractfile(member).read()


# --- The whole way --------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
def test_catalogue_has_every_image_in_pairs(release, tmp_path, version):
    faces = fetch(tmp_path, version=version)
    assert faces.data_dir == tmp_path / f"face2comics_v{version}"
    assert faces.catalogue.label.value_counts().to_dict() == {"comics": 4, "faces": 4}
    assert faces.catalogue.groupby("pair").label.agg(set).tolist() == 4 * [{"comics", "faces"}]
    for path, label in zip(faces.catalogue.path, faces.catalogue.label, strict=True):
        assert Path(path).parent == faces.data_dir / label
        with Image.open(path) as image:
            assert image.size == (32, 32)
    assert_whole(tmp_path, release, version)


def test_description_tells_what_is_there(release, tmp_path):
    description = fetch(tmp_path).DESCR
    assert "version 2.0.0\n---" in description
    assert "4 faces and 4 comics, JPEG, 1024 x 1024" in description
    assert "MIT" in description


def test_marker_and_records_hold_the_hashes(release, tmp_path):
    marker = json.loads((fetch(tmp_path).data_dir / _unpacking.MARKER).read_text())
    assert marker["images"] == {"faces": 4, "comics": 4}
    assert set(marker["sha256"]) == {FACES, COMICS}
    for name, sha256 in marker["sha256"].items():
        assert sha256 == hashlib.sha256(release.files[name]).hexdigest()
        assert (tmp_path / f"{name}.sha256").read_text() == f"{sha256}  {name}\n"


def test_second_call_asks_for_nothing(release, tmp_path, monkeypatch):
    first = fetch(tmp_path)
    release.asked.clear()
    monkeypatch.setitem(sys.modules, "pooch", None)
    second = fetch(tmp_path, download_if_missing=False)
    assert second.catalogue.equals(first.catalogue)
    assert release.asked == []


def test_default_home_is_that_of_scikit_learn(release, tmp_path, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    assert fetch_comic_faces().data_dir == tmp_path / "face2comics_v2.0.0"


def test_missing_images_are_an_error_if_download_is_off(release, tmp_path):
    with pytest.raises(OSError, match=r"not found .*, set download_if_missing=True or put .*tar"):
        fetch(tmp_path, download_if_missing=False)
    assert release.asked == []


def test_archives_put_by_hand_need_no_network(release, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    for name in (FACES, COMICS):
        (tmp_path / name).write_bytes(release.files[name])
    fetch(tmp_path, download_if_missing=False)
    assert_whole(tmp_path, release)
    assert release.asked == []


def test_without_pooch_says_what_to_install(release, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r'pip install "skcomic\[study\]"'):
        fetch(tmp_path)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"version": "3.0.0"}, r"version(?=.*'1\.0\.0')(?=.*'2\.0\.0')"),
        ({"n_retries": 0}, "n_retries"),
        ({"delay": -1.0}, "delay"),
        ({"download_if_missing": "yes"}, "download_if_missing"),
        ({"on_progress": "bar"}, "on_progress.*callable"),
    ],
)
def test_bad_parameters_are_refused(tmp_path, parameters, message):
    with pytest.raises(ValueError, match=message):
        fetch(tmp_path, **parameters)


# --- A bad network --------------------------------------------------------------------------


@pytest.mark.parametrize("marks", [True, False])
def test_cut_download_goes_on_where_it_ended(release, tmp_path, marks):
    release.cuts = 1
    release.marks = marks
    fetch(tmp_path)
    (_, first), (again, rest), (last, whole) = release.asked
    assert (first, again, last, whole) == (None, FACES, COMICS, None)
    start = int(re.fullmatch(r"bytes=(\d+)-", rest)[1])
    assert len(release.files[FACES]) // 4 < start <= len(release.files[FACES]) // 2
    assert_whole(tmp_path, release)


def test_redirected_download_goes_on_too(release, tmp_path):
    release.cuts = 1
    release.moved = True
    fetch(tmp_path)
    assert [wanted is None for _, wanted in release.asked] == [True, False, True]
    assert_whole(tmp_path, release)


def test_next_call_goes_on_where_the_last_one_gave_up(release, tmp_path):
    release.cuts = 1
    with pytest.raises(OSError, match="could not download"):
        fetch(tmp_path, n_retries=1)
    assert names(tmp_path) == {f"{FACES}.part", f"{FACES}.etag"}
    fetch(tmp_path, n_retries=1)
    assert release.asked[1][1].startswith("bytes=")
    assert_whole(tmp_path, release)


def test_part_of_another_archive_is_not_gone_on_with(release, tmp_path):
    release.cuts = 1
    with pytest.raises(OSError, match="could not download"):
        fetch(tmp_path, n_retries=1)
    release.files[FACES] = tar(images("f"))
    fetch(tmp_path)
    assert len(release.asked) == 3
    archive = hashlib.sha256(release.files[FACES]).hexdigest()
    assert (tmp_path / f"{FACES}.sha256").read_text().startswith(archive)


@pytest.mark.parametrize("n_retries", [1, 3])
def test_download_is_given_up_after_n_retries(release, tmp_path, n_retries):
    release.cuts = 1000
    with pytest.raises(OSError, match="could not download") as raised:
        fetch(tmp_path, n_retries=n_retries)
    assert f"{fetched.BASE_URL}/v2.0.0/{FACES}" in str(raised.value)
    assert f"try {n_retries} of {n_retries}" in str(raised.value)
    assert str(tmp_path / FACES) in str(raised.value)
    assert len(release.asked) == n_retries
    assert names(tmp_path) == {f"{FACES}.part", f"{FACES}.etag"}


def test_server_that_ignores_ranges_sends_all_again(release, tmp_path):
    release.cuts = 1
    release.knows_ranges = False
    fetch(tmp_path)
    assert len(release.asked) == 3
    assert_whole(tmp_path, release)


def test_server_that_sends_another_range_sends_all_again(release, tmp_path):
    release.cuts = 1
    release.shift = 100
    fetch(tmp_path)
    assert [wanted is None for _, wanted in release.asked] == [True, False, True, True]
    assert_whole(tmp_path, release)


def test_range_that_ends_early_is_noticed(release, tmp_path):
    release.cuts = 1
    release.longest_range = len(release.files[FACES]) // 3
    fetch(tmp_path)
    assert len([name for name, _ in release.asked if name == FACES]) == 3
    assert_whole(tmp_path, release)


def test_part_that_is_too_long_is_thrown_away(release, tmp_path):
    (tmp_path / f"{FACES}.part").write_bytes(bytes(len(release.files[FACES])))
    fetch(tmp_path)
    assert [wanted is None for _, wanted in release.asked] == [False, True, True]
    assert_whole(tmp_path, release)


def test_unknown_length_is_no_error(release, tmp_path):
    release.says_length = False
    fetch(tmp_path)
    assert_whole(tmp_path, release)


def test_server_that_recovers_is_asked_again(release, tmp_path):
    release.statuses = [500, 503]
    fetch(tmp_path)
    assert len(release.asked) == 4
    assert_whole(tmp_path, release)


def test_missing_release_is_not_asked_for_again(release, tmp_path):
    del release.files[FACES]
    with pytest.raises(OSError, match=rf"could not download .*/v2\.0\.0/{FACES} .*404"):
        fetch(tmp_path)
    assert release.asked == [(FACES, None)]


def test_silent_server_is_given_up(release, tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "TIMEOUT", (1.0, 0.1))
    release.stalls = True
    with pytest.raises(OSError, match="timed out"):
        fetch(tmp_path, n_retries=2)
    assert len(release.asked) == 2


def test_no_server_is_an_error_with_advice(release, tmp_path, monkeypatch):
    monkeypatch.setattr(fetched, "BASE_URL", "http://127.0.0.1:9")  # the port "discard"
    with pytest.raises(OSError, match=r"check the connection and run again"):
        fetch(tmp_path)


def test_waits_between_tries(release, tmp_path):
    release.statuses = [503, 503]
    start = time.perf_counter()
    fetch(tmp_path, delay=0.1)
    assert time.perf_counter() - start > 0.2


def test_progress_is_reported_per_archive(release, tmp_path):
    reports = []
    fetch(tmp_path, on_progress=lambda *report: reports.append(report))
    assert list(dict.fromkeys(name for name, _, _ in reports)) == [FACES, COMICS]
    for archive in (FACES, COMICS):
        size = len(release.files[archive])
        counts = [n_bytes for name, n_bytes, _ in reports if name == archive]
        assert {total for name, _, total in reports if name == archive} == {size}
        assert counts[0] == 0
        assert counts[-1] == size
        assert counts == sorted(counts)
        assert set(range(0, size, 512)) <= set(counts)  # after each chunk


def test_progress_of_a_resumed_download_starts_where_it_ended(release, tmp_path):
    reports = []
    release.cuts = 1
    fetch(tmp_path, on_progress=lambda *report: reports.append(report))
    start = int(release.asked[1][1].removeprefix("bytes=").removesuffix("-"))
    counts = [n_bytes for name, n_bytes, _ in reports if name == FACES]
    assert counts.count(start) == 2  # the last report of the first try, the first of the second
    assert counts == sorted(counts)
    assert {total for name, _, total in reports if name == FACES} == {len(release.files[FACES])}


def test_progress_falls_to_zero_if_the_download_starts_from_scratch(release, tmp_path):
    reports = []
    release.cuts = 1
    release.knows_ranges = False
    fetch(tmp_path, on_progress=lambda *report: reports.append(report))
    counts = [n_bytes for name, n_bytes, _ in reports if name == FACES]
    again = counts.index(0, 1)
    assert counts[again - 1] > 0
    assert counts[:again] == sorted(counts[:again])
    assert counts[again:] == sorted(counts[again:])
    assert counts[-1] == len(release.files[FACES])


def test_progress_without_a_known_length(release, tmp_path):
    reports = []
    release.says_length = False
    fetch(tmp_path, on_progress=lambda *report: reports.append(report))
    assert {total for _, _, total in reports} == {None}
    assert reports[-1] == (COMICS, len(release.files[COMICS]), None)


def test_error_in_on_progress_keeps_the_part(release, tmp_path):
    def stop(name: str, n_bytes: int, total: int | None) -> None:
        if n_bytes >= 1024:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path, on_progress=stop)
    assert (tmp_path / f"{FACES}.part").stat().st_size == 1024
    fetch(tmp_path)
    assert release.asked[1] == (FACES, "bytes=1024-")
    assert_whole(tmp_path, release)


def test_command_shows_progress_on_a_terminal_only(release, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    release.cuts = 1
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        cli.data.fetch(tmp_path / "seen", delay=0.01)
    assert FACES in terminal.getvalue()
    assert COMICS in terminal.getvalue()
    assert "100%" in terminal.getvalue()

    pipe = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", pipe)
        cli.data.fetch(tmp_path / "unseen")
    assert pipe.getvalue() == ""
    for folder in ("seen", "unseen"):
        assert_whole(tmp_path / folder, release)


def test_fetching_imports_no_rich(release, tmp_path):
    # An import of rich would fail; scikit-learn tries one and does without.
    program = f"""if True:
        import sys
        sys.modules["rich"] = None
        from skcomic.datasets import fetched
        fetched.BASE_URL = {fetched.BASE_URL!r}
        fetched.fetch_comic_faces(data_home={str(tmp_path)!r})
        print(sorted(name for name in sys.modules if name.startswith("rich.")))
    """
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr) == ("[]\n", "")
    assert_whole(tmp_path, release)


# --- Archives that are not what they should be ----------------------------------------------


def test_changed_archive_is_refused(release, tmp_path):
    fetch(tmp_path).data_dir.rename(tmp_path / "first")
    first = hashlib.sha256(release.files[FACES]).hexdigest()
    release.files[FACES] = tar(images("other/faces"))
    changed = hashlib.sha256(release.files[FACES]).hexdigest()
    with pytest.raises(OSError, match="is not what was downloaded first") as raised:
        fetch(tmp_path)
    for told in (FACES, f"{FACES}.sha256", first, changed, "delete"):
        assert told in str(raised.value)
    assert not (tmp_path / "face2comics_v2.0.0").exists()

    (tmp_path / f"{FACES}.sha256").unlink()  # as the message advises
    (tmp_path / "first").rename(tmp_path.with_name("kept"))
    fetch(tmp_path)
    assert_whole(tmp_path, release)


def strange(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = target
    return member


@pytest.mark.parametrize(
    "member",
    [
        strange("../../escaped.jpg", tarfile.REGTYPE),
        strange("faces/../../../escaped.jpg", tarfile.REGTYPE),
        strange("{home}/escaped.jpg", tarfile.REGTYPE),
        strange("faces/escaped.jpg", tarfile.SYMTYPE, "/etc/passwd"),
        strange("faces", tarfile.SYMTYPE, "{home}"),
        strange("faces/escaped.jpg", tarfile.LNKTYPE, "../../secret"),
        strange("faces/escaped.jpg", tarfile.FIFOTYPE),
        strange("faces/escaped.jpg", tarfile.CHRTYPE),
    ],
    ids=["up", "down-and-up", "absolute", "symlink", "folder-link", "hardlink", "pipe", "device"],
)
def test_archive_that_escapes_is_refused_whole(release, tmp_path, member):
    home = tmp_path / "deep" / "home"
    member = member.replace(
        name=member.name.format(home=tmp_path), linkname=member.linkname.format(home=tmp_path)
    )
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


def no_archive(archive: bytes) -> bytes:
    return b"<html>Please log in to this network</html>"


@pytest.mark.parametrize(
    "damage",
    [cut_inside_an_image, cut_between_images, cut_inside_a_header, no_archive, bytes.__getitem__],
)
def test_damaged_archive_is_fetched_again(release, tmp_path, damage):
    whole = release.files[COMICS]
    release.files[COMICS] = b"" if damage is bytes.__getitem__ else damage(whole)
    with pytest.raises(OSError, match="is damaged or cut short, and was deleted") as raised:
        fetch(tmp_path)
    assert COMICS in str(raised.value)
    assert names(tmp_path) == {FACES}
    release.files[COMICS] = whole
    fetch(tmp_path)
    assert [name for name, _ in release.asked] == [FACES, COMICS, COMICS]
    assert_whole(tmp_path, release)


def test_junk_is_passed_over(release, tmp_path):
    junk = {
        "README.txt": b"read me",
        "faces/notes.txt": b"notes",
        "faces/._0.jpg": b"resource fork",
        "faces/.DS_Store": b"finder",
        "__MACOSX/faces/._1.jpg": b"resource fork",
    }
    release.files[FACES] = tar(junk | images("faces"), strange("faces/more", tarfile.DIRTYPE))
    folder = fetch(tmp_path).data_dir
    assert names(folder / "faces") == {"0.jpg", "1.jpg", "2.jpg", "3.jpg"}


@pytest.mark.parametrize("folder", ["a/b/Faces/c", "./FACE", "comics/faces", "anything", "."])
def test_any_nesting_is_understood(release, tmp_path, folder):
    release.files[FACES] = tar(images(folder))
    catalogue = fetch(tmp_path).catalogue
    assert catalogue.label.value_counts().to_dict() == {"comics": 4, "faces": 4}


@pytest.mark.parametrize("folders", [("face", "comic"), ("a/FACES/b", "Comics")])
def test_folders_of_one_archive_tell_the_classes(release, tmp_path, folders):
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


# --- A bad disk, or a bad moment ------------------------------------------------------------


def test_interrupted_unpacking_is_not_taken_for_complete(release, tmp_path, monkeypatch):
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
    release.asked.clear()
    fetch(tmp_path)
    assert release.asked == []  # the archives were whole
    assert_whole(tmp_path, release)


def lose_marker(folder: Path) -> None:
    (folder / _unpacking.MARKER).unlink()


def empty_marker(folder: Path) -> None:
    (folder / _unpacking.MARKER).write_text("")


def lose_image(folder: Path) -> None:
    (folder / "faces" / "0.jpg").unlink()


def lose_class(folder: Path) -> None:
    (folder / "faces").rename(folder.with_name("elsewhere"))


@pytest.mark.parametrize("harm", [lose_marker, empty_marker, lose_image, lose_class])
def test_harmed_folder_is_not_taken_for_complete(release, tmp_path, harm):
    folder = fetch(tmp_path).data_dir
    harm(folder)
    with pytest.raises(OSError, match=f"{folder}.*not all of its images: move or delete it"):
        fetch(tmp_path)


def test_full_disk_while_downloading_is_told_with_the_file(release, tmp_path, largest_file):
    with largest_file(4000), pytest.raises(OSError, match=rf"File too large.*{FACES}\.part"):
        fetch(tmp_path)
    assert (tmp_path / f"{FACES}.part").stat().st_size == 4000
    fetch(tmp_path)
    assert release.asked[1] == (FACES, "bytes=4000-")
    assert_whole(tmp_path, release)


def test_full_disk_while_unpacking_is_told_with_the_file(release, tmp_path, largest_file):
    for name in (FACES, COMICS):
        (tmp_path / name).write_bytes(release.files[name])
    with largest_file(1000), pytest.raises(OSError, match=r"File too large.*faces/0\.jpg"):
        fetch(tmp_path)
    assert names(tmp_path) == {FACES, COMICS}
    fetch(tmp_path)
    assert_whole(tmp_path, release)
