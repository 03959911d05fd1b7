"""``skcomic study --dask``: clusters that are there, started and ended, and those that are not."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import QUICK, SKCOMIC, ended_with, run
from dask_processes import scheduler_and_worker
from joblib.parallel import get_active_backend
from outcomes import without_times

pytest.importorskip("distributed")

LOCAL = ["--dask", "local", "--jobs", "2"]


def test_a_scheduler_that_is_missing(faces_dir: Path, tmp_path: Path, capfd) -> None:
    start = time.monotonic()
    command = ["study", faces_dir, "--out", tmp_path / "out", "--dask", "tcp://127.0.0.1:9"]
    assert ended_with(*command, *QUICK) == 1
    assert time.monotonic() - start < 20
    assert capfd.readouterr().err == (
        "skcomic: --dask: there is no scheduler at 'tcp://127.0.0.1:9'; start one with: "
        "dask scheduler\n"
    )
    assert not (tmp_path / "out").exists()


def test_dask_that_is_not_installed(faces_dir: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert ended_with("study", faces_dir, "--out", tmp_path / "out", *LOCAL, *QUICK) == 1
    errors = capfd.readouterr().err
    assert errors.startswith('skcomic: --dask needs dask: pip install "skcomic[distributed]" (')
    assert errors.count("\n") == 1
    # A study that cannot begin leaves joblib as it was.
    assert get_active_backend(prefer="threads")[0].supports_sharedmem


def processes_of(group: int) -> set[int]:
    """Live processes of a process group."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it ended while we looked
            continue
        if int(pgrp) == group and state != "Z":
            found.add(int(stat.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("to_all", [False, True], ids=["kill -INT", "Ctrl-C on a terminal"])
def test_ctrl_c_leaves_no_worker(faces_dir: Path, tmp_path: Path, to_all: bool) -> None:
    out = tmp_path / "out"
    command = [*SKCOMIC, "study", faces_dir, "--out", out, *LOCAL, *QUICK, "--sizes", "12,10"]
    process = subprocess.Popen(
        [*map(str, command), "--epochs", "100000", "--final-epochs", "100000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        # not ignored, as it is by what a shell starts in the background
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        for line in process.stdout:
            if "images for training" in line:
                break
        time.sleep(2)  # into the fits of the search
        assert len(processes_of(process.pid)) >= 3  # the parent and two workers
        (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=90)
        assert process.returncode == 130
        assert re.fullmatch(
            r"skcomic: stopped; .* resume with: skcomic study --resume .*\n", errors
        )
        deadline = time.monotonic() + 10
        while (left := processes_of(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left == set()
    finally:
        for left in processes_of(process.pid):
            os.kill(left, signal.SIGKILL)
        process.communicate()


@pytest.mark.slow
def test_a_scheduler_that_is_lost_is_an_error_of_one_line(faces_dir: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "scheduler.json", tmp_path / "out"
    with scheduler_and_worker(file) as (scheduler, _):
        deadline = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        command = [*SKCOMIC, "study", faces_dir, "--out", out, "--dask", address, *QUICK]
        with subprocess.Popen(
            [*map(str, command), "--epochs", "100000", "--final-epochs", "100000"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            for line in process.stdout:
                if "images for training" in line:
                    break
            time.sleep(2)  # into the fits of the search
            scheduler.kill()
            _, errors = process.communicate(timeout=90)
    assert process.returncode == 1
    assert errors == (
        "skcomic: the scheduler of the dask cluster is gone, or has forgotten the tasks; start it "
        "and its workers again, and run this again with the same checkpoint_dir (or skcomic study "
        "--resume FOLDER): it goes on where it stopped\n"
    )


@pytest.mark.slow
def test_a_study_on_a_local_cluster_is_the_same(faces_dir: Path, tmp_path: Path) -> None:
    """Of nets: with one thread for each fit, here and there."""
    quick = [*QUICK, "--sizes", "12,10", "--cost", "multiply_adds"]
    studies = []
    for name, options in (("here", ["--jobs", "1"]), ("dask", LOCAL)):
        out = tmp_path / name
        result = run(
            "study", faces_dir, "--out", out, *options, *quick,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        assert "chosen among 2 contenders" in result.stdout
        studies.append(without_times(json.loads((out / "study.json").read_text())))
        assert "--dask" not in (out / "report.html").read_text()
    assert studies[0] == studies[1]
    assert json.loads((tmp_path / "dask" / "settings.json").read_text())["dask"] == "local"
