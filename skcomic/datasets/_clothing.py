"""What a person wears: clothes, glasses and hats."""

from __future__ import annotations

import math

import numpy as np

from skcomic.datasets._canvas import Canvas
from skcomic.datasets._face import Face, rgb
from skcomic.datasets._fields import box, ellipse, noise, polygon, ramp, smooth_union, stroke


def paint_body(canvas: Canvas, face: Face, rng: np.random.Generator) -> None:
    """Neck, shoulders and clothes."""
    canvas = canvas.around((0, 2.4), (4, 2.2))
    x, y = canvas.x, canvas.y
    broad = box(x, y, (0, 3.1), (1.55, 1.6), 0.55)
    torso = smooth_union(broad, ellipse(x, y, (0, 1.6), (0.75, 0.35)), 0.5)
    rounding = np.sqrt(np.maximum(1.6 - (x / 1.2) ** 2, 0.05)) * 0.5 - 0.15 * y
    neck = box(x, y, (0.1 * face.yaw, 1.0), (0.38, 0.7), 0.1)
    neck = smooth_union(neck, broad + 0.1, 0.4)
    pillar = np.sqrt(np.maximum(0.3 - (x - 0.1 * face.yaw) ** 2, 0.01))
    canvas.paint(neck, face.skin * 0.95, height=pillar, ink=0.035)
    canvas.darken(0.55 * ramp(0.22, -0.1, face.skull(canvas.u, canvas.v - 0.12)))

    depth = {"round": 1.3, "shirt": 1.5, "jacket": 1.4, "scarf": 1.15}[face.collar]
    opening = ellipse(x, y, (0, 0.9), (0.5, depth - 0.9))
    folds = 0.025 * noise(rng, x.shape, 7) + 0.03 * np.sin(9 * x + 4 * y)
    cloth = np.maximum(torso - 0.05, -opening)
    canvas.paint(cloth, face.cloth, height=rounding + folds, gloss=0.03, ink=0.054)
    if face.collar == "jacket":
        shirt = np.maximum(polygon(x, y, (-0.5, 1.1), (0.5, 1.1), (0.05, 3), (-0.05, 3)), -opening)
        canvas.paint(shirt, rgb("#e8e6e0"), ink=0.03)
        knot = (-0.1, 1.42), (0.1, 1.42), (0.14, 3.0), (-0.14, 3.0)
        canvas.paint(polygon(x, y, *knot), face.accent, ink=0.025)
    elif face.collar == "scarf":
        for lift in (0.18, 0.0):
            roll = ellipse(x, y, (0, 1.3 - lift), (0.75, 0.25))
            wrap = np.sqrt(np.maximum(1 - (x / 0.8) ** 2 - ((y - 1.3 + lift) / 0.3) ** 2, 0.03))
            canvas.paint(roll, face.accent, height=0.3 * wrap + folds, gloss=0.02, ink=0.054)
    else:
        band = np.maximum(np.abs(opening) - 0.045, torso - 0.05)
        canvas.paint(band, face.accent, ink=0.025)
    if face.collar in {"jacket", "shirt"}:
        flap = rgb("#e8e6e0") if face.collar == "jacket" else face.accent
        for side in (-1, 1):
            mirrored = side * x
            point = polygon(mirrored, y, (0.34, 1.0), (0.52, 1.1), (0.42, 1.6), (0.06, 1.45))
            canvas.paint(point, flap, height=rounding, gloss=0.03, ink=0.03)


def paint_glasses(canvas: Canvas, face: Face) -> None:
    """Frame, lenses and temples."""
    canvas = canvas.around(face.on_head(0, 0.03), (1.1, 0.35))
    u, v = canvas.u, canvas.v
    frame = rgb("#1a1614")
    for side in (-1, 1):
        at = face.on_head(side * 0.34, 0.03, 0.06)
        half = 0.25 * math.cos(face.yaw + side * 0.3)
        if face.glasses == "square":
            rim = box(u, v, at, (half, 0.17), 0.06)
        else:
            rim = ellipse(u, v, at, (half, 0.21))
        if face.glasses == "dark":
            canvas.paint(rim, rgb("#14161c"), gloss=0.8)
        glare = np.maximum(rim + 0.05, np.abs(u + v - at[0] - at[1] + 0.1) - 0.03)
        canvas.paint(glare, 0.5 * canvas.colour + 0.45, softness=0.02)
        canvas.paint(np.abs(rim) - 0.02, frame, gloss=0.4, ink=0.008)
        temple = stroke(u, v, (at[0] + side * half, at[1] - 0.03), (side * 0.85, 0.0), 0, 0.03)
        canvas.paint(np.maximum(temple, face.skull(u, v)), frame, gloss=0.4)
    left, right = face.on_head(-0.12, 0.0, 0.1), face.on_head(0.12, 0.0, 0.1)
    canvas.paint(stroke(u, v, left, right, -0.03, 0.025), frame, gloss=0.4)


def paint_hat(canvas: Canvas, face: Face) -> None:
    """A knitted hat, a cap or a hat with a brim."""
    canvas = canvas.around((0, -0.7), (1.5, 0.9))
    u, v = canvas.u, canvas.v
    dome = face.skull(u, v) - (0.3 if face.hair_style == "curly" else 0.2)
    ball = 0.9 * np.sqrt(np.maximum(1.25 - (u / 0.95) ** 2 - ((v + 0.4) / 1.0) ** 2, 0.03))
    edge = -0.42 + face.pitch + 0.12 * u * u
    if face.hat == "beanie":
        knit = 0.012 * np.sin(60 * u) * np.sin(50 * v)
        canvas.darken(0.4 * ramp(0.15, 0.0, np.maximum(v - edge, dome)))
        canvas.paint(
            np.maximum(dome, v - edge), face.accent, height=ball + knit, gloss=0.02, ink=0.054
        )
        band = np.maximum(np.abs(v - edge + 0.12) - 0.13, dome - 0.05)
        ribs = 0.02 * np.sin(50 * u)
        canvas.paint(band, face.accent * 0.85, height=ball + ribs, gloss=0.02, ink=0.03)
        canvas.line(np.maximum(np.abs(np.sin(12 * u)) * 0.08 - 0.012, band))
        return
    crown = np.maximum(dome if face.hat == "cap" else dome - 0.06, v - edge)
    canvas.paint(crown, face.accent, height=ball, gloss=0.05, ink=0.054)
    if face.hat == "cap":
        for bend in (-0.35, 0.05, 0.45):
            canvas.line(
                np.maximum(
                    np.abs(u - (bend + face.yaw) * np.sqrt(np.maximum(edge - v, 0))) - 0.01, crown
                )
            )
        peak = face.on_head(0, -0.42, 0.35)
        brim = ellipse(u, v, (peak[0], peak[1] + 0.05), (0.72, 0.17))
    else:
        canvas.paint(np.maximum(crown, edge - 0.22 - v), face.accent * 0.4, ink=0.02)
        brim = ellipse(u, v - 0.1 * u * u, (0, -0.42 + face.pitch), (1.35, 0.16))
    canvas.darken(0.5 * ramp(0.3, 0.0, brim) * (v > edge))
    canvas.paint(brim, face.accent * 0.8, height=0.5 * v - 0.1 * u * u, gloss=0.05, ink=0.054)
