"""Hair and beard."""

from __future__ import annotations

import numpy as np

from skcomic.datasets._canvas import Canvas
from skcomic.datasets._face import Face
from skcomic.datasets._fields import box, ellipse, fibres, noise, ramp, stroke


def paint_beard(canvas: Canvas, face: Face, rng: np.random.Generator) -> None:
    """Beard, moustache or stubble."""
    canvas = canvas.around((0, 0.5), (0.9, 0.75))
    u, v = canvas.u, canvas.v
    ragged = 0.018 * noise(rng, u.shape, 40)
    lip = face.on_head(0, 0.55, 0.08)
    moustache = stroke(
        u, v, (lip[0] - 0.27, lip[1] + 0.1), (lip[0] + 0.27, lip[1] + 0.1), -0.1, 0.075
    )
    jaw = face.on_head(0, 0.15)
    cheek = ellipse(u, v, jaw, (0.62, 0.5))
    chin = np.maximum(
        face.skull(u, v) - (0.07 if face.beard == "full" else -0.12), jaw[1] - 0.05 - v
    )
    area = np.minimum(np.maximum(chin, -cheek), moustache)
    mouth = ellipse(u, v, face.on_head(0, 0.65, 0.05), (0.24, 0.08))
    area = np.maximum(area, -mouth)
    fine, locks = fibres(rng, 2 * u + 0.4 * ragged, 3 * v, 40)
    if face.beard == "stubble":
        shadow = 0.7 * face.skin + 0.2 * face.hair
        canvas.paint(area + ragged, shadow, gloss=0.03, fibre=0.04 * fine, softness=0.12)
        return
    if face.beard == "moustache":
        area = moustache
    relief = 0.4 * ramp(0.1, -0.3, area) - 0.4 * u * u - 0.25 * v * v
    canvas.paint(
        area + ragged,
        face.hair,
        height=relief + 0.008 * locks,
        gloss=0.02,
        fibre=0.13 * fine + 0.05 * locks,
        ink=0.024,
        softness=0.05,
    )
    canvas.line(np.maximum(np.abs(locks) * 0.03 - 0.01, area))


def paint_hair(canvas: Canvas, face: Face, rng: np.random.Generator, *, behind: bool) -> None:
    """The part of the hair behind the head, or the part in front of it."""
    style = face.hair_style
    if style == "bald" or (behind and style not in {"long", "fringe", "curly"}):
        return
    low = {"short": 0.1, "parted": 0.1, "bun": 0.0, "curly": 0.2}.get(style, 0.9)
    bottom = 2.0 if behind else low + 0.3
    canvas = canvas.around((0, bottom / 2 - 0.8), (1.3, bottom / 2 + 0.8))
    u, v = canvas.u, canvas.v
    crown = (0.5 * face.parting, -1.5)
    turn = np.arctan2(u - crown[0], np.minimum(v, 0.15) - crown[1])
    reach = np.sqrt((u - crown[0]) ** 2 + (v - crown[1]) ** 2)
    turn = turn + {"long": 0.05, "bun": 0.03}.get(style, 0.06) * noise(rng, u.shape, 7)
    fine, locks = fibres(rng, turn, reach, 26)
    if style == "curly":
        fine, locks = noise(rng, u.shape, 60), noise(rng, u.shape, 16)
    thickness = {"short": 0.1, "curly": 0.26, "parted": 0.14}.get(style, 0.14)
    frizz = {"curly": 0.035, "short": 0.02}.get(style, 0.012) * noise(rng, u.shape, 22)
    mass = face.skull(u, v) - thickness + frizz + (0.05 if style == "short" else 0.03) * locks

    if behind:
        fall = box(u, v, (0, 0.45), (0.88, 1.25 if style == "long" else 0.75), 0.6)
        area = np.minimum(mass - 0.04, fall + 0.03 * locks) if style != "curly" else mass
        dim = 0.75
    else:
        top = {"fringe": -0.28, "curly": -0.5}.get(style, -0.58) + 0.1 * face.pitch
        brow = face.on_head(0, 0.0)[0]
        opening = ellipse(u, v, (0.7 * brow + 0.2 * face.parting, 0.5), (0.62, 0.5 - top))
        if style in {"long", "parted"}:
            opening = np.maximum(opening, -ellipse(u, v, (1.9 * face.parting, -0.85), (0.55, 0.5)))
        area = np.maximum(mass, -opening + 0.05 * locks)
        area = np.maximum(area, v - low + 0.06 * locks)
        if style == "bun":
            area = np.minimum(area, ellipse(u, v, (0.2 * face.parting, -1.1), (0.33, 0.28)))
        canvas.darken(0.4 * ramp(0.1, -0.02, area))
        dim = 1.0
    relief = 0.9 * np.sqrt(np.maximum(1.1 - (u / 0.95) ** 2 - ((v + 0.2) / 1.3) ** 2, 0.03))
    relief = relief + 0.015 * locks
    canvas.paint(
        area, face.hair * dim, height=relief, gloss=0.2, fibre=0.14 * fine + 0.1 * locks, ink=0.04
    )
    strands = np.abs(locks) * 0.05 - 0.012 * canvas.pressure * (1 + np.sin(5 * reach))
    canvas.line(np.maximum(strands, area))
