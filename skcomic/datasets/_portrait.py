"""The pair of pictures of a face: painted once, rendered twice and saved.

Worker processes import this module, so it does not import scikit-learn, which takes seconds.
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image

from skcomic._files import write_file
from skcomic.datasets._canvas import Canvas
from skcomic.datasets._clothing import paint_body, paint_glasses, paint_hat
from skcomic.datasets._face import Face, tint
from skcomic.datasets._features import paint_eye, paint_head, paint_mouth, paint_nose
from skcomic.datasets._fields import Field, box, ellipse, noise
from skcomic.datasets._hair import paint_beard, paint_hair
from skcomic.datasets._rendering import (
    Light,
    add_blur_and_noise,
    expose,
    luma,
    render_comic,
    render_photograph,
    to_image,
)

SUFFIX = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}


def paint_backdrop(canvas: Canvas, rng: np.random.Generator) -> None:
    """A wall, a row of houses, lights or boards behind the head."""
    x, y = canvas.x, canvas.y
    dark, light = sorted(rng.uniform(0.12, 0.98, 2).tolist())
    hue = tint(*rng.uniform(0.75, 1.1, 3))
    slope_x, slope_y = rng.uniform(-0.1, 0.1, 2).tolist()
    canvas.colour[:] = hue * (rng.uniform(dark, light) + slope_x * x + slope_y * y)
    kind = rng.choice(["wall", "houses", "lights", "boards"])
    for place in np.linspace(-2, 2, {"wall": 0, "houses": 8, "lights": 15, "boards": 5}[kind]):
        across = float(place) + rng.uniform(-0.2, 0.2)
        if kind == "houses":
            half = rng.uniform(0.2, 0.5), rng.uniform(1.0, 3.5)
            distance = box(x, y, (across, 2.0), half, 0.01)
        elif kind == "lights":
            radii = rng.uniform(0.2, 0.5), rng.uniform(0.2, 0.5)
            distance = ellipse(x, y, (across, rng.uniform(-1.8, 1.8)), radii)
        else:
            distance = np.abs(x - across) - rng.uniform(0.15, 0.5)
        paint = hue * tint(*rng.uniform(0.85, 1.1, 3)) * rng.uniform(dark, light)
        canvas.paint(distance, paint, ink=0.03)


def prepare_canvas(rng: np.random.Generator, size: int) -> tuple[Canvas, Light]:
    """Empty canvas and the light that falls on it."""
    scale = rng.uniform(0.5, 0.75)
    centre = (rng.uniform(-0.25, 0.25), rng.uniform(-0.2, 0.12))
    sideways, above = rng.uniform(-0.75, 0.75), rng.uniform(-0.65, 0.05)
    light = Light(
        (sideways, above, math.sqrt(max(1 - sideways**2 - above**2, 0.1))),
        lamp=0.8 * tint(*rng.uniform(0.88, 1.0, 3)),
        room=rng.uniform(0.34, 0.5) * tint(*rng.uniform(0.9, 1.1, 3)),
    )
    canvas = Canvas.blank(size, centre, scale, roll=rng.uniform(-0.2, 0.2))
    # Lines are thicker on the side away from the lamp.
    leaning = np.clip(1 - 0.4 * (canvas.u * sideways + canvas.v * above), 0.6, 1.5)
    canvas.pressure *= leaning * np.clip(1 + 0.3 * noise(rng, (size, size), 8), 0.35, 1.8)
    return canvas, light


def paint_person(canvas: Canvas, face: Face, light: Light, rng: np.random.Generator) -> None:
    """Head, shoulders and what the person wears, back to front."""
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


def expose_alike(photo: Field, drawing: Field, rng: np.random.Generator) -> tuple[Field, Field]:
    """Give both pictures about the same mean and contrast.

    Otherwise tone alone would separate the classes. The values are those of the drawing where
    possible, because its ink should stay black.
    """
    grey = luma(drawing)
    contrast = max(luma(photo).std(), grey.std())
    mean, deviation = np.clip((grey.mean(), contrast), (0.36, 0.18), (0.6, 0.24))
    photo, drawing = (
        expose(picture, float(mean + rng.normal(0, 0.03)), float(deviation + rng.normal(0, 0.015)))
        for picture in (photo, drawing)
    )
    return photo, drawing


def draw_pair(rng: np.random.Generator, size: int) -> tuple[Image.Image, Image.Image]:
    """(photograph, comic) of one face."""
    # glibc returns each field of this size to the system, and a quarter of the time goes into
    # requesting them again. Freeing one large block raises its threshold (M_MMAP_THRESHOLD).
    np.empty(2**24, dtype=np.uint8)
    face = Face.sample(rng)
    canvas, light = prepare_canvas(rng, size)
    paint_backdrop(canvas, rng)
    backdrop = canvas.colour.copy()
    paint_person(canvas, face, light, rng)

    photo = render_photograph(canvas, backdrop, light, rng, defocus=rng.uniform(0.012, 0.035))
    drawing = render_comic(
        canvas,
        light,
        rng,
        tones=int(rng.integers(2, 5)),
        pattern=rng.choice(["hatching", "halftone"]),
    )
    photo, drawing = expose_alike(photo, drawing, rng)
    return to_image(add_blur_and_noise(photo, rng, rng.uniform(0.004, 0.016))), to_image(drawing)


def save_image(image: Image.Image, path: Path, file_format: str) -> None:
    """Save a picture atomically."""
    content = io.BytesIO()
    image.save(content, format=file_format, quality=92)
    write_file(path, content.getvalue(), fsync=False)  # it can be drawn again


def write_pair(folders: tuple[Path, Path], seed: list[int], size: int, file_format: str) -> None:
    """Draw the pair of one seed and save both pictures."""
    root, number = seed
    name = f"pair_{number:04d}{SUFFIX[file_format]}"
    # Seeded by its number, a pair depends neither on how many are drawn nor on the worker.
    for image, folder in zip(
        draw_pair(np.random.default_rng([root, number]), size), folders, strict=True
    ):
        save_image(image, folder / name, file_format)
