"""``skcomic fetch``, ``check``, ``rasterize`` and ``cache``: the images of studies."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.padding import Padding
from rich.progress import Progress, TaskID
from rich.table import Table
from rich.text import Text

from skcomic._csv import encode_table
from skcomic._files import write_file
from skcomic.cli._app import (
    app,
    check_is_no_file,
    check_jobs,
    check_option,
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
from skcomic.cli.setting_options import read_setting
from skcomic.images.urls import path_within
from skcomic.study.settings import StudySettings

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20  # problems of each kind, on a terminal


@app.command()
def fetch(
    data_home: Annotated[
        Path | None, typer.Option(help="Where data sets are kept; default: scikit-learn's place.")
    ] = None,
    version: Annotated[str, typer.Option(help="Release of the data set.")] = "2.0.0",
    retries: Annotated[int, typer.Option(help="How often to try.")] = 3,
    delay: Annotated[float, typer.Option(help="Seconds between tries.")] = 1.0,
) -> None:
    """Download the real and comic faces of face2comics (version 2.0.0: about 2 GB)."""
    with plain_errors():
        check_is_no_file("--data-home", data_home)
        check_option("--retries", retries, retries >= 1, "1 or more")
        check_option("--delay", delay, delay >= 0, "0 or more")
        from skcomic.datasets.fetched import SIZE, fetch_comic_faces

        check_option("--version", version, version in SIZE, f"one of {', '.join(SIZE)}")
        with _download_bars() as draw_bar:
            faces = fetch_comic_faces(
                data_home=data_home,
                version=version,
                n_retries=retries,
                delay=delay,
                on_progress=draw_bar,
            )
        typer.echo(f"{len(faces.catalogue)} images in {faces.data_dir}")
        typer.echo(f"Next: skcomic study {faces.data_dir}")


@contextmanager
def _download_bars() -> Iterator[Callable[[str, int, int | None], None] | None]:
    """Draw a bar on standard error for each file; None where that is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    bars: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True)) as progress:

        def draw_bar(name: str, n_bytes: int, total: int | None) -> None:
            if name not in bars:
                bars[name] = progress.add_task(name, total=None)
            progress.update(bars[name], completed=n_bytes, total=total)

        yield draw_bar


@app.command()
def check(
    images: Images,
    pair: Pair = "stem",
    root: Root = None,
    path_column: PathColumn = "path",
    label_column: LabelColumn = "label",
    pair_column: PairColumn = None,
    out: Annotated[Path | None, typer.Option(help="CSV file for the whole table.")] = None,
    jobs: Annotated[int, typer.Option(help="Threads that decode; -1: one on each core.")] = -1,
) -> None:
    """Decode all images and list what is wrong with them; exit with 1 if anything is."""
    console = plain_console()
    with plain_errors():
        check_jobs(jobs)
        check_parent_exists("--out", out)
        from skcomic.catalogue.checking import KINDS, NOTES, check_catalogue

        catalogue = load_images(
            images,
            pair=pair,
            ignore_split=False,
            root=root,
            path_column=path_column,
            label_column=label_column,
            pair_column=pair_column,
        )
        if skipped := describe_skipped(catalogue):
            console.print(skipped)
        with console.status(f"Decoding {len(catalogue)} images"):
            problems = check_catalogue(catalogue, n_jobs=jobs)
        if out is not None:
            write_file(out, encode_table(problems))
        if problems.empty:
            console.print(f"Nothing is wrong with the {len(catalogue)} images in {images}.")
            return
        by_kind = {kind: rows for kind in KINDS if len(rows := problems[problems.kind == kind])}
        console.print(_tabulate(by_kind, images))
        if NOTES.issuperset(by_kind):
            return
        counts = ", ".join(f"{kind}: {len(rows)}" for kind, rows in by_kind.items())
        console.print(
            f"{problems.path.nunique()} of {len(catalogue)} images have a problem ({counts})."
        )
        if out is not None:
            console.print(f"All of them are in {out}.")
        elif max(map(len, by_kind.values())) > _SHOWN:
            console.print("To list all of them, name a CSV file with --out.")
    raise typer.Exit(1)


def _tabulate(by_kind: "dict[str, pd.DataFrame]", root: str) -> Table:
    table = Table(title=f"Images in {root}", title_justify="left", title_style="bold", box=SIMPLE)
    table.add_column("path", overflow="fold")
    table.add_column("what is wrong", overflow="fold")
    for kind, rows in by_kind.items():
        table.add_row(Text(f"{kind}: {len(rows)}", style="bold"))
        for path, detail in zip(rows.path[:_SHOWN], rows.detail[:_SHOWN], strict=True):
            name = Padding(_printable(path_within(path, root)), (0, 0, 0, 2))
            table.add_row(name, _printable(detail))
        if len(rows) > _SHOWN:
            table.add_row(Padding(f"and {len(rows) - _SHOWN} more", (0, 0, 0, 2)))
        table.add_section()
    return table


def _printable(text: str) -> Text:
    """Show what a terminal cannot or must not, such as line ends in the name of a file."""
    text = text.encode(errors="backslashreplace").decode()
    return Text("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))


@app.command()
def rasterize(
    images: Images,
    store: Annotated[
        str, typer.Argument(help="Where to write: a folder or a URL, such as rows.zarr.")
    ],
    size: Annotated[int, typer.Option(help="Height and width of the images, in pixels.")] = 64,
    chunk_images: Annotated[
        int, typer.Option(help="Images that are decoded, written and read at a time.")
    ] = 4096,
    background: Annotated[
        str, typer.Option(help="What transparent pixels show: white, black, auto or 0 to 255.")
    ] = "white",
    on_bad: Annotated[
        str, typer.Option(help="With images that cannot be read: raise an error, or quarantine.")
    ] = "raise",
    pair: Pair = "stem",
    ignore_split: IgnoreSplit = False,
    root: Root = None,
    path_column: PathColumn = "path",
    label_column: LabelColumn = "label",
    pair_column: PairColumn = None,
    jobs: Annotated[int, typer.Option(help="Threads that decode; -1: one on each core.")] = -1,
) -> None:
    """Decode all images once, into a store that all commands read instead of the images.

    If it is interrupted, the same command goes on.
    """
    console = plain_console()
    with plain_errors():
        check_jobs(jobs)
        check_option("--size", size, size >= 1, "1 or more")
        check_option("--chunk-images", chunk_images, chunk_images >= 1, "1 or more")
        level: Any = read_setting("background", background)
        choice: Any = read_setting("on_bad", on_bad)
        catalogue = load_images(
            images, pair=pair, ignore_split=ignore_split, root=root, path_column=path_column,
            label_column=label_column, pair_column=pair_column, min_classes=1,
        )  # fmt: skip
        if skipped := describe_skipped(catalogue):
            console.print(skipped)
        from skcomic.catalogue.rasterizing import rasterize as write_store

        with console.status(f"Decoding {len(catalogue)} images"), _naming_on_bad():
            rows = write_store(
                catalogue, store, size=size, chunk_images=chunk_images, background=level,
                on_bad=choice, n_jobs=jobs,
            )  # fmt: skip
        console.print(f"{len(rows)} images in {store}")
        if skipped := describe_skipped(rows):
            console.print(skipped)
        sizes = "" if size >= max(StudySettings.sizes) else f" --sizes {size}"
        console.print(f"Next: skcomic study {store}{sizes}", soft_wrap=True)


@contextmanager
def _naming_on_bad() -> Iterator[None]:
    """Say in an error about bad images that they may be left out."""
    from skcomic.images.decoding import ImageReadError

    try:
        yield
    except ImageReadError as error:
        raise ValueError(f"{error}\nor leave them out with --on-bad quarantine") from error


caches = typer.Typer(help="Look after the decoded images that a study keeps.")
app.add_typer(caches, name="cache")


@caches.command()
def info(folder: Annotated[Path, typer.Argument(help="Folder of the cache.")]) -> None:
    """Tell how many images a cache holds and what room they take."""
    with plain_errors():
        from skcomic.images.cache import cache_info

        known = cache_info(folder)
        typer.echo(
            f"{known['rasters']} rasters, {known['bytes'] / 1e6:.1f} MB of at most "
            f"{known['limit'] / 1e9:.1f} GB; files decoded so far: {known['decodes']}"
        )


@caches.command()
def clear(folder: Annotated[Path, typer.Argument(help="Folder of the cache.")]) -> None:
    """Delete the decoded images of a cache; they are decoded again when they are wanted."""
    with plain_errors():
        from skcomic.images.cache import clear_cache

        clear_cache(folder)
