"""A study on disk: its numbers, its figures and one page for a reader who was not there."""

import base64
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from skcomic.displays import TimeScoreDisplay
from skcomic.study import Study

#: Where a study that was given no images draws its own.
DRAWN = "drawn"

# Written before anything else; a folder without it is not taken for a study's.
_MARK = "settings.json"
_PARTS = (_MARK, "study.json", "candidates.csv", "sizes.csv", "report.html")
_FIGURES = {"search": "figures/search.png", "sizes": "figures/sizes.png"}
_DOTS_PER_INCH = 150


def claim_folder(
    out: Path, settings: dict[str, Any], *, root: Path | None = None, force: bool = False
) -> None:
    """Make the folder of a study, and mark it as such.

    Parameters
    ----------
    out : Path
        The folder.
    settings : dict
        What the study was asked to do; kept in ``settings.json``.
    root : Path, default=None
        The folder of images.
    force : bool, default=False
        Whether a former study in the folder is deleted. Other files are never touched.

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
        if not force:
            raise FileExistsError(
                f"{str(out)!r} holds a study already; name another folder with --out, or "
                "overwrite that study with --force"
            )
        for name in (*_PARTS, *_FIGURES.values()):
            (out / name).unlink(missing_ok=True)
        shutil.rmtree(out / DRAWN, ignore_errors=True)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    _write(out / _MARK, json.dumps(settings, indent=1))


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
    return [name for name in (*_PARTS[1:], *_FIGURES.values()) if (out / name).exists()]


def write_study(study: Study, out: Path) -> None:
    """Write what a study has so far.

    Parameters
    ----------
    study : Study
        As from `run_study`, or handed out by it on the way.
    out : Path
        A folder from `claim_folder`. ``candidates.csv``, ``sizes.csv`` and the figures are
        written as soon as their stage is over, ``study.json`` and ``report.html`` when the
        study is. Each file appears whole or not at all.

    Raises
    ------
    OSError
        If a file cannot be written; it names the file.
    """
    pictures = {}
    if study.candidates is not None:
        _write(out / "candidates.csv", study.candidates.to_csv(index=False))
        pictures["search"] = _draw(TimeScoreDisplay.from_study(study, "search"))
    if study.sizes is not None:
        _write(out / "sizes.csv", study.sizes.to_csv(index=False))
        pictures["sizes"] = _draw(TimeScoreDisplay.from_study(study, "sizes"))
    for stage, picture in pictures.items():
        _write(out / _FIGURES[stage], picture)
    if study.test is not None:
        _write(out / "report.html", _render(study, pictures))
        _write(out / "study.json", json.dumps(study.to_dict(), indent=1, allow_nan=False))


def _draw(display: TimeScoreDisplay) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A figure of its own, without pyplot: no screen is needed and no global is touched.
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    display.plot(figure.add_subplot())
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=_DOTS_PER_INCH)
    return png.getvalue()


def _render(study: Study, pictures: dict[str, bytes]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("skcomic", ""), autoescape=True, undefined=StrictUndefined
    )
    encoded = {name: base64.b64encode(png).decode() for name, png in pictures.items()}
    return templates.get_template("report.html").render(study=study, pictures=encoded)


def _write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all."""
    if isinstance(content, str):
        content = content.encode()
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise OSError(error.errno, f"cannot write it: {error.strerror}", str(path)) from error
