"""Drawing primitives: distance fields, textures, and a canvas developed in two ways.

Everything is an array over the pixel grid, pictures with their three channels first. A shape is
a field of signed distances, negative inside, so its soft edge and its ink outline come from the
same numbers at any image size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

Field = NDArray[np.floating]  # in fact np.float32 throughout, for speed


# --- Distance fields ------------------------------------------------------------------------


def ellipse(u: Field, v: Field, centre: tuple[float, float], radii: tuple[float, float]) -> Field:
    """Distance to an ellipse along the axes, to first order near its edge."""
    a, b = ((u - centre[0]) / radii[0]) ** 2, ((v - centre[1]) / radii[1]) ** 2
    # Plain roots: np.hypot, which guards against overflow, takes several times as long.
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
    """Distance to a stroke bent sideways by `bow` and thinning out at both ends."""
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
    """Distance to a convex polygon, corners clockwise on the page."""
    sides = []
    for (u0, v0), (u1, v1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        length = math.hypot(u1 - u0, v1 - v0)
        sides.append(((u - u0) * (v1 - v0) - (v - v0) * (u1 - u0)) / length)
    return np.maximum.reduce(sides)


def smooth_union(a: Field, b: Field, radius: float) -> Field:
    """Distance to two shapes melted together over `radius`."""
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
    coarse *= 1.3  # makes good what interpolation takes
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
    """Hair at angles `around` the crown and distances `along` it: (fine, in locks)."""
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
    """Parallel lines that swell with `darkness` (0 to 1)."""
    phase = (x * math.cos(angle) + y * math.sin(angle)) / spacing
    offset = np.abs(phase - np.floor(phase) - 0.5) * spacing
    return coverage(offset - darkness * spacing / 2 + pixel / 2, pixel)


def halftone(
    x: Field, y: Field, angle: float, spacing: float, darkness: Field, pixel: float
) -> Field:
    """Dots on a turned square grid that swell with `darkness` (0 to 1)."""
    cos, sin = math.cos(angle), math.sin(angle)
    p, q = (x * cos + y * sin) / spacing, (y * cos - x * sin) / spacing
    p, q = p - np.rint(p), q - np.rint(q)
    offset = np.sqrt(p * p + q * q) * spacing
    return coverage(offset - np.sqrt(darkness) * spacing * 0.6 + pixel / 2, pixel)


# --- Canvas ---------------------------------------------------------------------------------


def window(near: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns that hold the marked pixels, and one more all round."""
    rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
    if not rows.size:
        return np.s_[:2, :2]
    return (
        slice(max(int(rows[0]) - 1, 0), int(rows[-1]) + 2),
        slice(max(int(columns[0]) - 1, 0), int(columns[-1]) + 2),
    )


@dataclass
class Canvas:
    """Layers of a picture, painted back to front and lit only when it is developed.

    Lengths are in half heights of the head; rows run down. `x`, `y` stay upright around the
    head's centre, `u`, `v` turn with it. All fields have the shape of the image.
    """

    x: Field
    y: Field
    u: Field
    v: Field
    roll: float  # of the head, in radians
    pixel: float  # width of a pixel
    pressure: Field  # of the pen, around 1
    colour: Field  # (3, ...), what the light falls on, 0 to 1
    slope_x: Field  # of the surface
    slope_y: Field
    shade: Field  # share of the light that arrives
    gloss: Field
    fibre: Field  # fine strands for the photograph, around 0
    ink: Field  # coverage by lines of the drawing
    person: Field  # coverage by anything in front of the background

    @classmethod
    def blank(cls, size: int, centre: tuple[float, float], scale: float, roll: float) -> Canvas:
        """Canvas over [-1, 1]^2 with a head of half height `scale` at `centre`."""
        ticks = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
        x, y = np.meshgrid((ticks - centre[0]) / scale, (ticks - centre[1]) / scale)
        cos, sin = math.cos(roll), math.sin(roll)
        none = np.zeros_like(x)
        return cls(
            x=x,
            y=y,
            u=x * cos + y * sin,
            v=y * cos - x * sin,
            roll=roll,
            pixel=2 / size / scale,
            pressure=none + 1,
            colour=np.zeros((3, size, size), np.float32),
            slope_x=none.copy(),
            slope_y=none.copy(),
            shade=none + 1,
            gloss=none.copy(),
            fibre=none.copy(),
            ink=none.copy(),
            person=none.copy(),
        )

    def part(self, centre: tuple[float, float], reach: tuple[float, float]) -> tuple[slice, slice]:
        """Rows and columns near a point of the head, at least two of each."""
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        slices = []
        for first, length, middle, half in (
            (
                float(self.y[0, 0]),
                self.y.shape[0],
                centre[0] * sin + centre[1] * cos,
                reach[0] * abs(sin) + reach[1] * cos,
            ),
            (
                float(self.x[0, 0]),
                self.x.shape[1],
                centre[0] * cos - centre[1] * sin,
                reach[0] * cos + reach[1] * abs(sin),
            ),
        ):
            start = math.floor((middle - half - first) / self.pixel)
            stop = math.ceil((middle + half - first) / self.pixel) + 1
            start = min(max(start, 0), length - 2)
            slices.append(slice(start, min(max(stop, start + 2), length)))
        return slices[0], slices[1]

    def around(self, centre: tuple[float, float], reach: tuple[float, float]) -> Canvas:
        """Part of this canvas near a point of the head: small shapes cost little there."""
        part = self.part(centre, reach)
        views: dict[str, Any] = {
            name: value[..., *part] if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }
        return Canvas(**views)

    def paint(
        self,
        distance: Field,
        colour: Field,
        *,
        height: Field | None = None,
        gloss: float = 0.1,
        fibre: Field | float = 0.0,
        ink: float = 0.0,
        softness: float = 0.0,
    ) -> None:
        """Cover a shape; without a `height` it is a stain on the surface below.

        `ink` is half the width of the outline.
        """
        part = window(distance < 2 * ink + self.pixel + softness)
        cover = coverage(distance[part], self.pixel + softness)

        def lay(below: Field, above: Field | float) -> None:
            if isinstance(above, np.ndarray) and above.shape[-1] > 1:
                above = above[..., *part]
            below[..., *part] += cover * (above - below[..., *part])

        lay(self.colour, colour)
        lay(self.gloss, gloss)
        lay(self.fibre, fibre)
        if height is not None:
            slope_y, slope_x = np.gradient(height[part], self.pixel)
            self.slope_x[part] += cover * (slope_x - self.slope_x[part])
            self.slope_y[part] += cover * (slope_y - self.slope_y[part])
            lay(self.shade, 1.0)
            lay(self.person, 1.0)
        if not softness:  # a stain leaves lines legible
            self.ink[part] *= 1 - cover
        if ink:
            edge = np.abs(distance[part]) - ink * self.pressure[part]
            self.ink[part] = np.maximum(self.ink[part], coverage(edge, self.pixel))

    def line(self, distance: Field) -> None:
        """Lay ink that only the drawing shows."""
        np.maximum(self.ink, coverage(distance, self.pixel), out=self.ink)

    def darken(self, amount: Field) -> None:
        """Take a share of the light away."""
        self.shade *= 1 - amount

    def raise_bump(
        self,
        relief: Field,
        height: float,
        centre: tuple[float, float],
        radii: tuple[float, float],
    ) -> None:
        """Add a hill, or with a negative height a hollow, to a relief of this canvas."""
        # Nothing of it is left three radii away.
        part = self.part(centre, (3 * radii[0], 3 * radii[1]))
        relief[part] += height * bump(self.u[part], self.v[part], centre, radii)


# --- Development ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Light:
    """A lamp far away and the light of the room, RGB."""

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
    for _ in range(2):  # the second time makes good what clipping took
        grey = luma(picture)
        gain = deviation / max(float(grey.std()), 0.02)
        picture = (picture + ((gain - 1) * grey + (mean - gain * float(grey.mean())))).clip(0, 1)
    return picture


def lambert(canvas: Canvas, light: Light) -> tuple[Field, Field]:
    """(light that falls on the surface, mirror-like reflection), both 0 to 1."""
    right, down, near = light.direction
    steepness = 1 / np.sqrt(1 + canvas.slope_x**2 + canvas.slope_y**2)
    facing = (near - right * canvas.slope_x - down * canvas.slope_y) * steepness
    reflected = 2 * facing * steepness - near
    # The twelfth power by squaring: a general power of a field takes far longer.
    fourth = np.maximum(reflected, 0) ** 2
    fourth *= fourth
    return np.maximum(facing, 0) * canvas.shade, fourth * fourth * fourth


def photograph(
    canvas: Canvas, backdrop: Field, light: Light, rng: np.random.Generator, defocus: float
) -> Field:
    """Develop as a photograph: smooth light, skin and hair in detail, a soft background.

    `defocus` is the blur of the background as a share of the image.
    """
    size = canvas.ink.shape[0]
    shape = (size, size)
    falling, mirrored = lambert(canvas, light)
    soft = falling * (0.7 + 0.3 * falling)
    surface = canvas.colour * (1 + canvas.fibre + 0.02 * noise(rng, shape, 70))
    lit = surface * (light.room * (0.55 + 0.45 * canvas.shade) + light.lamp * soft)
    # Light leaks through skin where it grazes: redder there.
    lit[0] += 0.05 * canvas.colour[0] * (4 * soft * (1 - soft)) ** 2
    lit += (canvas.gloss * mirrored * (1 + 2 * canvas.fibre)) * light.lamp

    # Blurred at half the size, which no one can tell afterwards.
    far = to_image(backdrop * (1 + 0.03 * noise(rng, shape, 5))).reduce(2)
    blurred = far.filter(ImageFilter.GaussianBlur(defocus * size / 2))
    levels = blurred.resize(shape, Image.Resampling.BICUBIC).split()
    behind = np.stack([np.asarray(level) for level in levels]) * np.float32(1 / 255)
    return behind + canvas.person * (lit - behind)


def record(picture: Field, rng: np.random.Generator, grain: float) -> Field:
    """Picture through a lens that is not quite sharp, on a sensor that is not quite still."""
    size = picture.shape[-1]
    sharpness = size / 450
    lens = ndimage.gaussian_filter(picture, (0, sharpness, sharpness), truncate=2)
    lens += grain * rng.standard_normal((size, size), dtype=np.float32)
    return lens


def comic(
    canvas: Canvas, light: Light, rng: np.random.Generator, tones: int, pattern: str
) -> Field:
    """Develop as a drawing: a few flat tones, black ink, hatched or dotted shadows."""
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
    # The background gets the same pattern, larger and paler, from one side.
    side = rng.uniform(0, 2 * math.pi)
    haze = ramp(-2, 2, x * math.cos(side) + y * math.sin(side)) * (1 - canvas.person)
    screen = draw(x, y, angle, rng.uniform(0.12, 0.17) / head, 0.5 * haze, pixel)
    return picture * (1 - 0.5 * screen) * (1 - ink) + 0.03 * ink
