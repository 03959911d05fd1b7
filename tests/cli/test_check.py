"""``skcomic check``, and what a study says of the images that it reads."""

import json
import os
import shutil
from pathlib import Path

import pytest
from commands import QUICK, ended_with


def test_check_prints_what_is_wrong_and_ends_with_1(
    faces_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ended_with("check", faces_dir) == 0
    assert capfd.readouterr().out == f"Nothing is wrong with the 48 images in {faces_dir}.\n"

    root = Path(shutil.copytree(faces_dir, tmp_path / "images"))
    odd_names = ["line\nend [bold]\x1b[31m.jpg", os.fsdecode(b"b\xe4d.jpg")]
    for name in odd_names:
        (root / "faces" / name).write_text(f"a text in {name!r}")
    shutil.copy(root / "faces" / "pair_0000.jpg", root / "comics" / "pair_0001.jpg")
    out = tmp_path / "problems.csv"
    assert ended_with("check", root, "--out", out) == 1
    printed, errors = capfd.readouterr()
    assert errors == ""
    assert max(len(line) for line in printed.splitlines()) <= 100
    assert "\x1b" not in printed
    table = " ".join(printed.split())
    for text in (
        "duplicate: 1 faces/pair_0000.jpg the same as comics/pair_0001.jpg, which is of another",
        r"faces/line\nend [bold]\x1b[31m.jpg not an image",
        r"faces/b\udce4d.jpg not an image",
        "3 of 50 images have a problem (not an image: 2, duplicate: 1, pair incomplete: 2).",
    ):
        assert text in table
    assert str(root / "comics") not in table
    rows = out.read_bytes()
    assert rows.startswith(b"path,kind,detail\n")
    assert os.fsencode(root / "faces" / odd_names[1]) in rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no folder 'nowhere'"),
        (["two", "--jobs", "0"], "--jobs must be 1 or more, or -1 for one on each core, not 0"),
        (
            ["two", "--out", "nowhere/problems.csv"],
            "cannot write --out 'nowhere/problems.csv': there is no",
        ),
    ],
)
def test_mistakes_of_check_are_answered_in_a_sentence(
    tmp_path: Path,
    faces_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    (tmp_path / "two").symlink_to(faces_dir)
    monkeypatch.chdir(tmp_path)
    assert ended_with("check", *arguments) == 1
    (error,) = capfd.readouterr().err.splitlines()
    assert error.startswith("skcomic: ")
    assert message in error


def test_check_of_many_problems_prints_a_summary(
    faces_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = Path(shutil.copytree(faces_dir, tmp_path / "images"))
    for number in range(30):
        (root / "faces" / f"{number}.jpg").touch()
    assert ended_with("check", root) == 1
    printed = " ".join(capfd.readouterr().out.split())
    assert "empty: 30 faces/0.jpg" in printed
    assert printed.count("jpg is empty") == 20
    assert "and 10 more" in printed
    assert "To list all of them, name a CSV file with --out." in printed
    out = tmp_path / "problems.csv"
    assert ended_with("check", root, "--out", out) == 1
    assert out.read_text().count(",empty,") == 30


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_a_study_of_a_table(faces_dir: Path, tmp_path: Path, capfd) -> None:
    """Its pairs and its split are in columns; a copy of a training image is in the test."""
    rows = ["file,kind,person,split"]
    for pair, part in enumerate(["train"] * 16 + ["test"] * 8):
        rows += [f"{label}/pair_{pair:04}.jpg,{label[:-1]},p{pair},{part}"
                 for label in ("faces", "comics")]  # fmt: skip
    shutil.copytree(faces_dir, tmp_path / "photos")
    shutil.copy(tmp_path / "photos/faces/pair_0000.jpg", tmp_path / "photos/faces/pair_0020.jpg")
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(rows))
    columns = ["--root", tmp_path / "photos", "--path-column", "file", "--label-column", "kind",
               "--pair-column", "person"]  # fmt: skip
    out = tmp_path / "out"
    assert ended_with("study", table, *columns, "--out", out, *QUICK, "--jobs", "1") == 0
    printed = " ".join(capfd.readouterr().out.split())
    assert "The parts were given: train, test; drawn from train: validation." in printed
    assert "repeat others of an earlier part: 1 of the test, 0 of the validation." in printed
    assert "Caution: 1 of 16 test images repeat images that are trained on" in printed
    numbers = json.loads((out / "study.json").read_text())
    assert numbers["given_split"] == {"parts": ["train", "test"], "validation": 0, "test": 1}
    assert numbers["split"]["test"] == 16
    assert [row["label"] for row in numbers["classes"]] == ["comic", "face"]
    assert "23 pairs in parts that were given" in (out / "card.md").read_text()
    assert ended_with("check", table, *columns) == 1
    assert "duplicate: 1" in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_what_is_skipped_is_reported(faces_dir: Path, tmp_path: Path, capfd) -> None:
    root = Path(shutil.copytree(faces_dir, tmp_path / "images"))
    for label in ("faces", "comics"):
        (root / label / "notes.txt").write_text("a text")
        for number in range(24):
            image = root / label / f"pair_{number:04}.jpg"
            image.rename(image.with_name(f"{number}.jpg"))
    (root / "faces" / "7.jpg").unlink()
    assert ended_with("check", root, "--pair", "none") == 0
    assert capfd.readouterr().out.startswith("Skipped: not an image: 2.\n")
    assert ended_with("check", root) == 0  # numbers are perhaps no pairs: only to be thought about
    printed = " ".join(capfd.readouterr().out.split())
    assert "names are numbers: 1" in printed
    assert "1 of 24 pairs have no image of some class" in printed
    command = ["study", root, "--out", tmp_path / "out", *QUICK, "--jobs", "1", "--pair", "none"]
    assert ended_with(*command) == 0
    assert "skipped: not an image: 2." in " ".join(capfd.readouterr().out.split())
    assert "not an image: 2" in (tmp_path / "out" / "report.html").read_text()
    numbers = json.loads((tmp_path / "out" / "study.json").read_text())
    assert numbers["skipped"] == {"not an image": 2}
    assert numbers["catalogue"]["pairs"] == 47
