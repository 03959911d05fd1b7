"""The canvas: layers of a picture, painted back to front."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcomic.datasets._fields import Field, bump, coverage


def window(near: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns that contain all True pixels, with a margin of one."""
    rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
    if not rows.size:
        return np.s_[:2, :2]
    return (
        slice(max(int(rows[0]) - 1, 0), int(rows[-1]) + 2),
        slice(max(int(columns[0]) - 1, 0), int(columns[-1]) + 2),
    )


@dataclass
class Canvas:
    """Layers of a picture, painted back to front; light is added when it is rendered.

    Lengths are in half heights of the head; rows run down. `x`, `y` stay upright around the
    head's centre, `u`, `v` rotate with it. All fields have the shape of the image.
    """

    x: Field
    y: Field
    u: Field
    v: Field
    roll: float  # of the head, in radians
    pixel: float  # width of a pixel
    pressure: Field  # of the pen, around 1
    colour: Field  # (3, ...), of the surface without light, 0 to 1
    slope_x: Field  # of the surface
    slope_y: Field
    shade: Field  # share of the lamp's light that arrives
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
        """View of this canvas near a point of the head, so that small shapes cost little."""
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
        """Fill a shape; without a `height` it keeps the relief of the surface below.

        `ink` is half the width of the outline.
        """
        part = window(distance < 2 * ink + self.pixel + softness)
        cover = coverage(distance[part], self.pixel + softness)

        def blend(below: Field, above: Field | float) -> None:
            if isinstance(above, np.ndarray) and above.shape[-1] > 1:
                above = above[..., *part]
            below[..., *part] += cover * (above - below[..., *part])

        blend(self.colour, colour)
        blend(self.gloss, gloss)
        blend(self.fibre, fibre)
        if height is not None:
            slope_y, slope_x = np.gradient(height[part], self.pixel)
            self.slope_x[part] += cover * (slope_x - self.slope_x[part])
            self.slope_y[part] += cover * (slope_y - self.slope_y[part])
            blend(self.shade, 1.0)
            blend(self.person, 1.0)
        if not softness:  # a soft edge does not hide lines
            self.ink[part] *= 1 - cover
        if ink:
            edge = np.abs(distance[part]) - ink * self.pressure[part]
            self.ink[part] = np.maximum(self.ink[part], coverage(edge, self.pixel))

    def line(self, distance: Field) -> None:
        """Add ink, which only the drawing shows."""
        np.maximum(self.ink, coverage(distance, self.pixel), out=self.ink)

    def darken(self, amount: Field) -> None:
        """Reduce the lamp's light by a share of it."""
        self.shade *= 1 - amount

    def raise_bump(
        self,
        relief: Field,
        height: float,
        centre: tuple[float, float],
        radii: tuple[float, float],
    ) -> None:
        """Add a hill, or with a negative height a hollow, to a relief of this canvas."""
        # Three radii away it is below 1/8000 of its height.
        part = self.part(centre, (3 * radii[0], 3 * radii[1]))
        relief[part] += height * bump(self.u[part], self.v[part], centre, radii)
