"""Fetching as a whole, from a local server."""

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from release_server import COMICS, FACES, assert_whole, fetch

from skcomic import cli
from skcomic.datasets import _unpacking, fetch_comic_faces, fetched


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


def test_description_gives_the_counts(release, tmp_path):
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


def test_second_call_requests_nothing(release, tmp_path, monkeypatch):
    first = fetch(tmp_path)
    release.requested.clear()
    monkeypatch.setitem(sys.modules, "pooch", None)
    second = fetch(tmp_path, download_if_missing=False)
    assert second.catalogue.equals(first.catalogue)
    assert release.requested == []


def test_default_home_is_that_of_scikit_learn(release, tmp_path, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    assert fetch_comic_faces().data_dir == tmp_path / "face2comics_v2.0.0"


def test_missing_images_are_an_error_if_download_is_off(release, tmp_path):
    with pytest.raises(
        OSError, match=r"not found .*, set download_if_missing=True or save .*tar yourself"
    ):
        fetch(tmp_path, download_if_missing=False)
    assert release.requested == []


def test_archives_put_by_hand_need_no_network(release, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    for name in (FACES, COMICS):
        (tmp_path / name).write_bytes(release.files[name])
    fetch(tmp_path, download_if_missing=False)
    assert_whole(tmp_path, release)
    assert release.requested == []


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


def remove_marker(folder: Path) -> None:
    (folder / _unpacking.MARKER).unlink()


def empty_the_marker(folder: Path) -> None:
    (folder / _unpacking.MARKER).write_text("")


def remove_image(folder: Path) -> None:
    (folder / "faces" / "0.jpg").unlink()


def rename_class_folder(folder: Path) -> None:
    (folder / "faces").rename(folder.with_name("elsewhere"))


@pytest.mark.parametrize(
    "damage", [remove_marker, empty_the_marker, remove_image, rename_class_folder]
)
def test_damaged_folder_is_not_accepted(release, tmp_path, damage):
    folder = fetch(tmp_path).data_dir
    damage(folder)
    with pytest.raises(OSError, match=f"{folder}.*not all of its images: move or delete it"):
        fetch(tmp_path)


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
    # Every import of rich fails; scikit-learn tries one and continues without.
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
