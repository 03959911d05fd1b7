"""``skcomic predict`` and ``skcomic card``: what a saved model says of images, and of itself."""

import csv
import io
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from skcomic._csv import safe_cell
from skcomic._files import atomic_write
from skcomic.cli._app import app, check_jobs, check_option, check_parent_exists, plain_errors
from skcomic.images.listing import list_counts

_STDIN = "-"
_CLOSED_PIPE = 141  # as of a program that SIGPIPE ends


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="A model file, such as model.skcomic.")],
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Images, folders of them, URLs of either, patterns in quotes; - for a list on "
            "standard input, one path a line."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="CSV file for the answers; default: standard output.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="How many images are answered at a time.")] = 256,
    jobs: Annotated[int, typer.Option(help="Threads that decode; -1: one on each core.")] = -1,
) -> None:
    """Classify images: a CSV with a row for each; exit code 1 if some cannot be read.

    A model of a study with --abstain says "unsure" of what is less probable than its threshold.
    """
    n_bad = n_images = 0
    with plain_errors():
        # Everything that can be wrong is checked before TensorFlow is imported.
        from skcomic.models.archive import read_threshold

        check_option("--batch-size", batch_size, batch_size >= 1, "1 or more")
        check_jobs(jobs)
        manifest = _manifest_of(model, paths)
        if out is not None and out.exists() and out.samefile(model):
            raise ValueError(f"--out {str(out)!r} is the model; name another file")
        check_parent_exists("--out", out)
        skipped: Counter[str] = Counter()
        found = _find(paths, skipped)
        predict_found = _load_predictor(model, manifest)
        predictions = predict_found(
            found, batch_size=batch_size, n_jobs=jobs, threshold=read_threshold(manifest)
        )
        with _table(out) as table:
            rows = csv.writer(table, lineterminator="\n")
            classes = [f"probability_{label}" for label in manifest["classes"]]
            rows.writerow(["path", "label", *classes, "error"])
            nothing = [""] * len(classes)
            for row in predictions:
                probabilities = (
                    nothing if row.probabilities is None else [*map(str, row.probabilities)]
                )
                # The same file, and no formula of a spreadsheet.
                path = row.path if safe_cell(row.path) == row.path else f"./{row.path}"
                cells = [path, "" if row.error else row.label, *probabilities, row.error]
                rows.writerow(map(safe_cell, cells))
                n_images += 1
                n_bad += bool(row.error)
                if n_images % batch_size == 0:
                    table.flush()
    if skipped:
        typer.echo(f"skcomic: skipped in folders: {list_counts(skipped)}", err=True)
    if n_bad:
        typer.echo(f"skcomic: {n_bad} of {n_images} images cannot be read", err=True)
        raise typer.Exit(1)


@app.command()
def card(
    model: Annotated[Path, typer.Argument(help="A model file, such as model.skcomic.")],
) -> None:
    """Print what a model is, what it was trained on, how good it is and where its limits are."""
    with plain_errors():
        from skcomic.models.card import render_card

        typer.echo(render_card(model), nl=False)


def _manifest_of(model: Path, paths: list[str]) -> dict[str, Any]:
    from skcomic.models.archive import ModelFileError, read_manifest

    try:
        return read_manifest(model)
    except ModelFileError as error:
        for path in paths:
            try:
                read_manifest(path)
            except ModelFileError:
                continue
            raise ValueError(
                f"{path!r} is the model file, and the first: skcomic predict {path} {model}"
            ) from error
        raise


def _load_predictor(model: Path, manifest: dict[str, Any]) -> Callable[..., Iterator[Any]]:
    """Load a model, without TensorFlow if its file allows that."""
    from skcomic.models.archive import PLAN

    if PLAN in manifest["members"]:
        from skcomic.models.plan_files import load_plan
        from skcomic.models.streaming import predict_by_plan

        return partial(predict_by_plan, load_plan(model))
    from skcomic.models.persistence import load
    from skcomic.models.prediction import predict_files

    return partial(predict_files, load(model))


def _find(paths: list[str], skipped: Counter[str]) -> Iterator[str]:
    """List all images; a path that stands for none is reported at once."""
    from skcomic.models.streaming import find_images

    parts: list[Iterable[str]] = []
    for path in paths:
        if path == _STDIN:
            parts.append(_lines(sys.stdin.buffer))
            continue
        images = find_images(path, skipped)
        first = next(images, None)
        if first is None:
            raise ValueError(
                f"found no images in {path!r}; give image files, a folder of them, a pattern in "
                "quotes, or - for a list on standard input"
            )
        parts += [[first], images]
    return chain.from_iterable(parts)


def _lines(file: IO[bytes]) -> Iterator[str]:
    for line in file:
        if path := line.rstrip(b"\r\n"):
            yield os.fsdecode(path)


@contextmanager
def _table(out: Path | None) -> Iterator[IO[str]]:
    """Give a text file whose names of files come out byte by byte as they went in."""
    as_text: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    if out is not None:
        with atomic_write(out) as file:
            table = io.TextIOWrapper(file, **as_text)
            try:
                yield table
            finally:
                table.detach()  # writes what is left, and leaves the file open
        return
    try:
        with open(sys.stdout.fileno(), "w", closefd=False, **as_text) as table:
            yield table
    except BrokenPipeError:
        raise typer.Exit(_CLOSED_PIPE) from None
