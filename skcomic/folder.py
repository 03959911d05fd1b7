"""The folder of a study's results: claimed before any work, written to whole files at a time."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

#: Where a study that was given no images draws its own.
DRAWN = "drawn"

#: Where a study that was given no other folder keeps decoded images.
CACHE = "cache"

CANDIDATES, SIZES, NUMBERS, PAGE = "candidates.csv", "sizes.csv", "study.json", "report.html"
SEARCH_FIGURE, SIZES_FIGURE = "figures/search.png", "figures/sizes.png"

# Written before anything else; a folder without it is not taken for a study's.
_MARK = "settings.json"
_PARTS = (CANDIDATES, SEARCH_FIGURE, SIZES, SIZES_FIGURE, NUMBERS, PAGE)


def claim_folder(
    out: Path, settings: dict[str, Any], *, root: Path | None = None, force: bool = False
) -> None:
    """Make the folder of a study, and mark it as such.

    Nothing of a former study is deleted yet but the images that it drew: a mistake in the
    settings is found only later. `begin_parts` does that.

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

    Raises
    ------
    FileExistsError
        If the folder holds a study and `force` is not given, or anything else.
    ValueError
        If the images lie within the folder.
    """
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{str(out)!r} is a file; name a folder for the study's results")
    if root is not None and root.resolve().is_relative_to(out.resolve()):
        raise ValueError(
            f"the images in {str(root)!r} lie inside the folder for the results, {str(out)!r}; "
            "name another folder for the results"
        )
    if out.is_dir() and any(out.iterdir()):
        if not (out / _MARK).exists():
            raise FileExistsError(
                f"{str(out)!r} holds files that are no study's; name another folder for the "
                "results"
            )
        if finished_parts(out) and not force:
            raise FileExistsError(
                f"{str(out)!r} holds a study already; name another folder with --out, or "
                "overwrite that study with --force"
            )
        if (out / DRAWN).exists():
            shutil.rmtree(out / DRAWN)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    if not (out / _MARK).exists():
        write_whole(out / _MARK, json.dumps(settings, indent=1))


def begin_parts(out: Path, settings: dict[str, Any]) -> None:
    """Delete the parts of a former study and note the settings of the one that begins.

    Parameters
    ----------
    out : Path
        A folder from `claim_folder`.
    settings : dict
        As for `claim_folder`.
    """
    for name in _PARTS:
        (out / name).unlink(missing_ok=True)
    write_whole(out / _MARK, json.dumps(settings, indent=1))


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


def write_whole(path: Path, content: str | bytes, *, through_power_cut: bool = True) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path : Path
        The file; a former one is replaced once the new one is complete.
    content : str or bytes
        What is written; text as UTF-8.
    through_power_cut : bool, default=True
        Whether to wait until the disk has it (some 10 ms), so that the file is whole after a
        power cut too. False: after one, it may be empty.

    Raises
    ------
    OSError
        If it cannot be written; it names the file. A former file is still there.
    """
    if isinstance(content, str):
        content = content.encode()
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            if through_power_cut:
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise OSError(error.errno, f"cannot write it: {error.strerror}", str(path)) from error
