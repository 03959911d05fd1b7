"""The command and the call that repeat a study."""

import shlex
from pathlib import Path

from typer.testing import CliRunner

from skcomic.cli import app
from skcomic.cli.study import _NAMES, study
from skcomic.cli.study_command import write_command


def settings_of(monkeypatch, out: Path, *arguments: str) -> dict:
    """Return the settings of a command, without its study."""
    kept: list[dict] = []
    monkeypatch.setattr(
        "skcomic.cli.study._run", lambda _console, _out, settings, **_: kept.append(settings)
    )
    result = CliRunner().invoke(app, ["study", *arguments, "--out", str(out)])
    assert result.exit_code == 0, result.output
    return kept[0]


def test_the_command_gives_the_same_settings(faces_dir: Path, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "it's here"
    folder.symlink_to(faces_dir)
    given = [
        str(folder), "--sizes", "16,12", "--seed", "7", "--calibrate", "--abstain", "0.99",
        "--candidates", "2", "--tolerance", "1se", "--validation", "5", "--pair", "(.*)_x",
        "--outside", str(faces_dir), "--background", "0", "--jobs", "1",
    ]  # fmt: skip
    settings = settings_of(monkeypatch, tmp_path / "out", *given)
    program, command, *words = shlex.split(write_command(study, settings, _NAMES))
    assert (program, command) == ("skcomic", "study")
    assert "--jobs" not in words
    assert "--calibrate" in words
    again = settings_of(monkeypatch, tmp_path / "out", *words, "--jobs", "1")
    assert again == settings


def test_what_is_left_out_stays_out(tmp_path: Path, monkeypatch) -> None:
    settings = settings_of(monkeypatch, tmp_path / "out")
    assert write_command(study, settings, _NAMES) == "skcomic study"
    settings = settings_of(monkeypatch, tmp_path / "out", "--pairs", "12")
    assert write_command(study, settings, _NAMES) == "skcomic study --pairs 12"
