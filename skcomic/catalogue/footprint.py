"""Memory and time that loading a catalogue takes, estimated before it is loaded."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from skcomic.images.decoding import (
    ImageFailure,
    ImageReadError,
    PathLike,
    Rendering,
    read_raster,
)
from skcomic.images.grey import Background
from skcomic.images.loading import height_and_width, store_raster


@dataclass(frozen=True)
class Footprint:
    """Memory and time that the rows of a catalogue take at one size.

    Parameters
    ----------
    n_images : int
        Number of images in the catalogue.
    size : (int, int)
        Height and width, in pixels.
    n_bytes : int
        Memory that all rows together take as float32.
    seconds : float
        Time to decode and resize all images, on one thread.
    n_sample : int
        Number of images that this time was measured on.

    Examples
    --------
    >>> print(Footprint(n_images=200, size=(64, 64), n_bytes=3_276_800, seconds=1.52, n_sample=32))
    200 images at 64x64: 3.3 MB as float32, 1.5 s to decode on one thread
    """

    n_images: int
    size: tuple[int, int]
    n_bytes: int
    seconds: float
    n_sample: int

    def __str__(self) -> str:
        height, width = self.size
        return (
            f"{self.n_images} images at {height}x{width}: {self.n_bytes / 1e6:.1f} MB as "
            f"float32, {self.seconds:.1f} s to decode on one thread"
        )


def estimate_footprint(
    catalogue: pd.DataFrame,
    size: int | tuple[int, int],
    *,
    n_sample: int = 32,
    cache: PathLike | None = None,
    background: Background = "white",
) -> Footprint:
    """Estimate the memory and time to load a catalogue, from a small sample of it.

    Parameters
    ----------
    catalogue : DataFrame with a column `path`
        As from `load_catalogue`.
    size : int or (int, int)
        Height and width of the rasters, in pixels.
    n_sample : int, default=32
        Number of images, evenly spaced over the catalogue, that are decoded for the estimate.
    cache : str, path-like or None, default=None
        Folder of a cache (see `ImageVectorizer`) that stores what is decoded here; nothing is
        read from it, since the time of decoding is measured.
    background : {"white", "black", "auto"} or int, default="white"
        What transparent pixels show; see `read_raster`.

    Returns
    -------
    footprint : Footprint
        Bytes and seconds for the whole catalogue.

    Raises
    ------
    ValueError
        If the catalogue has no rows.
    ImageReadError
        If images of the sample cannot be read; all of them are listed.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic import load_catalogue
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_comic_faces(2, size=32, out_dir=folder, random_state=0)
    ...     footprint = estimate_footprint(load_catalogue(folder), 16)
    >>> footprint.n_bytes
    4096
    """
    if not len(catalogue):
        raise ValueError("the catalogue has no rows: there are no images in it")
    height, width = height_and_width(size)
    n_sample = min(n_sample, len(catalogue))
    sample = np.linspace(0, len(catalogue) - 1, n_sample).astype(int)
    failures: list[ImageFailure] = []
    seconds = []
    for path in catalogue.path.iloc[sample]:
        start = time.perf_counter()
        try:
            raster = read_raster(path, (height, width), background=background)
        except ImageReadError as error:
            failures += error.failures
            continue
        seconds.append(time.perf_counter() - start)
        if cache is not None:
            store_raster(cache, path, raster, Rendering(background=background))
    if failures:
        raise ImageReadError(failures, n_sample)
    return Footprint(
        n_images=len(catalogue),
        size=(height, width),
        n_bytes=len(catalogue) * height * width * np.dtype(np.float32).itemsize,
        # The median, since Pillow loads its formats when the first image is opened.
        seconds=float(np.median(seconds)) * len(catalogue),
        n_sample=n_sample,
    )


def available_memory() -> int | None:
    """Return the memory that this process can still allocate, if the system reports it.

    Returns
    -------
    n_bytes : int or None
        The smaller of the memory that the kernel reports as available (Linux; elsewhere the
        total memory) and what the limit of the control group leaves. None if neither is known.
    """
    amounts = []
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        fields = dict(line.split(":") for line in meminfo.read_text().splitlines())
        amounts.append(int(fields["MemAvailable"].split()[0]) * 1024)
    elif "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        amounts.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    limit, used = (Path("/sys/fs/cgroup", f"memory.{name}") for name in ("max", "current"))
    if limit.exists() and (text := limit.read_text().strip()) != "max":
        amounts.append(int(text) - int(used.read_text()))
    return min(amounts, default=None)
