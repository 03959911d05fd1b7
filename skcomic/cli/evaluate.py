"""``skcomic evaluate``: how good a saved model is on a labelled folder."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from skcomic._csv import encode_table
from skcomic._files import write_file
from skcomic.cli._app import (
    app,
    check_is_no_file,
    check_jobs,
    check_parent_exists,
    plain_console,
    plain_errors,
)
from skcomic.cli.catalogue_options import (
    IgnoreSplit,
    Images,
    LabelColumn,
    Pair,
    PairColumn,
    PathColumn,
    Root,
    describe_skipped,
    load_images,
)

if TYPE_CHECKING:
    from skcomic.models.evaluation import Evaluation

SCORES_FILE, PREDICTIONS_FILE = "evaluation.json", "predictions.csv"


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="A model file, such as model.skcomic.")],
    images: Images,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for evaluation.json and predictions.csv; default: none."),
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="Class that precision, recall and F-score are of.")
    ] = None,
    pair: Pair = "stem",
    ignore_split: IgnoreSplit = False,
    root: Root = None,
    path_column: PathColumn = "path",
    label_column: LabelColumn = "label",
    pair_column: PairColumn = None,
    jobs: Annotated[int, typer.Option(help="Threads that decode; -1: one on each core.")] = -1,
) -> None:
    """Score a model on labelled images that it never saw; exit code 1 if some cannot be read."""
    with plain_errors():
        # Everything that can be wrong is checked before TensorFlow is imported.
        check_jobs(jobs)
        check_parent_exists("--out", out)
        check_is_no_file("--out", out)
        from skcomic.models.archive import PLAN, read_manifest

        manifest = read_manifest(model)
        classes = manifest["classes"]
        if positive is not None and positive not in classes:
            raise ValueError(f"--positive must be one of the classes {classes}, not {positive!r}")
        catalogue = load_images(
            images, pair=pair, ignore_split=ignore_split, root=root, path_column=path_column,
            label_column=label_column, pair_column=pair_column, min_classes=1,
        )  # fmt: skip
        from skcomic.models.evaluation import evaluate as evaluate_model
        from skcomic.models.persistence import load

        runtime: Literal["light", "full"] = "light" if PLAN in manifest["members"] else "full"
        fitted = load(model, runtime=runtime)
        found = evaluate_model(fitted, catalogue, positive=positive, n_jobs=jobs)
        _print(found)
        for sentence in (*found.describe_images(), describe_skipped(catalogue)):
            if sentence:
                typer.echo(sentence)
        if out is not None:
            out.mkdir(exist_ok=True)
            write_file(out / SCORES_FILE, json.dumps(found.to_dict(), indent=1))
            write_file(out / PREDICTIONS_FILE, encode_table(found.predictions))
            typer.echo(f"Written: {out / SCORES_FILE}, {out / PREDICTIONS_FILE}")
    if found.unreadable:
        raise typer.Exit(1)


def _print(found: "Evaluation") -> None:
    from skcomic.evidence.evaluation import SCORE_LABELS

    of = f"class {found.positive!r}" if found.positive is not None else "macro average"
    if "f_score" not in found.scores:  # of one class
        of = f"classes {sorted(found.predictions.label.unique())}"
    title = f"{len(found.predictions)} images, {of}"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("score")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, interval in found.scores.items():
        limits = f"{interval.low:.4f} to {interval.high:.4f}"
        table.add_row(SCORE_LABELS[name], f"{interval.score:.4f}", limits)
    plain_console().print(table)
