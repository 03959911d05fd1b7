"""The folder of a study's results: claimed before any work, written to whole files at a time."""

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
SEARCH_FIGURE, SIZES_FIGURE = "figures/search.png", "figures/sizes.png"

# Written before anything else; a folder without it is not taken for a study's.
_SETTINGS_FILE = "settings.json"
_LOCK = ".lock"
_PARTS = (
    QUARANTINE, CANDIDATES, SEARCH_FIGURE, SIZES, SIZES_FIGURE, NUMBERS, PAGE, MODEL, CARD,
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
) -> None:
    """Make the folder of a study, and mark it as such.

    Nothing of a former study is deleted yet but the images that it drew: a mistake in the
    settings is found only later. `reset_folder` does that.

    Parameters
    ----------
    out : Path
        The folder.
    settings : dict
        What the study was asked to do; kept in ``settings.json``.
    root : Path, default=None
        The folder of images.
    force : bool, default=False
        Whether a former study in the folder may be overwritten. Other files are never touched,
        and a study that has no finished part may always be.
    resume : bool, default=False
        Whether that former study is resumed.

    Raises
    ------
    FileExistsError
        If the folder holds a study and `force` is not given, or anything else.
    ValueError
        If the images lie within the folder.
    """
    _check_is_for_studies(out, root)
    if finished_parts(out) and not (force or resume):
        if is_finished(out):
            raise FileExistsError(
                f"{str(out)!r} holds a study already; name another folder with --out, or "
                "overwrite that study with --force"
            )
        raise FileExistsError(
            f"{str(out)!r} holds a study that is not finished; resume it with --resume {out}, "
            "name another folder with --out, or overwrite that study with --force"
        )
    if (out / DRAWN).exists():
        shutil.rmtree(out / DRAWN)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for name in (*_PARTS, _SETTINGS_FILE):  # what a study was writing when it was killed
        for left_over in (out / name).parent.glob(f".{Path(name).name}-*"):
            left_over.unlink()
    if not (out / _SETTINGS_FILE).exists():
        write_file(out / _SETTINGS_FILE, json.dumps(settings, indent=1))


def reset_folder(out: Path, settings: dict[str, Any], *, reset: bool = False) -> None:
    """Delete the parts of a former study and note the settings of the one that begins.

    Parameters
    ----------
    out : Path
        A folder from `prepare_folder`.
    settings : dict
        As for `prepare_folder`.
    reset : bool, default=False
        Whether to delete the fits that the former study kept, too. Where they are left, those
        that are the same are restored.
    """
    for name in _PARTS:
        (out / name).unlink(missing_ok=True)
    if reset:
        remove_checkpoints(out)
    write_file(out / _SETTINGS_FILE, json.dumps(settings, indent=1))


def remove_checkpoints(out: Path) -> None:
    """Delete the fits that a study kept: it is finished, or overwritten.

    Parameters
    ----------
    out : Path
        A folder from `prepare_folder`.
    """
    if (out / CHECKPOINTS).exists():
        shutil.rmtree(out / CHECKPOINTS)


def read_settings(out: Path) -> dict[str, Any]:
    """Read what a study was asked to do.

    Parameters
    ----------
    out : Path
        Its folder.

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
        return dict(json.loads((out / _SETTINGS_FILE).read_text()))
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"there is no study in {str(out)!r} that could be resumed"
        ) from None


def is_finished(out: Path) -> bool:
    """Tell whether a study is finished: its numbers are written last.

    Parameters
    ----------
    out : Path
        The folder.

    Returns
    -------
    finished : bool
        Whether nothing is left to do.
    """
    return (out / NUMBERS).exists()


def finished_parts(out: Path) -> list[str]:
    """List the parts of a study that are in its folder.

    Parameters
    ----------
    out : Path
        The folder.

    Returns
    -------
    parts : list of str
        Names within the folder.
    """
    return [name for name in _PARTS if (out / name).exists()]


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
