"""Fields over the pixel grid: distances to shapes, and textures.

A field is an array over the pixels of a picture. A shape is a field of signed distances, negative
inside, so its soft edge and its ink outline come from the same numbers at any image size.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.floating]  # np.float32 in practice, for speed


# --- Distance fields ------------------------------------------------------------------------


def ellipse(u: Field, v: Field, centre: tuple[float, float], radii: tuple[float, float]) -> Field:
    """Distance to an ellipse along the axes, to first order near its edge."""
    a, b = ((u - centre[0]) / radii[0]) ** 2, ((v - centre[1]) / radii[1]) ** 2
    # np.hypot guards against overflow, and takes several times as long.
    level = np.sqrt(a + b)
    steepness = np.sqrt(a / radii[0] ** 2 + b / radii[1] ** 2)
    return level * (level - 1) / np.maximum(steepness, 1e-4)


def box(
    u: Field, v: Field, centre: tuple[float, float], half: tuple[float, float], corner: float
) -> Field:
    """Distance to a box with rounded corners."""
    du = np.abs(u - centre[0]) - (half[0] - corner)
    dv = np.abs(v - centre[1]) - (half[1] - corner)
    outside = np.sqrt(np.maximum(du, 0) ** 2 + np.maximum(dv, 0) ** 2)
    return outside + np.minimum(np.maximum(du, dv), 0) - corner


def stroke(
    u: Field,
    v: Field,
    start: tuple[float, float],
    end: tuple[float, float],
    bow: float,
    width: float,
) -> Field:
    """Distance to a stroke that is bent sideways by `bow` and pointed at both ends."""
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    cos, sin = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    du, dv = u - start[0], v - start[1]
    t = 2 * (du * cos + dv * sin) / length - 1
    inside = np.maximum(1 - t * t, 0)
    across = np.abs(dv * cos - du * sin - bow * inside)
    slant = np.sqrt(1 + (4 * bow / length * t) ** 2)
    beyond = np.maximum(np.abs(t) - 1, 0) * length / 2
    return np.sqrt((across / slant) ** 2 + beyond * beyond) - width * np.sqrt(inside)


def polygon(u: Field, v: Field, *corners: tuple[float, float]) -> Field:
    """Distance to a convex polygon, corners clockwise in the image."""
    sides = []
    for (u0, v0), (u1, v1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        length = math.hypot(u1 - u0, v1 - v0)
        sides.append(((u - u0) * (v1 - v0) - (v - v0) * (u1 - u0)) / length)
    return np.maximum.reduce(sides)


def smooth_union(a: Field, b: Field, radius: float) -> Field:
    """Distance to the union of two shapes, blended over `radius`."""
    overlap = np.maximum(radius - np.abs(a - b), 0)
    return np.minimum(a, b) - overlap * overlap / (4 * radius)


def coverage(distance: Field, softness: float) -> Field:
    """Share of each pixel that a shape covers, its edge `softness` wide."""
    return np.clip(0.5 - distance / softness, 0, 1)


def ramp(low: float, high: float, value: Field) -> Field:
    """Smooth step from 0 at `low` to 1 at `high`, which may be the smaller one."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def bump(u: Field, v: Field, centre: tuple[float, float], radii: tuple[float, float]) -> Field:
    """Gaussian hill of height 1."""
    return np.exp(-(((u - centre[0]) / radii[0]) ** 2) - ((v - centre[1]) / radii[1]) ** 2)


# --- Textures -------------------------------------------------------------------------------


def noise(rng: np.random.Generator, shape: tuple[int, ...], cells: int) -> Field:
    """Smooth random field of unit variance, about `cells` blobs from left to right."""
    height, width = shape
    down = cells * height / width
    coarse = rng.standard_normal((math.ceil(down) + 3, cells + 3), dtype=np.float32)
    coarse *= 1.3  # interpolation reduces the variance
    margin = 1.5
    image = Image.fromarray(coarse).resize(
        (width, height),
        Image.Resampling.BICUBIC,
        box=(margin, margin, margin + cells, margin + down),
    )
    return np.asarray(image)


def fibres(
    rng: np.random.Generator, around: Field, along: Field, locks: int
) -> tuple[Field, Field]:
    """Hair at angles `around` the crown and distances `along` it: (single hairs, locks)."""
    turns, steps = 1024, 128  # powers of two, so that a mask wraps an index
    column = np.floor(around * (turns / (2 * math.pi))).astype(np.intp) & (turns - 1)
    row = np.floor(along * (steps / 4)).astype(np.intp) & (steps - 1)
    place = row * turns + column
    layers = []
    for across, down in ((6 * locks, 12), (locks, 6)):
        texture = rng.standard_normal((down, across), dtype=np.float32)
        smooth = Image.fromarray(texture).resize((turns, steps), Image.Resampling.BICUBIC)
        layers.append(np.asarray(smooth).ravel().take(place))
    return layers[0], layers[1]


def hatching(
    x: Field, y: Field, angle: float, spacing: float, darkness: Field, pixel: float
) -> Field:
    """Parallel lines, wider where `darkness` (0 to 1) is larger."""
    phase = (x * math.cos(angle) + y * math.sin(angle)) / spacing
    offset = np.abs(phase - np.floor(phase) - 0.5) * spacing
    return coverage(offset - darkness * spacing / 2 + pixel / 2, pixel)


def halftone(
    x: Field, y: Field, angle: float, spacing: float, darkness: Field, pixel: float
) -> Field:
    """Dots on a rotated square grid, larger where `darkness` (0 to 1) is larger."""
    cos, sin = math.cos(angle), math.sin(angle)
    p, q = (x * cos + y * sin) / spacing, (y * cos - x * sin) / spacing
    p, q = p - np.rint(p), q - np.rint(q)
    offset = np.sqrt(p * p + q * q) * spacing
    return coverage(offset - np.sqrt(darkness) * spacing * 0.6 + pixel / 2, pixel)
