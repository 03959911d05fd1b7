"""``skcomic study``: the whole study, followed on a terminal and kept in a folder."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from skcomic.cli._app import (
    app,
    check_is_no_file,
    check_jobs,
    check_option,
    plain_console,
    plain_errors,
)
from skcomic.cli.catalogue_options import (
    IgnoreSplit,
    LabelColumn,
    Pair,
    PairColumn,
    PathColumn,
    Root,
    load_further,
    load_images,
)
from skcomic.cli.cluster import Dask, check_dask, dask_client
from skcomic.cli.setting_options import option_name, read_setting_options, with_setting_options
from skcomic.cli.study_command import write_command
from skcomic.cli.study_progress import ProgressReporter
from skcomic.cli.study_tables import print_result
from skcomic.images.urls import absolute_path, is_url
from skcomic.study.folder import (
    CACHE,
    CHECKPOINTS,
    DRAWN,
    PAGE,
    finish_study,
    is_finished,
    locked_folder,
    prepare_folder,
    read_settings,
    working_folder,
)
from skcomic.study.settings import StudySettings

if TYPE_CHECKING:
    import pandas as pd

    from skcomic.study.results import Study

# Options that have other names in settings.json, and those that a resumed study may change.
_NAMES = {option_name(setting): setting.name for setting in fields(StudySettings)}
_NAMES["pairs"] = "drawn_pairs"
_NOT_FIXED = {"jobs", "dask", "cache", "max_seconds_per_fit"}

Cache = Annotated[
    Path | None,
    typer.Option(help="Folder that keeps the decoded images; default: OUT/cache."),
]
Outside = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="Labelled images from elsewhere, a folder or a CSV file: every contender is scored "
        "on them after all is chosen.",
    ),
]


@app.command()
@with_setting_options
def study(
    *,
    context: typer.Context,
    images: Annotated[
        str | None,
        typer.Argument(
            help="Folder with one sub-folder of images per class, also within train, val and "
            "test; a CSV file with a row for each image; a store that skcomic rasterize wrote; or "
            "the URL of one of these, such as s3://bucket/faces; none: draw some."
        ),
    ] = None,
    pair: Pair = "stem",
    ignore_split: IgnoreSplit = False,
    root: Root = None,
    path_column: PathColumn = "path",
    label_column: LabelColumn = "label",
    pair_column: PairColumn = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("skcomic-study"),
    cache: Cache = None,
    max_seconds_per_fit: Annotated[
        float | None, typer.Option(help="A contender whose training takes longer fails.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Fits side by side; -1: one on each core.")] = -1,
    dask: Dask = None,
    outside: Outside = None,
    pairs: Annotated[int, typer.Option(help="Pairs to draw where there are no IMAGES.")] = 100,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a former study in the same folder.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Resume the study in DIR, with its images and settings."),
    ] = None,
    **options: Any,
) -> None:
    """Choose a classifier and an image size by cost and F-score, and test the choice once."""
    console = plain_console()
    with plain_errors(resume or out):
        # Every option is checked before anything large is imported or anything is deleted.
        _check_run_options(jobs, dask, pairs, max_seconds_per_fit, cache)
        settings: dict[str, Any] = {
            "images": absolute_path(images) if images else None,
            "drawn_pairs": None if images else pairs,
            "pair": pair,
            "ignore_split": ignore_split,
            "root": absolute_path(root) if root else None,
            "path_column": path_column,
            "label_column": label_column,
            "pair_column": pair_column,
            "cache": str(cache.absolute()) if cache else None,
            "outside": absolute_path(outside) if outside else None,
            **read_setting_options(options),
            "max_seconds_per_fit": max_seconds_per_fit,
            "jobs": jobs,
            "dask": dask,
        }
        if resume:
            asked = {**settings, "out": str(out.absolute())}
            settings = _restored_settings(resume, asked, context)
        _run(console, resume or out, settings, force=force, resume=resume is not None)


def _check_run_options(
    jobs: int,
    dask: str | None,
    pairs: int,
    max_seconds_per_fit: float | None,
    cache: Path | None,
) -> None:
    check_jobs(jobs)
    check_dask(dask)
    check_option("--pairs", pairs, pairs >= 1, "1 or more")
    is_valid = max_seconds_per_fit is None or max_seconds_per_fit > 0
    check_option("--max-seconds-per-fit", max_seconds_per_fit, is_valid, "above 0")
    check_is_no_file("--cache", cache)


def _run(
    console: Console,
    out: Path,
    settings: dict[str, Any],
    *,
    force: bool,
    resume: bool,
) -> None:
    """Load or draw the images, run the study in its folder, and print the result."""
    catalogue = elsewhere = None
    if settings.get("outside"):
        elsewhere = load_further("--outside", settings["outside"], pair=settings["pair"])
    local = None
    if (images := settings["images"]) is not None:
        catalogue = _load(images, settings)
        local = None if is_url(images) else Path(images)
        n_workers = _plan(catalogue, settings)
    from joblib import effective_n_jobs, parallel_config

    from skcomic.nets.workers import start_workers

    cluster = dask_client(settings.get("dask"), effective_n_jobs(settings["jobs"]))
    workers = parallel_config(backend="loky", initializer=_ignore_interrupts)
    with workers, cluster as client, locked_folder(out, root=local):
        finish_study(out)
        if resume and is_finished(working_folder(out)):
            page = out / PAGE
            console.print(f"The study in {out} is finished; see {page}", soft_wrap=True)
            return
        working = prepare_folder(out, settings, root=local, force=force, resume=resume)
        if catalogue is None:
            catalogue = _draw(console, working / DRAWN, settings)
            n_workers = _plan(catalogue, settings)
        start_workers(n_workers if client is None else 1)
        with nullcontext() if client is None else parallel_config(backend="dask", client=client):
            result = _run_study(console, catalogue, elsewhere, out, working, settings, reset=force)
        finish_study(out)
    print_result(console, result)
    console.print(f"Everything is in {out}; begin with {out / PAGE}", soft_wrap=True)


def _plan(catalogue: "pd.DataFrame", settings: dict[str, Any]) -> int:
    """Refuse what cannot become a study of these images; return the number of its workers."""
    from skcomic.study.plan import plan_study

    with _naming_options():
        return plan_study(catalogue, _of_study(settings), settings["jobs"]).n_jobs


def _run_study(
    console: Console,
    catalogue: "pd.DataFrame",
    elsewhere: "pd.DataFrame | None",
    out: Path,
    working: Path,
    settings: dict[str, Any],
    *,
    reset: bool,
) -> "Study":
    from skcomic.nets.checkpoints import count_finished
    from skcomic.study.run import run_study

    if (n_kept := count_finished(working / CHECKPOINTS)) and not reset:
        console.print(
            f"{n_kept} fits are kept in {working}: those of this study are restored",
            soft_wrap=True,
        )
    with (
        ProgressReporter(
            console, working, settings, write_command(study, settings, _NAMES), reset=reset
        ) as reporter,
        _naming_options(),
    ):
        return run_study(
            catalogue,
            outside=elsewhere,
            n_jobs=settings["jobs"],
            cache=settings["cache"] or out / CACHE,
            checkpoint_dir=working / CHECKPOINTS,
            max_seconds_per_fit=settings["max_seconds_per_fit"],
            on_progress=reporter,
            **_of_study(settings),
        )


def _of_study(settings: dict[str, Any]) -> dict[str, Any]:
    """Take those that decide the outcome out of all settings of a command."""
    names = [setting.name for setting in fields(StudySettings)]
    return {name: settings[name] for name in names if name in settings}


def _restored_settings(
    out: Path, settings: dict[str, Any], context: typer.Context
) -> dict[str, Any]:
    """Read the settings of the study that is resumed; refuse options that contradict them."""
    former = {**read_settings(out), "out": str(out.absolute())}
    for option in context.params:
        source = context.get_parameter_source(option)
        if source is None or source.name != "COMMANDLINE" or option == "resume":
            continue
        name = _NAMES.get(option, option)
        if option in _NOT_FIXED:
            former[option] = settings[option]
        elif json.dumps(settings.get(name, "new")) != json.dumps(former.get(name)):
            raise ValueError(
                f"{option.replace('_', '-')} contradicts --resume: the study in {str(out)!r} "
                "is resumed with its own images and settings; leave the option out, or start "
                "another study"
            )
    del former["out"]
    return former


def _load(images: str, settings: dict[str, Any]) -> "pd.DataFrame":
    return load_images(
        images,
        pair=settings["pair"],
        ignore_split=settings["ignore_split"],
        root=settings["root"],
        path_column=settings["path_column"],
        label_column=settings["label_column"],
        pair_column=settings["pair_column"],
    )


def _draw(console: Console, folder: Path, settings: dict[str, Any]) -> "pd.DataFrame":
    from skcomic.datasets import make_comic_faces

    n_pairs = settings["drawn_pairs"]
    console.print(f"Drawing {n_pairs} pairs of faces and comics into {folder}")
    make_comic_faces(
        n_pairs, out_dir=folder, random_state=settings["random_state"], n_jobs=settings["jobs"]
    )
    return _load(str(folder), settings)


def _ignore_interrupts() -> None:
    """Keep Ctrl-C, which a terminal sends to the workers too, from tearing them apart.

    The parent ends them when it is interrupted itself.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _naming_options() -> Iterator[None]:
    """Say in an error about images or a setting which option is to be given another value."""
    from skcomic.images.decoding import ImageReadError

    try:
        yield
    except ImageReadError as error:
        raise ValueError(
            f"{error}\nor leave them out of the study with --on-bad quarantine"
        ) from error
    except ValueError as error:
        message = str(error)
        for setting in fields(StudySettings):
            option = f"--{option_name(setting).replace('_', '-')}"
            message = re.sub(rf"\b{setting.name}=", f"{option} ", message)
            if "_" in setting.name:  # others are words of English, too
                message = re.sub(rf"\b{setting.name}\b", option, message)
        raise ValueError(message) from error
