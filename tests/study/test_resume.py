"""A study that is killed and resumed ends as one that was not; no two studies in one folder."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from outcomes import without_times
from PIL import Image

import skcomic.nets.fitting
import skcomic.study.page
import skcomic.study.run
from skcomic import run_study
from skcomic.cli import app
from skcomic.nets.checkpoints import count_finished
from skcomic.study.folder import locked_folder
from skcomic.study.page import write_study

DRIVER = [sys.executable, str(Path(__file__).with_name("killed_study.py"))]
SMALL = [
    "--contenders", "report", "--sizes", "12", "--candidates", "2", "--epochs", "4",
    "--batch-size", "4",
    "--final-epochs", "5", "--final-batch-size", "4", "--cost", "multiply_adds",
    "--precision", "float32",
]  # fmt: skip
QUICK = ["--sizes", "12,10", "--candidates", "2", "--epochs", "1", "--final-epochs", "1"]
QUICK += ["--contenders", "report", "--cost", "multiply_adds", "--jobs", "1"]
MOST_STARTS = 60


def outcome(out: Path):
    return without_times(json.loads((out / "study.json").read_text()))


def start(*arguments: object) -> subprocess.Popen:
    """Start skcomic in a group of processes of its own; return when it can be killed."""
    process = subprocess.Popen(
        [*DRIVER, *map(str, arguments)], env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process


def end(process: subprocess.Popen) -> tuple[str | None, int]:
    """Wait for the end; give the hash of the weights, and how many fits were restored.

    No hash: the study was finished already when its process was killed.
    """
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    restored = re.search("^([0-9]+) fits are kept in ", printed, re.MULTILINE)
    n_restored = int(restored[1]) if restored else 0
    if "is finished; see" in printed:
        return None, n_restored
    return re.search("^weights (.*)$", printed, re.MULTILINE)[1], n_restored


def wait_for_a_kept_fit(process: subprocess.Popen, out: Path) -> None:
    while process.poll() is None and not count_finished(out / "checkpoints"):
        time.sleep(0.02)
    assert process.poll() is None, "the study ended before it could be killed"


def survives(n_kills: int, faces_dir: Path, folder: Path, seed: int, jobs: int) -> None:
    """Kill studies at random moments, resume them, and compare what they find in the end."""
    random = np.random.default_rng(seed)
    new = ["study", faces_dir, *SMALL, "--jobs", jobs]
    begun = time.monotonic()
    whole = start(*new, "--out", folder / "whole")
    weights, _ = end(whole)
    seconds = time.monotonic() - begun
    n_killed, n_studies, n_resumed, n_restored = 0, 0, 0, 0
    for _ in range(MOST_STARTS):
        out = folder / f"killed_{n_studies}"
        if (out / "settings.json").exists():
            process = start("study", "--resume", out)
            n_resumed += 1
        else:
            process = start(*new, "--out", out)
        try:
            if n_killed == n_kills:
                raise subprocess.TimeoutExpired("", 0)
            if n_killed == 0:  # the others are killed whenever it may be
                wait_for_a_kept_fit(process, out)
                raise subprocess.TimeoutExpired("", 0)
            process.wait(random.uniform(0, seconds / 2))
        except subprocess.TimeoutExpired:
            if n_killed < n_kills:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                n_killed += 1
                continue
        own_weights, restored = end(process)
        assert own_weights in (weights, None)
        n_restored += restored
        assert outcome(out) == outcome(folder / "whole")
        assert not (out / "checkpoints").exists()
        n_studies += 1
        if n_killed == n_kills:
            assert n_resumed > 0
            assert n_restored > 0
            print(f"{n_killed} kills, {n_resumed} resumed, {n_restored} fits restored, "
                  f"{n_studies} studies ended alike")  # fmt: skip
            return
    raise AssertionError(f"only {n_killed} of {n_kills} kills in {MOST_STARTS} starts")


@pytest.mark.slow
def test_a_study_that_is_killed(faces_dir: Path, tmp_path: Path) -> None:
    survives(1, faces_dir, tmp_path, seed=0, jobs=1)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study_killed_twenty_times(faces_dir: Path, tmp_path: Path, jobs: int) -> None:
    survives(20, faces_dir, tmp_path, seed=jobs, jobs=jobs)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        app(["study", *map(str, arguments)])
    return ended.value.code


def n_trained_by(*arguments: object) -> int:
    trained = []
    run_epochs = skcomic.nets.fitting.run_epochs

    def count(*args, **kwargs):
        trained.append(1)
        return run_epochs(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skcomic.nets.fitting, "run_epochs", count)
        assert run(*arguments) == 0
    return len(trained)


@pytest.fixture
def without_figures(monkeypatch) -> None:
    """Write empty figures: to draw them takes longer than these studies."""
    monkeypatch.setattr(skcomic.study.page, "_encode", lambda *_: b"")


@pytest.fixture
def stopped(faces_dir: Path, tmp_path: Path, without_figures, monkeypatch, capfd) -> Path:
    """The folder of a study that was stopped before its last fit; its images are next to it."""
    shutil.copytree(faces_dir, tmp_path / "faces")

    def stop(*_) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(skcomic.study.run, "fit_and_test", stop)
        assert run(tmp_path / "faces", "--out", tmp_path / "out", *QUICK) == 130
    assert f"resume with: skcomic study --resume {tmp_path / 'out'}" in capfd.readouterr().err
    assert count_finished(tmp_path / "out" / "checkpoints") == 4
    return tmp_path / "out"


def test_what_stands_in_the_way_of_resuming(stopped: Path, faces_dir: Path, capfd) -> None:
    def refusal(*arguments: object) -> str:
        assert run(*arguments) == 1
        return capfd.readouterr().err

    for option in ([faces_dir], ["--seed", 1], ["--epochs", 2], ["--sizes", "12"], ["--pairs", 9],
                   ["--force"], ["--out", "elsewhere"]):  # fmt: skip
        assert "contradicts --resume: the study in" in refusal("--resume", stopped, *option)
    nowhere = stopped / "nowhere"
    assert "there is no study in" in refusal("--resume", nowhere)
    assert not nowhere.exists()
    again = [stopped.parent / "faces", "--out", stopped, *QUICK]
    assert f"not finished; resume it with --resume {stopped}" in refusal(*again)
    with locked_folder(stopped):
        assert "another study is running in" in refusal("--resume", stopped)
        assert "another study is running in" in refusal(*again, "--force")
    assert count_finished(stopped / "checkpoints") == 4

    for name in (".study.json-x", "figures/.search.png-y"):  # written when it was killed
        (stopped / name).touch()
    assert n_trained_by("--resume", stopped, "--seed", 0, "--jobs", 1, "--out", stopped) == 1
    assert "4 fits are kept" in capfd.readouterr().out
    assert not (stopped / "checkpoints").exists()
    assert [path.name for path in stopped.rglob(".*")] == [".lock"]
    before = (stopped / "study.json").read_bytes()
    assert run("--resume", stopped) == 0
    assert f"The study in {stopped} is finished; see" in capfd.readouterr().out
    assert (stopped / "study.json").read_bytes() == before


@pytest.mark.slow
def test_a_changed_image_is_noticed(stopped: Path) -> None:
    images = stopped.parent / "faces"
    for path in (images / "faces").iterdir():
        with Image.open(path) as image:
            changed = image.transpose(Image.Transpose.ROTATE_90)
        changed.save(path)
    assert n_trained_by("--resume", stopped) == 5  # all of them


def test_workers_do_not_hold_the_lock(tmp_path: Path) -> None:
    with locked_folder(tmp_path / "out"):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with locked_folder(tmp_path / "out"):
            pass
    finally:
        child.kill()
        child.wait()


# Nets that fail


@pytest.mark.slow
def test_a_net_that_fails_is_left_out_and_told_of(
    faces: pd.DataFrame, tmp_path: Path, monkeypatch, capsys
) -> None:
    run_epochs = skcomic.nets.fitting.run_epochs

    def fail(model, *args, **kwargs):
        kinds = {type(layer).__name__ for layer in model.layers}
        if "AveragePooling2D" in kinds or model.input_shape[1] == 100:
            raise TimeoutError("training took longer than 1 s")
        return run_epochs(model, *args, **kwargs)

    monkeypatch.setattr(skcomic.nets.fitting, "run_epochs", fail)
    settings = {"sizes": (12, 10), "n_candidates": 2, "epochs": 1, "final_epochs": 1, "n_jobs": 1}
    settings["contenders"] = "report"
    study = run_study(faces, **settings)
    failed = study.candidates.set_index("pooling").loc["average"]
    assert failed.failure == "TimeoutError: training took longer than 1 s"
    assert np.isnan(failed.validation_f_score)
    assert "_max_" in study.chosen_net
    assert study.chosen_size == 12
    (tmp_path / "figures").mkdir()
    write_study(study, tmp_path)
    numbers = json.loads((tmp_path / "study.json").read_text())
    (failed,) = [row for row in numbers["candidates"] if row["pooling"] == "average"]
    assert failed["validation_f_score"] is failed["multiply_adds"] is None
    (done,) = [row for row in numbers["candidates"] if row["pooling"] == "max"]
    assert done["failure"] is None
    assert isinstance(done["multiply_adds"], int)
    page = (tmp_path / "report.html").read_text()
    assert page.count("failed: TimeoutError: training took longer than 1 s") == 2
    from rich.console import Console

    from skcomic.cli.study_tables import print_result

    print_result(Console(width=100), study)
    assert capsys.readouterr().out.count("failed: TimeoutError") == 2

    with pytest.raises(ValueError, match=r"^every fit failed: TimeoutError: training"):
        run_study(faces, **settings | {"sizes": (10,)})
