"""The folder of a study's results: claimed before any work, written to whole files at a time.

A finished study is replaced only by a finished one: the new study is written to a folder within
that of the former one, and takes its place at the end.
"""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skcomic._files import write_file

#: Where a study that was given no images draws its own.
DRAWN = "drawn"

#: Where a study that was given no other folder keeps decoded images.
CACHE = "cache"

#: Where a study keeps its fits until it is finished.
CHECKPOINTS = "checkpoints"

CANDIDATES, SIZES, NUMBERS, PAGE = "candidates.csv", "sizes.csv", "study.json", "report.html"
QUARANTINE, MODEL, CARD = "quarantine.csv", "model.skcomic", "card.md"
PREDICTIONS, ANSWERS_FIGURE = "predictions.csv", "figures/answers.png"
SEARCH_FIGURE, SIZES_FIGURE = "figures/search.png", "figures/sizes.png"
ROBUSTNESS_FIGURE, ABSTENTION_FIGURE = "figures/robustness.png", "figures/abstention.png"
OCCLUSION_FIGURE, HISTORY_FIGURE = "figures/occlusion.png", "figures/history.png"

# Written before anything else; a folder without it is not taken for a study's.
_SETTINGS_FILE = "settings.json"
_LOCK = ".lock"
# Where a study is written while a finished one is in its place, and where it is while it is moved
# to that place; then nothing of the former one is left.
_NEXT, _MOVING = ".next", ".moving"
_PARTS = (
    QUARANTINE, CANDIDATES, SEARCH_FIGURE, SIZES, SIZES_FIGURE, PREDICTIONS,
    ANSWERS_FIGURE, ROBUSTNESS_FIGURE, ABSTENTION_FIGURE, OCCLUSION_FIGURE, HISTORY_FIGURE,
    NUMBERS, PAGE, MODEL, CARD,
)  # fmt: skip


@contextmanager
def locked_folder(out: Path, *, root: Path | None = None) -> Iterator[None]:
    """Make the folder of a study, and keep other studies out of it while this one runs.

    The lock ends with the process, however that ends; workers do not inherit it.

    Parameters
    ----------
    out : Path
        The folder.
    root : Path, default=None
        The folder of images.

    Raises
    ------
    FileExistsError
        If another study is running in the folder, or it holds anything but a study.
    ValueError
        If the images lie within the folder.
    """
    _check_is_for_studies(out, root)
    out.mkdir(parents=True, exist_ok=True)
    with (out / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileExistsError(
                f"another study is running in {str(out)!r} just now; wait for its end or name "
                "another folder with --out"
            ) from None
        yield


def prepare_folder(
    out: Path,
    settings: dict[str, Any],
    *,
    root: Path | None = None,
    force: bool = False,
    resume: bool = False,
) -> Path:
    """Make the folder that a study is written to, and mark it as such.

    Nothing of a former study is deleted: a mistake in the settings may be found only later.
    `reset_folder` and `finish_study` do that.

    Parameters
    ----------
    out : Path
        The folder of the results.
    settings : dict
        What the study was asked to do; kept in ``settings.json``.
    root : Path, default=None
        The folder of images.
    force : bool, default=False
        Whether a former study in the folder may be overwritten. Other files are never touched,
        and a study that has no finished part may always be.
    resume : bool, default=False
        Whether the study that is not finished is resumed.

    Returns
    -------
    working : Path
        `out`, or a folder in it while `out` holds a finished study.

    Raises
    ------
    FileExistsError
        If the folder holds a study and `force` is not given, or anything else.
    ValueError
        If the images lie within the folder.
    """
    _check_is_for_studies(out, root)
    if resume:
        working = working_folder(out)
    else:
        working = out / _NEXT if is_finished(out) else out
        if not force:
            _check_is_free(out)
    _remove_folder(working / DRAWN)
    (working / "figures").mkdir(parents=True, exist_ok=True)
    for name in (*_PARTS, _SETTINGS_FILE):  # what a study was writing when it was killed
        for left_over in (working / name).parent.glob(f".{Path(name).name}-*"):
            left_over.unlink()
    if not (working / _SETTINGS_FILE).exists():
        write_file(working / _SETTINGS_FILE, json.dumps(settings, indent=1))
    return working


def reset_folder(working: Path, settings: dict[str, Any], *, reset: bool = False) -> None:
    """Delete the parts of a former study and note the settings of the one that begins.

    Parameters
    ----------
    working : Path
        A folder from `prepare_folder`.
    settings : dict
        As for `prepare_folder`.
    reset : bool, default=False
        Whether to delete the fits that the former study kept, too. Where they are left, those
        that are the same are restored.
    """
    _remove_parts(working)
    if reset:
        _remove_checkpoints(working)
    write_file(working / _SETTINGS_FILE, json.dumps(settings, indent=1))


def finish_study(out: Path) -> None:
    """Delete the fits that a finished study kept, and let it replace the former one.

    What is left over of this by a process that was killed is done at the next call.

    Parameters
    ----------
    out : Path
        The folder of the results; nothing is done if its study is not finished.
    """
    if is_finished(out / _NEXT):
        _remove_parts(out)
        _remove_folder(out / DRAWN)
        (out / _NEXT).rename(out / _MOVING)
    if (out / _MOVING).exists():
        # The numbers last: a study whose numbers are there is finished.
        for name in sorted((*_PARTS, _SETTINGS_FILE, DRAWN), key=NUMBERS.__eq__):
            if (out / _MOVING / name).exists():
                (out / _MOVING / name).replace(out / name)
        _remove_folder(out / _MOVING)
    if is_finished(out) and working_folder(out) == out:
        _remove_checkpoints(out)


def working_folder(out: Path) -> Path:
    """Return where the last study in a folder of results is, or would be, written.

    Parameters
    ----------
    out : Path
        The folder of the results.

    Returns
    -------
    working : Path
        `out`, or a folder in it if `out` holds a finished study and another one was begun.
    """
    return out / _NEXT if (out / _NEXT / _SETTINGS_FILE).exists() else out


def read_settings(out: Path) -> dict[str, Any]:
    """Read what a study was asked to do.

    Parameters
    ----------
    out : Path
        The folder of its results.

    Returns
    -------
    settings : dict
        As they were given to `prepare_folder`.

    Raises
    ------
    FileNotFoundError
        If there is no study in the folder.
    """
    try:
        return dict(json.loads((working_folder(out) / _SETTINGS_FILE).read_text()))
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"there is no study in {str(out)!r} that could be resumed"
        ) from None


def is_finished(working: Path) -> bool:
    """Return whether a study is finished: its numbers are written last.

    Parameters
    ----------
    working : Path
        The folder that it is written to.

    Returns
    -------
    finished : bool
        Whether nothing is left to do.
    """
    return (working / NUMBERS).exists()


def finished_parts(working: Path) -> list[str]:
    """List the parts of a study that are in its folder.

    Parameters
    ----------
    working : Path
        The folder that it is written to.

    Returns
    -------
    parts : list of str
        Names within the folder.
    """
    return [name for name in _PARTS if (working / name).exists()]


def _remove_parts(working: Path) -> None:
    for name in _PARTS:
        (working / name).unlink(missing_ok=True)


def _remove_checkpoints(working: Path) -> None:
    _remove_folder(working / CHECKPOINTS)


def _remove_folder(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _check_is_free(out: Path) -> None:
    """Refuse a folder that holds a study with finished parts."""
    if working_folder(out) != out or (finished_parts(out) and not is_finished(out)):
        raise FileExistsError(
            f"{str(out)!r} holds a study that is not finished; resume it with --resume {out}, "
            "name another folder with --out, or overwrite that study with --force"
        )
    if is_finished(out):
        raise FileExistsError(
            f"{str(out)!r} holds a study already; name another folder with --out, or "
            "overwrite that study with --force"
        )


def _check_is_for_studies(out: Path, root: Path | None) -> None:
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{str(out)!r} is a file; name a folder for the study's results")
    if root is not None and root.resolve().is_relative_to(out.resolve()):
        raise ValueError(
            f"the images in {str(root)!r} lie inside the folder for the results, {str(out)!r}; "
            "name another folder for the results"
        )
    if not out.is_dir() or (out / _SETTINGS_FILE).exists():
        return
    if any(path.name not in (_LOCK, "figures") for path in out.iterdir()):
        raise FileExistsError(
            f"{str(out)!r} holds other files than those of a study; name another folder for the "
            "results"
        )
