"""Faces drawn in pairs, once like a photograph and once like a comic."""

from __future__ import annotations

import math
import os
from numbers import Integral
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from PIL import Image
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from skcomic.datasets._drawing import (
    Canvas,
    Light,
    comic,
    expose,
    noise,
    photograph,
    record,
    to_image,
    tone,
)
from skcomic.datasets._portrait import (
    Face,
    paint_backdrop,
    paint_beard,
    paint_body,
    paint_eye,
    paint_glasses,
    paint_hair,
    paint_hat,
    paint_head,
    paint_mouth,
    paint_nose,
    tint,
)

SUFFIX = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
DESCRIPTION = """\
Drawn faces and comics
----------------------

{n_pairs} pairs of colour images of {size} x {size} pixels in the folders faces and comics. The
images of a pair have the same name and show the same head: pose, features, hair, glasses, hat,
lamp and background. The face is shaded like a photograph, the comic drawn in ink over flat
tones. No real person is shown, and mean and contrast of an image hardly tell its class.
"""


# --- Pairs ----------------------------------------------------------------------------------


def draw_pair(rng: np.random.Generator, size: int) -> tuple[Image.Image, Image.Image]:
    """(photograph, comic) of one face."""
    face = Face.sample(rng)
    scale = rng.uniform(0.5, 0.75)
    centre = (rng.uniform(-0.25, 0.25), rng.uniform(-0.2, 0.12))
    sideways, above = rng.uniform(-0.75, 0.75), rng.uniform(-0.65, 0.05)
    light = Light(
        (sideways, above, math.sqrt(max(1 - sideways**2 - above**2, 0.1))),
        lamp=0.8 * tint(*rng.uniform(0.88, 1.0, 3)),
        room=rng.uniform(0.34, 0.5) * tint(*rng.uniform(0.9, 1.1, 3)),
    )
    canvas = Canvas.blank(size, centre, scale, roll=rng.uniform(-0.2, 0.2))
    # The pen leans on the side away from the lamp.
    leaning = np.clip(1 - 0.4 * (canvas.u * sideways + canvas.v * above), 0.6, 1.5)
    canvas.pressure *= leaning * np.clip(1 + 0.3 * noise(rng, (size, size), 8), 0.35, 1.8)

    paint_backdrop(canvas, rng)
    backdrop = canvas.colour.copy()
    paint_hair(canvas, face, rng, behind=True)
    paint_body(canvas, face, rng)
    paint_head(canvas, face)
    for side in (-1, 1):
        paint_eye(canvas, face, side, light)
    paint_nose(canvas, face, light)
    if face.beard != "none":
        paint_beard(canvas, face, rng)
    paint_mouth(canvas, face)
    paint_hair(canvas, face, rng, behind=False)
    if face.glasses != "none":
        paint_glasses(canvas, face)
    if face.hat != "none":
        paint_hat(canvas, face)

    photo = photograph(canvas, backdrop, light, rng, defocus=rng.uniform(0.012, 0.035))
    drawing = comic(
        canvas,
        light,
        rng,
        tones=int(rng.integers(2, 5)),
        pattern=rng.choice(["hatching", "halftone"]),
    )
    # Both are exposed alike, whatever the ink: tone alone must not tell them apart. The drawing
    # leads, because its ink should stay black.
    (_, contrast), (mean, ink_contrast) = tone(photo), tone(drawing)
    mean, deviation = np.clip((mean, max(contrast, ink_contrast)), (0.36, 0.18), (0.6, 0.25))
    photo, drawing = (
        expose(picture, float(mean + rng.normal(0, 0.03)), float(deviation + rng.normal(0, 0.015)))
        for picture in (photo, drawing)
    )
    return to_image(record(photo, rng, rng.uniform(0.004, 0.016))), to_image(drawing)


def write(image: Image.Image, path: Path, file_format: str) -> None:
    """Save under a temporary name, then rename: no half-written picture is ever found."""
    part = path.with_name(f".{path.name}.part")
    try:
        image.save(part, format=file_format, quality=92)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_pair(folders: tuple[Path, Path], seed: list[int], size: int, file_format: str) -> None:
    """Draw the pair of one seed and save both pictures."""
    root, number = seed
    name = f"pair_{number:04d}{SUFFIX[file_format]}"
    # A seed of its own makes a pair the same, however many are drawn and by whichever worker.
    for image, folder in zip(
        draw_pair(np.random.default_rng([root, number]), size), folders, strict=True
    ):
        write(image, folder / name, file_format)


@validate_params(
    {
        "n_pairs": [Interval(Integral, 1, None, closed="left")],
        "size": [Interval(Integral, 32, None, closed="left")],
        "out_dir": [str, os.PathLike],
        "random_state": ["random_state", np.random.Generator],
        "format": [StrOptions(set(SUFFIX))],
        "n_jobs": [Integral, None],
    },
    prefer_skip_nested_validation=True,
)
def make_comic_faces(
    n_pairs: int,
    *,
    size: int = 256,
    out_dir: str | os.PathLike[str],
    random_state: int | np.random.RandomState | np.random.Generator | None = None,
    format: str = "JPEG",  # the name that Pillow gives it
    n_jobs: int | None = None,
) -> Bunch:
    """Draw pairs of faces, once like a photograph and once like a comic.

    The two pictures of a pair show the same person in the same pose and under the same lamp,
    before the same background. The photograph has smooth light, texture, a background out of
    focus and sensor noise; the comic has a few flat tones, ink outlines and, mostly, hatched or
    dotted shadows. Both are exposed alike, so that their tone alone does not tell them apart.

    Parameters
    ----------
    n_pairs : int
        Number of pairs, at least 1.
    size : int, default=256
        Width and height of the pictures in pixels, at least 32.
    out_dir : str or path-like
        Folder that gets ``faces/pair_0000.jpg``, ``comics/pair_0000.jpg`` and so on. It is
        made if it does not exist.
    random_state : int, RandomState instance, Generator or None, default=None
        What the faces are drawn from. The same seed gives the same files, and a pair does not
        depend on how many are drawn.
    format : {"JPEG", "PNG", "WEBP"}, default="JPEG"
        File format.
    n_jobs : int or None, default=None
        Number of threads, as in joblib. The files do not depend on it.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With attributes

        data_dir : Path
            The folder, `out_dir`.
        paths : list of str, length 2 * n_pairs
            The files, sorted.
        labels : list of str, length 2 * n_pairs
            ``"comics"`` or ``"faces"`` for every path.
        n_pairs : int
            Number of pairs.
        DESCR : str
            What the data set is.

    Raises
    ------
    ValueError
        If a parameter is outside its range.
    FileExistsError
        If `out_dir` already holds faces or comics.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     drawn = make_comic_faces(2, size=32, out_dir=folder, random_state=0)
    ...     sorted(path.name for path in drawn.data_dir.glob("*/*"))
    ['pair_0000.jpg', 'pair_0000.jpg', 'pair_0001.jpg', 'pair_0001.jpg']
    >>> drawn.labels
    ['comics', 'comics', 'faces', 'faces']
    """
    data_dir = Path(out_dir)
    folders = data_dir / "faces", data_dir / "comics"
    for folder in folders:
        if folder.is_dir() and any(folder.iterdir()):
            raise FileExistsError(
                f"{folder} already holds files: delete it or choose another out_dir."
            )
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)

    if isinstance(random_state, np.random.Generator):
        root = int(random_state.integers(2**31))
    else:
        root = int(check_random_state(random_state).randint(2**31, dtype=np.int64))
    Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(write_pair)(folders, [root, number], size, format) for number in range(n_pairs)
    )

    names = [f"pair_{number:04d}{SUFFIX[format]}" for number in range(n_pairs)]
    paths = sorted(str(folder / name) for folder in folders for name in names)
    return Bunch(
        data_dir=data_dir,
        paths=paths,
        labels=[Path(path).parent.name for path in paths],
        n_pairs=n_pairs,
        DESCR=DESCRIPTION.format(n_pairs=n_pairs, size=size),
    )
