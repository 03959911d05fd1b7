"""Every option of every command is checked before anything is imported, decoded or deleted."""

import re
import time
from itertools import takewhile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from skcomic.cli import app

OF_IMAGES = {
    "--pair": ["[a-z]", "(", "(never)"],
    "--root": ["NOWHERE"],
    "--path-column": ["file"],
    "--label-column": ["kind"],
    "--pair-column": ["person"],
}
COMMANDS = {
    ("study", "IMAGES"): {
        "--sizes": ["64,a", "4", "", "32,32"],
        "--contenders": ["best", "", "hog"],
        "--candidates": ["5", "0", "14", "x"],
        "--search-fraction": ["0", "1.5", "x"],
        "--epochs": ["0", "-1", "1.5"],
        "--batch-size": ["0", "x"],
        "--final-epochs": ["0", "x"],
        "--final-batch-size": ["0", "x"],
        "--test-size": ["0", "1", "x"],
        "--validation-size": ["0", "1", "x"],
        "--cost": ["money"],
        "--max-predict-ms": ["0", "-1", "x"],
        "--max-model-kb": ["0", "x"],
        "--max-ram-kb": ["0", "x"],
        "--max-fit-seconds": ["0", "x"],
        "--validation": ["1", "0.5", "folds"],
        "--tolerance": ["-0.1", "x", "2se"],
        "--abstain": ["0", "1", "99", "x"],
        "--repeats": ["0", "1.5", "x"],
        "--positive": ["dogs"],
        "--precision": ["float16"],
        "--search": ["grid"],
        "--chunk-images": ["0", "1.5", "x"],
        "--on-bad": ["delete"],
        "--background": ["grey", "256", "-1"],
        "--seed": ["-1", "x"],
        "--out": ["FILE"],
        "--cache": ["FILE"],
        "--max-seconds-per-fit": ["0", "-1", "x"],
        "--jobs": ["0", "x"],
        "--dask": ["nowhere", "", "tcp://host", "8786"],
        "--outside": ["NOWHERE", "FILE"],
        "--pairs": ["0", "-3", "x"],
        "--resume": ["NOWHERE", "FILE"],
        **OF_IMAGES,
    },
    ("check", "IMAGES"): {
        "--jobs": ["0", "x"],
        "--out": ["NOWHERE/problems.csv"],
        **OF_IMAGES,
    },
    ("rasterize", "IMAGES", "rows.zarr"): {
        "--size": ["0", "x"],
        "--chunk-images": ["0", "x"],
        "--background": ["grey", "256", "-1"],
        "--on-bad": ["delete"],
        "--jobs": ["0", "x"],
        **OF_IMAGES,
    },
    ("fetch",): {
        "--data-home": ["FILE"],
        "--version": ["9"],
        "--retries": ["0", "x"],
        "--delay": ["-1", "x"],
    },
    ("predict", "MODEL", "IMAGES"): {
        "--out": ["MODEL", "NOWHERE/answers.csv"],
        "--batch-size": ["0", "x"],
        "--jobs": ["0", "x"],
    },
    ("evaluate", "MODEL", "IMAGES"): {
        "--out": ["FILE", "NOWHERE/scores"],
        "--positive": ["dogs"],
        "--jobs": ["0", "x"],
        **OF_IMAGES,
    },
    ("export", "MODEL", "--to", "html"): {
        "--to": ["pdf"],
        "--out": ["MODEL", "NOWHERE/model.html"],
        "--input": ["rgb", "blue"],
        "--precision": ["int8", "int4"],
        "--calibration": ["IMAGES"],
        "--check": ["NOWHERE", "FILE"],
    },
    ("profile", "MODEL"): {
        "--images": ["NOWHERE", "FILE"],
        "--calibration": ["NOWHERE", "FILE"],
        "--out": ["MODEL", "NOWHERE/profile.csv"],
    },
    ("card", "MODEL"): {},
    ("cache", "info", "NOWHERE"): {},
    ("cache", "clear", "NOWHERE"): {},
}
WITHOUT_VALUE = {"--calibrate", "--force", "--help", "--ignore-split", "--no-check"}
CASES = [
    (command, option, value)
    for command, options in COMMANDS.items()
    for option, values in options.items()
    for value in values
]


@pytest.fixture
def places(
    faces_dir: Path, former_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    (tmp_path / "file").write_text("mine")
    monkeypatch.chdir(tmp_path)
    return {
        "IMAGES": str(faces_dir), "FILE": "file", "NOWHERE": "nowhere",
        "MODEL": str(former_study / "model.skcomic"),
    }  # fmt: skip


@pytest.fixture(scope="module")
def former_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as those of a finished study; the commands below must not come near them."""
    folder = tmp_path_factory.mktemp("former")
    for name, content in former_files().items():
        (folder / name).write_bytes(content)
    (folder / "drawn").mkdir()
    return folder


def former_files() -> dict[str, bytes]:
    names = ("settings.json", "study.json", "report.html", "candidates.csv")
    model = Path(__file__).parents[1] / "models" / "data" / "model_format_2.skcomic"
    return {**dict.fromkeys(names, b"{}"), "model.skcomic": model.read_bytes()}


@pytest.mark.parametrize(("command", "option", "value"), CASES)
def test_a_wrong_value_is_refused_in_a_sentence_within_a_second(
    command: tuple[str, ...],
    option: str,
    value: str,
    places: dict[str, str],
    former_study: Path,
) -> None:
    arguments = [places.get(word, word) for word in command]
    value = re.sub("[A-Z]{2,}", lambda match: places.get(match[0], match[0]), value)
    if command[0] == "study" and option not in ("--out", "--resume"):
        arguments += ["--out", str(former_study), "--force"]
    if command[0] == "study" and option == "--pairs":
        arguments.remove(places["IMAGES"])
    import skcomic.datasets
    import skcomic.study.plan  # noqa: F401

    start = time.process_time()
    result = CliRunner().invoke(app, [*arguments, option, value])
    seconds = time.process_time() - start

    assert result.exit_code in (1, 2)
    assert option in result.stderr or value in result.stderr
    if result.exit_code == 1:
        assert result.stderr.startswith("skcomic: ")
        assert result.stderr.count("\n") == 1
    assert seconds < 1
    for name, content in former_files().items():
        assert (former_study / name).read_bytes() == content
    assert {path.name for path in former_study.iterdir()} == {*former_files(), "drawn"}


def test_all_options_are_tried() -> None:
    tried = {" ".join(takewhile(str.islower, command)): set(options)
             for command, options in COMMANDS.items()}  # fmt: skip
    assert {
        name: {option for parameter in command.params for option in parameter.opts
               if option.startswith("--")} - WITHOUT_VALUE
        for name, command in all_commands(typer.main.get_command(app))
    } == tried  # fmt: skip


def all_commands(group, prefix=""):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from all_commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command
