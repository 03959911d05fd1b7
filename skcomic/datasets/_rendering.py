"""A painted canvas rendered in two ways: as a photograph and as a comic.

Pictures are arrays of shape (3, height, width), their levels from 0 to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from skcomic.datasets._canvas import Canvas
from skcomic.datasets._fields import Field, halftone, hatching, noise, ramp


@dataclass(frozen=True)
class Light:
    """A distant lamp and the light of the room, RGB."""

    direction: tuple[float, float, float]  # towards the lamp: right, down, to the viewer
    lamp: Field
    room: Field


def to_image(picture: Field) -> Image.Image:
    """Picture with 8-bit levels."""
    levels = (picture * 255 + 0.5).clip(0, 255.5).astype(np.uint8)
    return Image.merge("RGB", [Image.fromarray(channel) for channel in levels])


def luma(picture: Field) -> Field:
    """Grey levels of a picture."""
    red, green, blue = picture
    return 0.299 * red + 0.587 * green + 0.114 * blue


def expose(picture: Field, mean: float, deviation: float) -> Field:
    """Picture whose grey levels have about this mean and standard deviation."""
    for _ in range(2):  # clipping changes both, so adjust them a second time
        grey = luma(picture)
        gain = deviation / max(float(grey.std()), 0.02)
        picture = (picture + ((gain - 1) * grey + (mean - gain * float(grey.mean())))).clip(0, 1)
    return picture


def lambert(canvas: Canvas, light: Light) -> tuple[Field, Field]:
    """(diffuse light on the surface, mirror-like reflection), both 0 to 1."""
    right, down, near = light.direction
    steepness = 1 / np.sqrt(1 + canvas.slope_x**2 + canvas.slope_y**2)
    facing = (near - right * canvas.slope_x - down * canvas.slope_y) * steepness
    reflected = 2 * facing * steepness - near
    # The twelfth power by multiplication: np.power takes far longer.
    fourth = np.maximum(reflected, 0) ** 2
    fourth *= fourth
    return np.maximum(facing, 0) * canvas.shade, fourth * fourth * fourth


def render_photograph(
    canvas: Canvas, backdrop: Field, light: Light, rng: np.random.Generator, defocus: float
) -> Field:
    """Render as a photograph: smooth light, detailed skin and hair, a blurred background.

    `defocus` is the blur of the background as a share of the image.
    """
    size = canvas.ink.shape[0]
    shape = (size, size)
    falling, mirrored = lambert(canvas, light)
    soft = falling * (0.7 + 0.3 * falling)
    surface = canvas.colour * (1 + canvas.fibre + 0.02 * noise(rng, shape, 70))
    lit = surface * (light.room * (0.55 + 0.45 * canvas.shade) + light.lamp * soft)
    # Light scatters in skin: redder between light and shadow.
    lit[0] += 0.05 * canvas.colour[0] * (4 * soft * (1 - soft)) ** 2
    lit += (canvas.gloss * mirrored * (1 + 2 * canvas.fibre)) * light.lamp

    # Blurred at half the size, which makes no visible difference.
    far = to_image(backdrop * (1 + 0.03 * noise(rng, shape, 5))).reduce(2)
    blurred = far.filter(ImageFilter.GaussianBlur(defocus * size / 2))
    levels = blurred.resize(shape, Image.Resampling.BICUBIC).split()
    behind = np.stack([np.asarray(level) for level in levels]) * np.float32(1 / 255)
    return behind + canvas.person * (lit - behind)


def add_blur_and_noise(picture: Field, rng: np.random.Generator, grain: float) -> Field:
    """Picture with the slight blur of a lens and the noise of a sensor, `grain` its deviation."""
    size = picture.shape[-1]
    sharpness = size / 450
    lens = ndimage.gaussian_filter(picture, (0, sharpness, sharpness), truncate=2)
    lens += grain * rng.standard_normal((size, size), dtype=np.float32)
    return lens


def render_comic(
    canvas: Canvas, light: Light, rng: np.random.Generator, tones: int, pattern: str
) -> Field:
    """Render as a drawing: a few flat tones, black ink, hatched or dotted shadows."""
    size = canvas.ink.shape[0]
    pixel = canvas.pixel
    falling, _ = lambert(canvas, light)
    falling = falling + 0.04 * noise(rng, (size, size), 9)
    edges = np.linspace(0.25, 0.7, tones - 1).tolist()
    step = sum(ramp(edge - 0.02, edge + 0.02, falling) for edge in edges) / (tones - 1)
    streaks = ramp(0.08, 0.12, canvas.fibre) * step
    lit = canvas.colour * (0.55 + 0.65 * step + 0.5 * streaks) + 0.07 * streaks
    lit[2] += 0.05 * (1 - step)
    picture = canvas.colour + canvas.person * (lit - canvas.colour)

    draw = hatching if pattern == "hatching" else halftone
    angle = rng.uniform(0.4, 1.2)
    x, y = canvas.x, canvas.y
    head = 2 / size / pixel
    darkness = np.clip((0.5 - falling) * 1.2, 0, 0.6) * canvas.person
    ink = np.maximum(
        canvas.ink, 0.9 * draw(x, y, angle, rng.uniform(0.045, 0.07) / head, darkness, pixel)
    )
    # The background gets the same pattern, larger and paler, fading to one side.
    side = rng.uniform(0, 2 * math.pi)
    haze = ramp(-2, 2, x * math.cos(side) + y * math.sin(side)) * (1 - canvas.person)
    screen = draw(x, y, angle, rng.uniform(0.12, 0.17) / head, 0.5 * haze, pixel)
    return picture * (1 - 0.5 * screen) * (1 - ink) + 0.03 * ink
