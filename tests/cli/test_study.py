import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from commands import QUICK, SKCOMIC, ended_with, run
from outcomes import without_times
from PIL import Image

import skcomic.nets.workers
import skcomic.study.run
from skcomic import make_contenders

DRAWN = ["--pairs", "12", "--cost", "multiply_adds", *QUICK, "--sizes", "12,10"]
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}
WITH_WORKERS = """
import skcomic.study.page
import skcomic.study.plan
from skcomic.cli import app

skcomic.study.page._encode = lambda *_: b""  # its figures are not looked at
skcomic.study.plan._SECONDS_PER_WORKER = 0
app()
"""


@pytest.fixture(scope="module")
def drawn_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A study that drew its own images: its folder and what was printed."""
    out = tmp_path_factory.mktemp("study") / "out"
    result = run("study", "--out", out, *DRAWN, "--jobs", "1", env=ONE_THREAD)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return out, result.stdout


def test_study_of_drawn_images(drawn_study: tuple[Path, str]) -> None:
    out, printed = drawn_study
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.suffix != ".jpg"}
    assert names == {
        ".lock", "cache", "cache/rasters.lmdb", "cache/rasters.lmdb-checked",
        "cache/rasters.lmdb-lock", "candidates.csv", "card.md", "drawn", "drawn/comics",
        "drawn/faces", "figures", "figures/abstention.png", "figures/answers.png",
        "figures/history.png", "figures/occlusion.png", "figures/robustness.png",
        "figures/search.png", "figures/sizes.png", "model.skcomic",
        "predictions.csv", "report.html", "settings.json", "sizes.csv", "study.json",
    }  # fmt: skip
    numbers = json.loads((out / "study.json").read_text())
    assert numbers["catalogue"] == {"images": 24, "labels": 2, "pairs": 12}
    assert json.loads((out / "settings.json").read_text())["drawn_pairs"] == 12
    for text in (
        "Drawing 12 pairs",
        "24 images at 12x12",
        "chosen among 2 contenders",
        "The test",
    ):
        assert text in printed
    assert f"{numbers['test']['f_score']:.4f}" in printed
    command = "skcomic study --sizes 12,10 "
    assert f"<pre><code>{command}" in (out / "report.html").read_text()
    assert "\x1b" not in printed  # plain lines when piped


@pytest.mark.slow
def test_same_seed_same_study_whatever_the_jobs(
    drawn_study: tuple[Path, str], tmp_path: Path
) -> None:
    # So short a study starts no workers by itself.
    with_workers = [sys.executable, "-c", WITH_WORKERS, "study", "--out", tmp_path / "out"]
    result = subprocess.run(
        [*with_workers, *DRAWN, "--jobs", "2"], capture_output=True, text=True, check=False,
        env=ONE_THREAD,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    one, two = (
        json.loads((out / "study.json").read_text()) for out in (drawn_study[0], tmp_path / "out")
    )
    assert without_times(one) == without_times(two)
    assert one["candidates"][0]["cpu_seconds"] != two["candidates"][0]["cpu_seconds"]


def test_a_second_study_in_the_same_folder(drawn_study: tuple[Path, str]) -> None:
    out, _ = drawn_study
    before = (out / "study.json").read_bytes()
    result = run("study", "--out", out, *QUICK)
    assert result.returncode == 1
    assert re.fullmatch(r"skcomic: '.*' holds a study already; .* --force\n", result.stderr)
    assert (out / "study.json").read_bytes() == before


def test_cache_of_a_study(drawn_study: tuple[Path, str], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(drawn_study[0] / "cache", cache)
    result = run("cache", "info", cache)
    assert result.returncode == 0
    assert re.match(
        r"48 rasters, 0\.\d MB of at most 8\.6 GB; files decoded so far: 48\n", result.stdout
    )
    assert run("cache", "clear", cache).returncode == 0
    assert list(cache.iterdir()) == []
    for command in ("info", "clear"):
        result = run("cache", command, cache)
        assert (result.returncode, result.stderr) == (
            1, f"skcomic: there is no cache in '{cache}'\n"
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_a_former_study_is_replaced_only_by_a_finished_one(
    drawn_study: tuple[Path, str], faces_dir: Path, tmp_path: Path, monkeypatch, capfd
) -> None:
    out = Path(shutil.copytree(drawn_study[0], tmp_path / "out"))
    former = study_files(out)
    command = ["study", str(faces_dir), "--out", str(out), "--force", *QUICK, "--jobs", "1"]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(skcomic.study.run, "fit_and_test", stop)
        assert ended_with(*command) == 130
    message = capfd.readouterr().err
    assert f"the finished parts are in {out}/.next: candidates.csv, " in message
    assert study_files(out) == former
    assert (out / "drawn").is_dir()

    assert ended_with("study", faces_dir, "--out", out, *QUICK) == 1
    assert f"not finished; resume it with --resume {out}" in capfd.readouterr().err
    assert ended_with("study", "--resume", out) == 0
    assert "3 fits are kept" in capfd.readouterr().out
    assert study_files(out).keys() == former.keys()
    assert study_files(out)["model.skcomic"] != former["model.skcomic"]
    assert json.loads((out / "settings.json").read_text())["images"] == str(faces_dir)
    assert not (out / "drawn").exists()
    assert not (out / ".next").exists()
    assert ended_with("study", "--resume", out) == 0
    assert "is finished; see" in capfd.readouterr().out


def study_files(out: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in [*out.iterdir(), *(out / "figures").iterdir()]
        if path.is_file()
    }


@pytest.mark.slow
def test_names_are_never_markup(faces_dir: Path, tmp_path: Path, capfd) -> None:
    """Nor emoji, nor mathematics, nor UTF-8 by necessity."""
    root = tmp_path / "[red]images[v2] :cat: $x^2$"
    labels = ["[bold]a", os.fsdecode(b"b\xe4 $x$")]
    for label, name in zip(labels, ("faces", "comics"), strict=True):
        shutil.copytree(faces_dir / name, root / label)
    out = tmp_path / "out[v2] :dog:"
    command = ["study", root, "--out", out, *QUICK, "--jobs", "1", "--positive", labels[1]]
    assert ended_with(*command) == 0
    printed, errors = capfd.readouterr()
    assert errors == ""
    assert f"begin with {out}/report.html" in printed
    assert r"class 'b\udce4 $x$'" in printed
    numbers = json.loads((out / "study.json").read_text())
    assert [row["label"] for row in numbers["classes"]] == labels
    page = (out / "report.html").read_text()
    assert r"Scores are of the class b\udce4 $x$" in page
    (out / "model.skcomic").rename(out / "model")
    assert ended_with("predict", out / "model", root / labels[0], "--out", out / "answers") == 0
    answers = (out / "answers").read_text(errors="surrogateescape").splitlines()
    assert {row.split(",")[1] for row in answers[1:]} <= set(labels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "/nowhere'; give the folder that holds one sub-folder of images"),
        (["file"], "is a file that cannot be read as a table"),
        (["one"], "found one class, 'faces'"),
        (["none"], "found no class folder with images"),
        (["two", "--sizes", "64,a"], "--sizes takes whole numbers with commas"),
        (
            ["two", "--sizes", "4"],
            "--sizes must be a sequence of one or more distinct ints, each 10 or more",
        ),
        (["two", "--positive", "dogs"], "--positive 'dogs' is not one of the classes"),
        (["two", "--out", "file"], "'file' is a file; name a folder"),
        (["two", "--jobs", "0"], "--jobs must be 1 or more, or -1 for one on each core, not 0"),
        (
            ["text", "--out", "out2", "--jobs", "1"],
            "cannot be read; repair or remove these files",
        ),
        (
            ["text", "--out", "out2", "--jobs", "1"],
            "leave them out of the study with --on-bad quarantine",
        ),
        (["--pairs", "0", "--out", "out3"], "--pairs must be 1 or more, not 0"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(
    tmp_path: Path,
    faces_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "none").mkdir()
    (tmp_path / "two").symlink_to(faces_dir)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "faces").symlink_to(faces_dir / "faces")
    for label in ("faces", "comics"):
        (tmp_path / "text" / label).mkdir(parents=True)
        for pair in range(4):
            (tmp_path / "text" / label / f"{pair}.jpg").write_text("a text")

    monkeypatch.chdir(tmp_path)

    assert ended_with("study", *arguments) == 1
    errors = capfd.readouterr().err
    assert errors.startswith("skcomic: ")
    assert message in errors


def group_members(group: int) -> list[str]:
    """Live processes of a process group."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it ended while we looked
            continue
        if int(pgrp) == group and state != "Z":
            members.append(stat.parent.name)
    return members


@pytest.mark.parametrize(
    "to_all",
    [pytest.param(False, id="kill -INT", marks=pytest.mark.slow),
     pytest.param(True, id="Ctrl-C on a terminal")],
)  # fmt: skip
def test_ctrl_c_leaves_no_worker_and_names_the_parts(
    tmp_path: Path, faces_dir: Path, to_all: bool
) -> None:
    out = tmp_path / "out"
    command = [*SKCOMIC, "study", faces_dir, "--out", out, "--jobs", "2"]
    command += [*QUICK, "--sizes", "12,10", "--final-epochs", "100000"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        # not ignored, as it is by what a shell starts in the background
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not (out / "figures" / "search.png").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(1)  # into the fits of the next stage
        assert len(group_members(process.pid)) >= 3  # the parent and two workers

        (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)

        assert process.returncode == 130
        assert errors == (
            f"skcomic: stopped; the finished parts are in {out}: "
            "candidates.csv, figures/search.png, report.html; "
            f"resume with: skcomic study --resume {out}\n"
        )
        deadline = time.monotonic() + 10
        while (left := group_members(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left == []
    finally:
        for left in group_members(process.pid):
            os.kill(int(left), signal.SIGKILL)
        process.communicate()


def test_help_needs_no_tensorflow() -> None:
    program = "import sys; sys.argv = ['skcomic', '--help']; from skcomic.__main__ import main\n"
    program += "try: main()\nexcept SystemExit: print('tensorflow' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.endswith("False\n")
    for command in ("study", "fetch"):
        assert command in result.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_study_with_quarantine(
    faces_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root, out = Path(shutil.copytree(faces_dir, tmp_path / "images")), tmp_path / "out"
    for name in ("<b>.jpg", os.fsdecode(b"b\xe4d.jpg")):
        (root / "faces" / name).write_text("a text")
    command = ["study", root, "--out", out, "--on-bad", "quarantine", *QUICK, "--jobs", "1"]
    assert ended_with(*command) == 0
    printed = " ".join(capfd.readouterr().out.split())
    assert "Left out, since they cannot be read: 2 images (see quarantine.csv)." in printed
    bad = (out / "quarantine.csv").read_bytes()
    assert bad.startswith(b"path,label,pair,kind,reason,left_of_pair\n")
    assert os.fsencode(root / "faces") + b"/b\xe4d.jpg,faces,b\xe4d,not an image," in bad
    numbers = json.loads((out / "study.json").read_text())
    assert numbers["catalogue"]["images"] == 48
    assert len(numbers["quarantine"]) == 2
    page = (out / "report.html").read_text()
    for text in ("faces/&lt;b&gt;.jpg", r"faces/b\udce4d.jpg", "2 images (see quarantine.csv)"):
        assert text in page


def test_fetch_says_where_and_what_next(tmp_path: Path) -> None:
    folder = tmp_path / "face2comics_v9"
    result = run("fetch", "--data-home", folder, "--version", "9")
    assert result.returncode == 1
    assert "2.0.0" in result.stderr  # the versions that there are


@pytest.mark.slow
def test_real_pairs(real_dir: Path, tmp_path: Path) -> None:
    assert ended_with("study", real_dir, "--out", tmp_path / "out", *QUICK, "--jobs", "1") == 0
    numbers = json.loads((tmp_path / "out" / "study.json").read_text())
    assert numbers["catalogue"] == {"images": 360, "labels": 2, "pairs": 180}
    assert numbers["split"] == {"train": 160, "validation": 80, "test": 120, "search": 80}
    with Image.open(tmp_path / "out" / "figures" / "search.png") as image:
        assert image.format == "PNG"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sizes", "100000", "--jobs", "6"], "the study needs about"),
        (["--test-size", "0.99"], "--test-size and --validation-size leave it a share of"),
    ],
)
def test_what_cannot_be_is_refused_before_workers_are_started(
    faces_dir: Path, tmp_path: Path, monkeypatch, capfd, options: list[str], message: str
) -> None:
    def fail(_: int) -> None:
        raise AssertionError("workers were started")

    monkeypatch.setattr(skcomic.nets.workers, "start_workers", fail)
    assert ended_with("study", faces_dir, "--out", tmp_path / "out", *options) == 1
    assert message in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_no_more_workers_are_started_than_there_are_fits(
    faces_dir: Path, tmp_path: Path, monkeypatch
) -> None:
    started = []

    def stop(n_workers: int) -> None:
        started.append(n_workers)
        raise KeyboardInterrupt

    monkeypatch.setattr(skcomic.nets.workers, "start_workers", stop)
    out = tmp_path / "out"
    assert ended_with("study", faces_dir, "--out", out, *QUICK, "--jobs", "100") == 130
    options = [*QUICK, "--final-epochs", "100000", "--jobs", "100", "--force"]
    assert ended_with("study", faces_dir, "--out", out, *options) == 130
    assert started == [1, 2]  # none where they would take longer to start than to train


def test_limits_that_none_keeps_are_reported_as_they_are_typed(
    faces_dir: Path, tmp_path: Path, capfd
) -> None:
    limits = ["--max-model-kb", "1", "--jobs", "1"]
    assert ended_with("study", faces_dir, "--out", tmp_path / "out", *QUICK, *limits) == 1
    message = r"skcomic: no contender is within --max-model-kb 1: the lowest has [0-9.]+; raise"
    assert re.search(message, capfd.readouterr().err)


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_the_bar_shows_the_time_left(tmp_path: Path, faces: pd.DataFrame) -> None:
    from rich.console import Console

    from skcomic.cli.study_progress import ProgressReporter

    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    (tmp_path / "figures").mkdir()
    net = make_contenders(12)["8_max_1"].set_params(classify__epochs=1)
    settings = {"sizes": (12,), "final_epochs": 1, "validation": "holdout", "n_jobs": 1}
    settings["contenders"] = {"net": net}
    with ProgressReporter(console, tmp_path, {}, "skcomic study", reset=False) as reporter:
        skcomic.study.run.run_study(faces, **settings, on_progress=reporter)
        reporter.bar.refresh()
    text = re.sub("\x1b\\[[^a-zA-Z]*[a-zA-Z]", "", screen.getvalue())
    assert re.search(r"training the baselines .* 3/3 epochs 0:00:[0-9]+ left: [0-9:-]+", text)
