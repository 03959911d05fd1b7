"""``skcomic rasterize``, and other commands on what it wrote."""

import csv
import shutil
from pathlib import Path

import pytest
from commands import ended_with

from skcomic import ImageVectorizer, load_catalogue, save


def test_commands_take_a_store_like_a_folder(
    faces_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    store, model = tmp_path / "rows.zarr", tmp_path / "model.skcomic"
    assert ended_with("rasterize", faces_dir, store, "--size", 32, "--chunk-images", 10) == 0
    written = capsys.readouterr().out.split()
    assert " ".join(written) == (f"48 images in {store} Next: skcomic study {store} --sizes 32")
    assert ended_with("check", store) == 0
    assert "Nothing is wrong with the 48 images" in " ".join(capsys.readouterr().out.split())
    images = load_catalogue(faces_dir)
    save(make_pipeline(ImageVectorizer(16), LogisticRegression()).fit(images.path, images.label),
         model)  # fmt: skip
    assert ended_with("evaluate", model, store, "--out", tmp_path / "scores") == 0
    assert ended_with("predict", model, store, "--out", tmp_path / "answers.csv") == 0
    with (tmp_path / "answers.csv").open() as file:
        answers = list(csv.DictReader(file))
    assert [answer["path"] for answer in answers] == [f"{store}/{row:02}" for row in range(48)]
    assert {answer["error"] for answer in answers} == {""}


def test_bad_images_stop_it_or_are_left_out(
    faces_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(faces_dir, tmp_path / "faces")
    Path(load_catalogue(tmp_path / "faces").path[0]).write_bytes(b"")
    command = ["rasterize", tmp_path / "faces", tmp_path / "rows.zarr", "--size", 16]
    assert ended_with(*command) == 1
    message = capsys.readouterr().err
    assert message.startswith("skcomic: 1 of 48 images cannot be read")
    assert message.endswith("or leave them out with --on-bad quarantine\n")
    assert ended_with(*command, "--on-bad", "quarantine") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith(f"47 images in {tmp_path / 'rows.zarr'} Skipped: empty: 1. Next: ")
