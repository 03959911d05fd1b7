"""What kinds of files images are, by the heads of the files."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from skcomic.images.decoding import MAX_PIXELS, PathLike
from skcomic.images.fetching import fetch_ahead
from skcomic.images.metadata import decode_despite_metadata
from skcomic.images.opening import open_image, read_file
from skcomic.images.raster_store import find_row

_MAX_FILES = 500


def inspect_files(paths: Sequence[str]) -> list[dict[str, Any]]:
    """Count the formats of image files, and list the sizes of each.

    Parameters
    ----------
    paths : sequence of str
        Image files that can be read; of more than 500, so many are read, evenly spaced.

    Returns
    -------
    formats : list of dict
        The most frequent first: the `format`, such as "JPEG", how many files `n` of those that
        were read; `smallest`, `median` and `largest`, of which each is the [width, height] of a
        file, by the number of pixels.
    """
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), _MAX_FILES)).astype(int)
    files = []
    for (file,) in fetch_ahead(paths, chosen[:, np.newaxis]):
        try:
            files.append(_row_facts(file) or decode_despite_metadata(read_file(file), _read_head))
        except Exception:  # any exception, see `read_rasters`: it was moved meanwhile
            continue
    if not files:
        return []
    formats = []
    for kind, of_kind in pd.DataFrame(files).groupby("format"):
        by_pixels = of_kind.iloc[np.argsort(of_kind.width * of_kind.height, kind="stable")]
        sizes = by_pixels[["width", "height"]].to_numpy().tolist()
        named = {"smallest": sizes[0], "median": sizes[len(sizes) // 2], "largest": sizes[-1]}
        formats.append({"format": str(kind), "n": len(sizes), **named})
    return sorted(formats, key=lambda row: -row["n"])


def _row_facts(path: PathLike) -> dict[str, Any] | None:
    """Describe a row of a store, without reading it."""
    if (found := find_row(path)) is None:
        return None
    store, _ = found
    return {"format": "row of a store", "width": store.width, "height": store.height}


def _read_head(data: bytes) -> dict[str, Any]:
    with open_image(data, MAX_PIXELS) as image:
        return {"format": image.format, "width": image.width, "height": image.height}
