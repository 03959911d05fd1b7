"""``skcomic study``: the whole study, followed on a terminal and kept in a folder."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from skcomic.cli._app import app, plain_console, plain_errors
from skcomic.study.folder import (
    CACHE,
    CHECKPOINTS,
    DRAWN,
    is_finished,
    locked_folder,
    prepare_folder,
    read_settings,
    remove_checkpoints,
    reset_folder,
)

if TYPE_CHECKING:
    import pandas as pd

    from skcomic.study.results import Study, StudyProgress

# Options that are called otherwise in the settings, and those that decide nothing.
_SETTINGS = {"candidates": "n_candidates", "seed": "random_state", "pairs": "drawn_pairs"}
_NOT_FIXED = {"jobs", "cache", "max_seconds_per_fit"}

# What the bar says once a stage is over: what is being done next.
_STAGES = {
    "split": "searching for a net",
    "search": "weighing sizes",
    "sizes": "last fit and test",
}


class CostName(StrEnum):
    """What is to be saved."""

    cpu_seconds = "cpu_seconds"
    wall_seconds = "wall_seconds"
    multiply_adds = "multiply_adds"


class PrecisionName(StrEnum):
    """What the nets compute in."""

    float32 = "float32"
    mixed_bfloat16 = "mixed_bfloat16"
    auto = "auto"


class SearchName(StrEnum):
    """How the net is searched for."""

    random = "random"
    halving = "halving"


class OnBadName(StrEnum):
    """What is done about images that cannot be read."""

    raise_ = "raise"
    quarantine = "quarantine"


@app.command()
def study(
    context: typer.Context,
    root: Annotated[
        Path | None,
        typer.Argument(help="Folder with one sub-folder of images per class; none: draw some."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("skcomic-study"),
    sizes: Annotated[str, typer.Option(help="Sides of the images, in pixels.")] = "64,32",
    candidates: Annotated[int, typer.Option(help="How many of the twelve nets to try.")] = 6,
    search_fraction: Annotated[
        float, typer.Option(help="Share of the training images that the search uses.")
    ] = 0.5,
    epochs: Annotated[int, typer.Option(help="Epochs of each fit of the search.")] = 25,
    batch_size: Annotated[int, typer.Option(help="Batch size of the search.")] = 50,
    final_epochs: Annotated[int, typer.Option(help="Epochs of each later fit.")] = 30,
    final_batch_size: Annotated[int, typer.Option(help="Batch size of each later fit.")] = 35,
    cost: Annotated[CostName, typer.Option(help="What to save.")] = CostName.cpu_seconds,
    tolerance: Annotated[
        float, typer.Option(help="F-score that may be lost for a lower cost.")
    ] = 0.005,
    positive: Annotated[
        str | None, typer.Option(help="Class that precision, recall and F-score are of.")
    ] = None,
    precision: Annotated[
        PrecisionName,
        typer.Option(
            help="What the nets compute in; auto: bfloat16 where it is faster, but float32 last."
        ),
    ] = PrecisionName.auto,
    search: Annotated[
        SearchName, typer.Option(help="halving: train only the better nets in full.")
    ] = SearchName.random,
    on_bad: Annotated[
        OnBadName,
        typer.Option(help="quarantine: leave out images that cannot be read, and list them."),
    ] = OnBadName.raise_,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps the decoded images; default: OUT/cache."),
    ] = None,
    max_seconds_per_fit: Annotated[
        float | None, typer.Option(help="A net whose training takes longer fails.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Fits side by side; -1: one on each core.")] = -1,
    seed: Annotated[int, typer.Option(help="Decides split, candidates and fits.")] = 0,
    pairs: Annotated[int, typer.Option(help="Pairs to draw where there is no ROOT.")] = 240,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a former study in the same folder.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Go on with the study in DIR, with its images and settings."
        ),
    ] = None,
) -> None:
    """Choose a small net and an image size by cost and F-score, and test the choice once."""
    console = plain_console()
    with plain_errors(resume or out):
        # What can be wrong is looked at before the seconds that TensorFlow takes to load.
        asked: dict[str, Any] = {
            "sizes": _parse_sizes(sizes),
            "n_candidates": candidates,
            "search_fraction": search_fraction,
            "epochs": epochs,
            "batch_size": batch_size,
            "final_epochs": final_epochs,
            "final_batch_size": final_batch_size,
            "cost": cost.value,
            "tolerance": tolerance,
            "positive": positive,
            "precision": precision.value,
            "search": search.value,
            "on_bad": on_bad.value,
            "random_state": seed,
        }
        where = {"root": str(root.absolute())} if root else {"drawn_pairs": pairs}
        settings = {**where, "cache": str(cache.absolute()) if cache else None, **asked}
        settings |= {"max_seconds_per_fit": max_seconds_per_fit, "jobs": jobs}
        if resume:
            settings = _restored_settings(
                resume, {**settings, "out": str(out.absolute())}, context
            )
            if is_finished(resume):
                remove_checkpoints(resume)
                told = f"The study in {resume} is finished; see {resume / 'report.html'}"
                console.print(told, soft_wrap=True)
                return
            del settings["out"]
            asked = {name: settings[name] for name in asked}
            root = Path(settings["root"]) if "root" in settings else None
            out, pairs = resume, settings.get("drawn_pairs", pairs)
        catalogue = _load(root) if root else None
        from joblib import parallel_config

        from skcomic.nets.workers import start_workers

        workers = parallel_config(backend="loky", initializer=_ignore_interrupts)
        with locked_folder(out, root=root), workers:
            prepare_folder(out, settings, root=root, force=force, resume=resume is not None)
            if catalogue is None:
                seed = asked["random_state"]
                catalogue = _draw(console, out / DRAWN, pairs, seed, settings["jobs"])
            start_workers(settings["jobs"])
            _run(console, catalogue, out, settings, asked, reset=force)


def _run(
    console: Console,
    catalogue: "pd.DataFrame",
    out: Path,
    settings: dict[str, Any],
    asked: dict[str, Any],
    *,
    reset: bool,
) -> None:
    from skcomic.nets.checkpoints import count_finished
    from skcomic.study.run import run_study

    if (n_kept := count_finished(out / CHECKPOINTS)) and not reset:
        console.print(
            f"{n_kept} fits are kept in {out}: those of this study are taken up", soft_wrap=True
        )
    with (
        _ProgressReporter(console, out, settings, reset=reset) as follower,
        _suggesting_quarantine(),
    ):
        result = run_study(
            catalogue,
            n_jobs=settings["jobs"],
            cache=settings["cache"] or out / CACHE,
            checkpoint_dir=out / CHECKPOINTS,
            max_seconds_per_fit=settings["max_seconds_per_fit"],
            on_progress=follower,
            **asked,
        )
    remove_checkpoints(out)
    _print_result(console, result)
    console.print(f"Everything is in {out}; begin with {out / 'report.html'}")


def _restored_settings(
    out: Path, settings: dict[str, Any], context: typer.Context
) -> dict[str, Any]:
    """Read the settings of the study that goes on; refuse options that contradict them."""
    former = {**read_settings(out), "out": str(out.absolute())}
    for option in context.params:
        source = context.get_parameter_source(option)
        if source is None or source.name != "COMMANDLINE" or option == "resume":
            continue
        name = _SETTINGS.get(option, option)
        if option in _NOT_FIXED:
            former[option] = settings[option]
        elif json.dumps(settings.get(name, "new")) != json.dumps(former.get(name)):
            raise ValueError(
                f"{option.replace('_', '-')} contradicts --resume: the study in {str(out)!r} "
                "goes on with its own images and settings; leave it away, or begin another study"
            )
    return former


def _parse_sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        raise ValueError(
            f"--sizes takes whole numbers with commas, such as 64,32, not {text!r}"
        ) from None


def _load(root: Path) -> "pd.DataFrame":
    from skcomic.catalogue.loading import load_catalogue

    return load_catalogue(root)


def _draw(console: Console, folder: Path, n_pairs: int, seed: int, jobs: int) -> "pd.DataFrame":
    from skcomic.datasets import make_comic_faces

    console.print(f"Drawing {n_pairs} pairs of faces and comics into {folder}")
    make_comic_faces(n_pairs, out_dir=folder, random_state=seed, n_jobs=jobs)
    return _load(folder)


def _ignore_interrupts() -> None:
    """Keep Ctrl-C, which a terminal sends to the workers too, from tearing them apart.

    The parent ends them when it is interrupted itself.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _suggesting_quarantine() -> Iterator[None]:
    from skcomic.images.decoding import ImageReadError

    try:
        yield
    except ImageReadError as error:
        raise ValueError(
            f"{error}\nor leave them out of the study with --on-bad quarantine"
        ) from error


class _ProgressReporter:
    """Follows a study: a bar on a terminal, lines elsewhere; writes each part as it is done."""

    def __init__(
        self, console: Console, out: Path, settings: dict[str, Any], *, reset: bool
    ) -> None:
        self.console = console
        self.out = out
        self.settings = settings
        self.reset = reset
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} epochs"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("", start=False, visible=False)

    def __enter__(self) -> "_ProgressReporter":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def __call__(self, progress: "StudyProgress") -> None:
        from skcomic.study.page import write_study

        self.bar.update(self.task, completed=progress.epochs, total=progress.total_epochs)
        if not progress.finished:
            return
        if progress.stage == "split":  # the settings make sense, and so do the images
            reset_folder(self.out, self.settings, reset=self.reset)
        write_study(progress.study, self.out)
        for line in _describe_stage(progress.stage, progress.study):
            self.console.print(line)
        if following := _STAGES.get(progress.stage):
            self.bar.start_task(self.task)
            self.bar.update(self.task, description=following, visible=True)


def _describe_stage(stage: str, study: "Study") -> list[str]:
    seconds = f"({study.stage_seconds[stage]:.1f} s)"
    if stage == "split":
        n = study.split
        return [
            *study.describe_images(),
            str(study.footprint),
            f"{n['train']} images for training, {n['validation']} for validation, "
            f"{n['test']} for the test; {n['search']} for the search {seconds}",
        ]
    if stage == "search":
        return [f"net chosen among {study.settings.n_candidates}: {study.chosen_net} {seconds}"]
    if stage == "sizes":
        return [f"size chosen: {study.chosen_size} {seconds}"]
    return [f"last fit and test done {seconds}"]


def _print_result(console: Console, study: "Study") -> None:
    assert study.candidates is not None
    candidates = study.candidates.assign(net=study.name_candidates())
    for title, frame, chosen in (
        ("The search", candidates, study.chosen_net),
        ("The sizes", study.sizes, study.chosen_size),
    ):
        assert frame is not None
        failures: list[str] = []
        table = _table(title, "net", "size", "train F", "validation F", "CPU s", "multiply-adds")
        for net in frame.to_dict(orient="records"):
            if isinstance(net["failure"], str):
                table.add_row(net["net"], str(net["size"]), "failed", "", "", "", style="red")
                failures.append(f"{net['net']}_{net['size']} failed: {net['failure']}")
                continue
            table.add_row(
                net["net"],
                str(net["size"]),
                f"{net['train_f_score']:.4f}",
                f"{net['validation_f_score']:.4f}",
                f"{net['cpu_seconds']:.1f}",
                f"{net['multiply_adds']:.3g}",
                style="bold green" if chosen in (net["net"], net["size"]) else None,
            )
        console.print(table)
        for failure in failures:
            console.print(failure)
    saving, test = study.saving, study.test
    assert saving is not None
    assert test is not None
    if saving["from_size"] != saving["to_size"]:
        console.print(
            f"From {saving['from_size']} to {saving['to_size']} pixels: "
            f"{100 * saving['cost_share']:.1f} % of the cost saved, "
            f"{100 * saving['f_score_share']:.1f} % of the F-score lost"
        )
    of = f"class {study.settings.positive!r}" if study.settings.positive else "macro average"
    table = _table(f"The test: {test['n']} images, {of}", "net", "precision", "recall", "F")
    for row in (test, *(study.baselines or [])):
        scores = [f"{row[score]:.4f}" for score in ("precision", "recall", "f_score")]
        table.add_row(row["net"], *scores, style="bold green" if row is test else None)
    console.print(table)


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table
