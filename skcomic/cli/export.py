"""``skcomic export`` and ``skcomic profile``: a saved model for other programs, and its costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from skcomic._csv import encode_table
from skcomic._files import write_file
from skcomic.cli._app import (
    app,
    check_option,
    check_parent_exists,
    plain_console,
    plain_errors,
)
from skcomic.cli.catalogue_options import load_further

if TYPE_CHECKING:
    import pandas as pd

_IMAGES = "Folder with one sub-folder of images per class, or a CSV file"


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="A model file, such as model.skcomic.")],
    to: Annotated[
        Literal["onnx", "tflite", "c", "html"], typer.Option(help="Format of the file.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="The file; default: the model's name with that ending.")
    ] = None,
    inputs: Annotated[
        Literal["grey", "rgb"],
        typer.Option(
            "--input", help="onnx: rows of grey levels, or colour images of 8 bits and any size."
        ),
    ] = "grey",
    precision: Annotated[
        Literal["float32", "int8"], typer.Option(help="c, tflite: how numbers are kept.")
    ] = "float32",
    calibration: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help=f"tflite in int8: images of the training part. {_IMAGES}."
        ),
    ] = None,
    check: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help=f"Images to compare the file with the model on. {_IMAGES}."
        ),
    ] = None,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Write the file without having run it.")
    ] = False,
) -> None:
    """Write a model for another program, once both have answered alike.

    Without --check, they are compared on 100 drawn images.
    """
    with plain_errors(), _plain_refusals():
        # Everything that can be wrong is checked before TensorFlow is imported.
        file = model.with_suffix(f".{to}") if out is None else out
        _check_files(model, file)
        _check_options(to, inputs, precision, calibration)
        if check is not None and no_check:
            raise ValueError("--check and --no-check contradict each other; leave one out")
        images, training = _load("--check", check), _load("--calibration", calibration)
        from skcomic.exports.exporting import export as export_model

        chosen: pd.DataFrame | Literal["drawn"] | None = "drawn" if images is None else images
        written = export_model(
            model, file, to, inputs=inputs, precision=precision, calibration=training,
            check=None if no_check else chosen,
        )  # fmt: skip
        typer.echo(f"Written: {written.path} ({written.n_bytes:,} bytes)")
        where = "drawn ones" if check is None else str(check)
        typer.echo(
            "Not compared with the model."
            if written.parity is None
            else f"Compared with the model on {written.parity} ({where})."
        )


@app.command()
def profile(
    model: Annotated[Path, typer.Argument(help="A model file, such as model.skcomic.")],
    images: Annotated[
        str | None, typer.Option(metavar="PATH", help=f"Labelled images, for F-scores. {_IMAGES}.")
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help=f"Images of the training part, for tflite in int8. {_IMAGES}."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file of the same; default: none.")] = None,
) -> None:
    """Measure what a model costs by itself and in each format; a minute or two."""
    with plain_errors(), _plain_refusals():
        _check_files(model, out)
        labelled, training = _load("--images", images), _load("--calibration", calibration)
        from skcomic.exports.profiling import profile_model

        found = profile_model(model, labelled, calibration=training)
        _print(found, model)
        if out is not None:
            write_file(out, encode_table(found))
            typer.echo(f"Written: {out}")


@contextmanager
def _plain_refusals() -> Iterator[None]:
    """Let what no format can hold be said in a sentence, as other errors are."""
    try:
        yield
    except TypeError as error:
        raise ValueError(str(error)) from error


def _check_files(model: Path, out: Path | None) -> None:
    from skcomic.models.archive import read_manifest

    read_manifest(model)
    if out is None:
        return
    check_parent_exists("--out", out)
    check_option("--out", str(out), not out.is_dir(), "a file, not a folder")
    if out.exists() and out.samefile(model):
        raise ValueError(f"--out {str(out)!r} is the model; name another file")


def _check_options(to: str, inputs: str, precision: str, calibration: str | None) -> None:
    check_option("--input", inputs, inputs == "grey" or to == "onnx", "grey for all but onnx")
    is_int8 = precision == "int8"
    rule = "float32 for all but c and tflite"
    check_option("--precision", precision, not is_int8 or to in ("c", "tflite"), rule)
    if (calibration is not None) != (is_int8 and to == "tflite"):
        raise ValueError(
            "--calibration names images of the training part, which --to tflite --precision int8 "
            "needs and nothing else"
        )


def _load(option: str, images: str | None) -> "pd.DataFrame | None":
    return None if images is None else load_further(option, images, min_classes=1)


def _print(found: "pd.DataFrame", model: Path) -> None:
    import pandas as pd  # not at the top: predictions need none

    table = Table(title=f"Costs of {model}", title_justify="left", title_style="bold")
    table.add_column("format")
    for name in ("precision", "file kB", "weights kB", "RAM kB", "start ms", "predict ms", "F"):
        table.add_column(name, justify="right")
    for row in found.to_dict(orient="records"):
        sizes = [row[name] / 1000 for name in ("file_bytes", "weight_bytes", "activation_bytes")]
        cells = [f"{value:,.1f}" for value in sizes]
        cells += [f"{row['start_ms']:,.0f}", f"{row['predict_ms']:.2f}", f"{row['f_score']:.4f}"]
        cells = ["" if pd.isna(cell) or cell == "nan" else cell for cell in cells]
        table.add_row(row["format"], row["precision"], *cells)
    console = plain_console()
    console.print(table)
    console.print(f"{found.multiply_adds[0]:,} multiply-adds an image.")
    for row in found[found.missing != ""].to_dict(orient="records"):
        way = f"{row['format']} in {row['precision']}"
        console.print(f"{way} was not measured: {row['missing']}")
