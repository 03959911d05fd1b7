"""``skcomic fetch`` and ``skcomic cache``: images, before and beside a study."""

from pathlib import Path
from typing import Annotated

import typer

from skcomic.cli._app import app, plain_errors


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
        from skcomic.datasets import fetch_comic_faces

        faces = fetch_comic_faces(
            data_home=data_home, version=version, n_retries=retries, delay=delay
        )
        typer.echo(f"{len(faces.catalogue)} images in {faces.data_dir}")
        typer.echo(f"Next: skcomic study {faces.data_dir}")


caches = typer.Typer(help="Look after the decoded images that a study keeps.")
app.add_typer(caches, name="cache")


@caches.command()
def info(folder: Annotated[Path, typer.Argument(help="Folder of the cache.")]) -> None:
    """Tell how many images a cache holds and what room they take."""
    with plain_errors():
        from skcomic.cache import cache_info

        known = cache_info(folder)
        typer.echo(
            f"{known['rasters']} rasters, {known['bytes'] / 1e6:.1f} MB of at most "
            f"{known['limit'] / 1e9:.1f} GB; files decoded so far: {known['decodes']}"
        )


@caches.command()
def clear(folder: Annotated[Path, typer.Argument(help="Folder of the cache.")]) -> None:
    """Delete the decoded images of a cache; they are decoded again when they are wanted."""
    with plain_errors():
        from skcomic.cache import clear_cache

        clear_cache(folder)
