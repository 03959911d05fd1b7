"""Images changed as those from elsewhere may differ: a classifier should not mind."""

import io
from collections.abc import Sequence

import numpy as np
from joblib import Parallel, delayed
from PIL import Image, ImageFilter, ImageOps

from skcomic.images.decoding import PathLike, Rendering, read_grey, resize_grey
from skcomic.images.fetching import fetch_ahead

# That threads decode: few for each, so that all are busy until the end.
_MAX_BATCHES = 64

#: What is done to an image, in the order of `perturb`.
PERTURBATIONS = (
    "mirrored",
    "moved by 2 pixels",
    "20 % darker",
    "20 % brighter",
    "half the contrast",
    "blurred by 1 pixel",
    "noise of 10 %",
    "JPEG of quality 30",
)


def perturb(image: Image.Image, pixel: float, random: np.random.Generator) -> list[Image.Image]:
    """Change a grey image in each of several ways.

    Parameters
    ----------
    image : Image
        Of mode L, of any size.
    pixel : float
        How many of its pixels are one of the raster that is made of it, in each direction.
    random : numpy.random.Generator
        Decides noise and move.

    Returns
    -------
    images : list of Image
        One for each of `PERTURBATIONS`: mirrored; moved by two pixels of the raster to one of
        four sides, where the border is repeated; levels times 0.8 and 1.2; half the distance of
        each level from the mean; a Gaussian blur with the standard deviation of one pixel of the
        raster; normal noise with a standard deviation of a tenth of white; through JPEG.
    """
    levels = np.asarray(image, dtype=np.float32)
    mean = levels.mean()
    return [
        ImageOps.mirror(image),
        _move(image, max(1, round(2 * pixel)), random),
        _to_image(0.8 * levels),
        _to_image(1.2 * levels),
        _to_image(mean + 0.5 * (levels - mean)),
        image.filter(ImageFilter.GaussianBlur(pixel)),
        _to_image(levels + random.normal(0, 0.1 * 255, levels.shape)),
        _compress(image),
    ]


def _move(image: Image.Image, shift: int, random: np.random.Generator) -> Image.Image:
    padded = np.pad(np.asarray(image), shift, mode="edge")
    across, down = random.choice([(0, 1), (2, 1), (1, 0), (1, 2)])
    top, left = down * shift, across * shift
    return Image.fromarray(padded[top : top + image.height, left : left + image.width])


def _compress(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=30)
    return Image.open(file)


def _to_image(levels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))


def perturbed_rasters(
    paths: Sequence[PathLike],
    size: tuple[int, int],
    rendering: Rendering,
    *,
    seed: int,
    n_jobs: int | None = None,
) -> dict[str, np.ndarray]:
    """Read image files, change their full-size grey pixels, and resize what comes of it.

    Parameters
    ----------
    paths : sequence of str or path-like
        The image files.
    size : (int, int)
        Height and width of the rasters, in pixels.
    rendering : Rendering
        The parameters of `read_raster`.
    seed : int
        Decides noise and moves: those of an image by its place in `paths`.
    n_jobs : int or None, default=None
        Number of threads.

    Returns
    -------
    rasters : dict of str to ndarray of shape (n_images, height, width), uint8
        For each of `PERTURBATIONS` the images in the order of `paths`.

    Raises
    ------
    ImageReadError
        If a file cannot be read.
    """
    rasters = {name: np.empty((len(paths), *size), np.uint8) for name in PERTURBATIONS}

    def fill(rows: np.ndarray, files: list[PathLike]) -> None:
        for row, file in zip(rows.tolist(), files, strict=True):
            image = read_grey(file, rendering)
            pixel = float(np.sqrt(image.width * image.height / (size[0] * size[1])))
            changed = perturb(image, pixel, np.random.default_rng([seed, row]))
            for name, each in zip(PERTURBATIONS, changed, strict=True):
                rasters[name][row] = resize_grey(each, size, rendering)

    batches = np.array_split(np.arange(len(paths)), min(len(paths), _MAX_BATCHES))
    Parallel(n_jobs=n_jobs, prefer="threads", require="sharedmem")(
        map(delayed(fill), batches, fetch_ahead(paths, batches))
    )
    return rasters
