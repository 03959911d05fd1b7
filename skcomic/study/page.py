"""A study on disk: its numbers, its figures and one page that explains them."""

import base64
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from skcomic._files import write_file
from skcomic.models.card import render_card
from skcomic.models.persistence import save
from skcomic.study.folder import (
    CANDIDATES,
    CARD,
    MODEL,
    NUMBERS,
    PAGE,
    QUARANTINE,
    SEARCH_FIGURE,
    SIZES,
    SIZES_FIGURE,
)
from skcomic.study.results import Study

if TYPE_CHECKING:
    from skcomic.displays.time_score import TimeScoreDisplay

_DOTS_PER_INCH = 150


def write_study(study: Study, out: Path) -> None:
    """Write what a study has so far.

    Parameters
    ----------
    study : Study
        As from `run_study`, or as it reports it after each stage.
    out : Path
        A folder from `prepare_folder`. ``quarantine.csv`` (if images may be left out),
        ``candidates.csv``, ``sizes.csv`` and the figures are written as soon as their stage is
        over, ``study.json``, ``report.html``, ``model.skcomic`` and ``card.md`` when the study
        is. Each file appears whole or not at all.

    Raises
    ------
    OSError
        If a file cannot be written; it names the file.
    """
    pictures = {}
    if study.quarantine is not None:
        # As bytes, since a name need not be UTF-8.
        content = study.quarantine.to_csv(index=False)
        write_file(out / QUARANTINE, content.encode(errors="surrogateescape"))
    if study.candidates is not None:
        pictures["search"] = _draw(study.display("search"))
        write_file(out / CANDIDATES, study.candidates.to_csv(index=False))
        write_file(out / SEARCH_FIGURE, pictures["search"])
    if study.sizes is not None:
        pictures["sizes"] = _draw(study.display("sizes"))
        write_file(out / SIZES, study.sizes.to_csv(index=False))
        write_file(out / SIZES_FIGURE, pictures["sizes"])
    if study.test is not None:
        write_file(out / PAGE, _render(study, pictures))
        save(study.pipeline, out / MODEL, about=study.to_dict())
        write_file(out / CARD, render_card(out / MODEL))
        # Last of all: a study whose numbers are there is finished.
        write_file(out / NUMBERS, json.dumps(study.to_dict(), indent=1, allow_nan=False))


def _draw(display: "TimeScoreDisplay") -> bytes:
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
        loader=PackageLoader("skcomic.study", ""), autoescape=True, undefined=StrictUndefined
    )
    # Names of files need not be UTF-8, and a page must be.
    templates.filters["printable"] = lambda text: text.encode(errors="backslashreplace").decode()
    encoded = {name: base64.b64encode(png).decode() for name, png in pictures.items()}
    return templates.get_template("report.html").render(study=study, pictures=encoded)
