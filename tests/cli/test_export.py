"""``skcomic export`` and ``skcomic profile``, as they are typed."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from commands import ended_with, run
from sklearn.model_selection import FixedThresholdClassifier

from skcomic import make_contenders, save
from skcomic.exports import profiling


@pytest.fixture
def model(faces: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "model.skcomic"
    contender = make_contenders(16, random_state=0)["hog"]
    save(contender.fit(faces.path, faces.label), path)
    return path


def test_a_model_is_exported_and_compared(
    model: Path, faces_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended_with("export", model, "--to", "c") == 0
    written, compared = capsys.readouterr().out.splitlines()
    path = model.with_suffix(".c")
    assert written == f"Written: {path} ({path.stat().st_size:,} bytes)"
    assert compared.startswith("Compared with the model on 100 images: the largest difference of")
    assert compared.endswith("(drawn ones).")
    small = model.with_name("small.c")
    options = ["--out", small, "--precision", "int8", "--check", faces_dir]
    assert ended_with("export", model, "--to", "c", *options) == 0
    assert "F-score" in capsys.readouterr().out
    assert small.stat().st_size < path.stat().st_size
    assert ended_with("export", model, "--to", "c", "--no-check") == 0
    assert capsys.readouterr().out.endswith("Not compared with the model.\n")


def test_nothing_heavy_is_imported_to_write_c(model: Path) -> None:
    """Only the comparison with a net needs TensorFlow."""
    program = "import sys; from skcomic.cli import app\ntry: app(sys.argv[1:])\n"
    program += "except SystemExit: print('tensorflow' in sys.modules)"
    arguments = ["export", str(model), "--to", "c", "--no-check"]
    checked = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    assert checked.stdout.endswith("False\n")


def test_contradictions_are_named(model: Path, faces_dir: Path, capfd) -> None:
    arguments = ["export", model, "--to", "c", "--check", faces_dir, "--no-check"]
    assert ended_with(*arguments) == 1
    assert capfd.readouterr().err.startswith("skcomic: --check and --no-check contradict")
    assert ended_with("export", model, "--to", "tflite", "--precision", "int8") == 1
    assert "--calibration names images of the training part" in capfd.readouterr().err


def test_what_is_more_than_a_plan_is_refused_by_name(
    faces: pd.DataFrame, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hog = make_contenders(16, random_state=0)["hog"]
    model = FixedThresholdClassifier(hog, threshold=0.4, pos_label="faces")
    save(model.fit(faces.path, faces.label), tmp_path / "model.skcomic")
    for command in (["export", "--to", "c"], ["profile"]):
        assert ended_with(*command, tmp_path / "model.skcomic") == 1
        error = capfd.readouterr().err
        assert error.startswith("skcomic: what FixedThresholdClassifier computes cannot be")


def test_a_full_disk_keeps_the_former_file(model: Path) -> None:
    out = Path("/dev/full")
    result = run("export", model, "--to", "c", "--no-check", "--out", out)
    assert result.returncode == 1
    assert result.stderr.startswith("skcomic: ")
    assert "free some space" in result.stderr


def test_a_profile_is_printed_and_written(
    model: Path, faces_dir: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiling, "_ROUNDS", 1)
    monkeypatch.setattr(profiling, "_WAYS", (("light", "float32"), ("tflite", "int8")))
    out = model.with_name("costs.csv")
    assert ended_with("profile", model, "--images", faces_dir, "--out", out) == 0
    text = capsys.readouterr().out
    assert "light" in text
    assert "multiply-adds an image" in text
    assert "tflite in int8 was not measured: it needs images" in text
    table = pd.read_csv(out)
    assert table.format.tolist() == ["light", "tflite"]
    assert table.f_score[0] > 0.5
