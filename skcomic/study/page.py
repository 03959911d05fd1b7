"""A study on disk: its numbers, its figures and one page that explains them."""

import base64
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from skcomic._csv import encode_table
from skcomic._files import write_file
from skcomic.displays._display import make_figure
from skcomic.evidence.evaluation import PROBABILITY, SCORE_LABELS
from skcomic.images.decoding import ImageReadError, read_raster
from skcomic.images.thumbnails import encode_raster, encode_thumbnail
from skcomic.images.urls import file_path
from skcomic.models.card import render_card
from skcomic.models.persistence import save
from skcomic.selection.costs import COST_LABELS
from skcomic.study.folder import (
    ABSTENTION_FIGURE,
    ANSWERS_FIGURE,
    CANDIDATES,
    CARD,
    HISTORY_FIGURE,
    MODEL,
    NUMBERS,
    OCCLUSION_FIGURE,
    PAGE,
    PREDICTIONS,
    QUARANTINE,
    ROBUSTNESS_FIGURE,
    SEARCH_FIGURE,
    SIZES,
    SIZES_FIGURE,
)
from skcomic.study.plain import list_rows
from skcomic.study.results import Study
from skcomic.study.sentences import describe_call

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 150

#: Figures by their files: what each shows, and the figure as SVG.
Drawn = dict[str, tuple[Any, bytes]]
_WITH_PATHS = ("suspect_labels", "examples")


def write_study(
    study: Study, working: Path, *, command: str | None = None, drawn: Drawn | None = None
) -> list[str]:
    """Write what a study has so far.

    Parameters
    ----------
    study : Study
        As from `run_study`, or as it reports it after each stage.
    working : Path
        A folder from `prepare_folder`. ``report.html`` is written at the end of each stage with
        what is known then, ``quarantine.csv`` (if images may be left out), ``candidates.csv``,
        ``sizes.csv`` and the figures as soon as their stage is over, ``model.skcomic``,
        ``card.md`` and ``study.json`` when the study is. Each file appears whole or not at all.
    command : str, default=None
        What repeats the study. None: the call of `run_study`.
    drawn : dict, default=None
        The figures of this study that were written to the same folder before, which are not drawn
        again; it is filled. None: there are none.

    Returns
    -------
    failures : list of str
        The figures and pages that could not be made, each with the reason; numbers and model do
        not depend on them. So is the model of a contender of the user's own, which cannot be
        saved.

    Raises
    ------
    OSError
        If a file cannot be written; it names the file.
    """
    numbers = json.dumps(study.to_dict(), indent=1, allow_nan=False)
    if study.quarantine is not None:
        write_file(working / QUARANTINE, encode_table(study.quarantine))
    for name, frame in ((CANDIDATES, study.candidates), (SIZES, study.sizes)):
        if frame is not None:
            write_file(working / name, frame.to_csv(index=False))
    if study.predictions is not None:
        write_file(working / PREDICTIONS, encode_table(study.predictions))
    is_finished = study.pipeline is not None
    failures: list[str] = []
    if is_finished:
        try:
            # Names of files are nobody's business who is given the model.
            about = {k: v for k, v in study.to_dict().items() if k not in _WITH_PATHS}
            save(study.pipeline, working / MODEL, about=about)
        except TypeError as error:  # an estimator of the user's own
            (working / MODEL).unlink(missing_ok=True)
            failures.append(f"{MODEL} was not made: {error}; keep the study's `pipeline` yourself")
    drawn = {} if drawn is None else drawn
    figures = {}
    for file, measured, draw in (
        (SEARCH_FIGURE, study.candidates, lambda: _draw(study.display("search"))),
        (SIZES_FIGURE, study.sizes, lambda: _draw(study.display("sizes"))),
        (ANSWERS_FIGURE, study.calibration, lambda: _draw_answers(study)),
        (ROBUSTNESS_FIGURE, study.robustness, lambda: _draw(study.display_robustness())),
        (ABSTENTION_FIGURE, study.abstention, lambda: _draw(study.display_abstention())),
        (OCCLUSION_FIGURE, study.occlusion, lambda: _draw(study.display_occlusion())),
        (HISTORY_FIGURE, study.history, lambda: _draw_history(study)),
    ):
        if file in drawn and drawn[file][0] is measured:
            figures[Path(file).stem] = drawn[file][1]
        elif measured is not None:
            with _noting_failure(failures, file):
                figure = draw()
                figures[Path(file).stem] = _encode(figure, "svg")
                write_file(working / file, _encode(figure, "png"))
                drawn[file] = (measured, figures[Path(file).stem])
    with _noting_failure(failures, PAGE):
        write_file(working / PAGE, _render(study, figures, command or describe_call(study)))
    if is_finished:
        if (working / MODEL).exists():
            with _noting_failure(failures, CARD):
                write_file(working / CARD, render_card(working / MODEL))
        # Last of all: a study whose numbers are there is finished.
        write_file(working / NUMBERS, numbers)
    return failures


@contextmanager
def _noting_failure(failures: list[str], name: str) -> Iterator[None]:
    """Note why a figure or a page could not be made; all else is still written."""
    try:
        yield
    except Exception as error:  # of matplotlib, jinja2 or the disk
        failures.append(f"{name} could not be made: {type(error).__name__}: {error}")


def _draw(display: Any) -> "Figure":
    figure = make_figure(display.figsize)
    display.plot(figure.add_subplot())
    return figure


def _draw_history(study: Study) -> "Figure":
    from skcomic.displays.history import HISTORY_SIZE, draw_history

    assert study.history is not None
    figure = make_figure(HISTORY_SIZE)
    draw_history(figure.add_subplot(), study.history)
    return figure


def _draw_answers(study: Study) -> "Figure":
    from skcomic.displays.answers import answers_size, draw_answers

    predictions = study.predictions
    assert predictions is not None
    columns = [name for name in predictions if str(name).startswith(PROBABILITY)]
    figure = make_figure(answers_size(len(columns)))
    draw_answers(
        figure, predictions.label, predictions[columns],
        classes=[row["label"] for row in study.classes], positive=study.settings.positive,
    )  # fmt: skip
    return figure


def _encode(figure: "Figure", kind: Literal["png", "svg"]) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=_DOTS_PER_INCH)
    return file.getvalue()


def _pictures_of(study: Study, path: str) -> list[str]:
    """Return an image, and its pixels at each size, as texts that a page can show."""
    try:
        pictures = [encode_thumbnail(path)]
        for size in study.settings.sizes if study.chosen_size is not None else ():
            raster = read_raster(path, (size, size), background=study.settings.background)
            pictures.append(encode_raster(raster))
    except ImageReadError:  # it was moved meanwhile
        return []
    return [f"data:image/jpeg;base64,{base64.b64encode(each).decode()}" for each in pictures]


def _render(study: Study, pictures: Mapping[Any, bytes], command: str) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("skcomic.study", ""), autoescape=True, undefined=StrictUndefined
    )
    templates.filters["basename"] = lambda path: file_path(path).name
    encoded = {name: base64.b64encode(svg).decode() for name, svg in pictures.items()}
    page = templates.get_template("report.html").render(
        study=study,
        pictures=encoded,
        command=command,
        cost_label=COST_LABELS[study.settings.cost],
        list_rows=list_rows,
        score_labels=SCORE_LABELS,
        pictures_of=partial(_pictures_of, study),
    )
    # Names of files and classes need not be UTF-8, and a page must be.
    return page.encode(errors="backslashreplace").decode()
