"""The head and the features of the face: ears, eyes, nose and mouth."""

from __future__ import annotations

import math

import numpy as np

from skcomic.datasets._canvas import Canvas
from skcomic.datasets._face import Face, rgb, tint
from skcomic.datasets._fields import bump, ellipse, ramp, stroke
from skcomic.datasets._rendering import Light


def paint_ears(canvas: Canvas, face: Face) -> None:
    """Both ears, in front of the neck and behind the head."""
    for side in (-1, 1):
        turned = -side * face.yaw  # the ear on the side that the face turns to is hidden
        at = (side * (0.71 + 0.1 * min(turned, 0) - 0.25 * max(turned, 0)), 0.1 - 0.4 * face.pitch)
        width = 0.12 + 0.08 * max(turned, 0.0)
        near = canvas.around(at, (0.3, 0.35))
        lobe = ellipse(near.u, near.v, at, (width, 0.22))
        near.paint(lobe, face.skin * 0.97, height=np.sqrt(np.maximum(-lobe, 0.003)), ink=0.035)
        inner = ellipse(near.u, near.v, (at[0], at[1] - 0.01), (width * 0.5, 0.13))
        near.paint(inner, face.skin * 0.75, softness=0.05)
        near.line(np.abs(inner) - 0.01)


def paint_head(canvas: Canvas, face: Face) -> None:
    """Ears, and the head without hair, with its relief."""
    canvas = canvas.around((0, 0), (1.05, 1.15))
    u, v = canvas.u, canvas.v
    paint_ears(canvas, face)
    outline = face.skull(u, v)
    relief = 0.85 * np.sqrt(np.maximum(1 - (u / 0.82) ** 2 - (v / 1.12) ** 2, 0.03))
    for side in (-1, 1):
        canvas.raise_bump(relief, -0.07, face.on_head(side * 0.32, 0.0), (0.2, 0.13))
        canvas.raise_bump(relief, 0.05, face.on_head(side * 0.42, 0.33), (0.22, 0.18))
        canvas.raise_bump(relief, 0.035, face.on_head(side * 0.3, -0.2), (0.25, 0.1))
        canvas.raise_bump(relief, 0.05, face.on_head(side * 0.1, 0.4, 0.1), (0.07, 0.07))
    bridge, tip = face.on_head(0, 0.1, 0.08), face.on_head(0, 0.36, 0.22)
    canvas.raise_bump(relief, 0.1 * face.nose, bridge, (0.09, 0.28))
    canvas.raise_bump(relief, 0.16 * face.nose, tip, (0.13, 0.13))
    canvas.raise_bump(relief, 0.07, face.on_head(0, 0.62, 0.03), (0.24, 0.16))
    canvas.raise_bump(relief, 0.07, face.on_head(0, 0.88), (0.2, 0.13))
    canvas.raise_bump(relief, -0.03, face.on_head(0, 0.76), (0.2, 0.05))
    canvas.paint(outline, face.skin, height=relief, gloss=0.16, ink=0.052)

    ruddy = face.skin * tint(1.02, 0.82, 0.8)
    for spot in (face.on_head(-0.42, 0.38), face.on_head(0.42, 0.38), tip):
        part = canvas.part(spot, (0.6, 0.45))
        blush = 0.6 * bump(u[part], v[part], spot, (0.2, 0.15)) * (outline[part] < 0)
        canvas.colour[:, *part] += blush * (ruddy - canvas.colour[:, *part])
    for side in (-1, 1):
        socket = face.on_head(side * 0.3, -0.03)
        near = canvas.around(socket, (0.6, 0.36))
        near.darken(0.3 * bump(near.u, near.v, socket, (0.2, 0.12)))
    lip = face.on_head(0, 0.48, 0.1)
    near = canvas.around(lip, (0.48, 0.15))
    near.darken(0.35 * bump(near.u, near.v, lip, (0.16, 0.05)))


def paint_eye(canvas: Canvas, face: Face, side: int, light: Light) -> None:
    """One eye with its lids and brow."""
    at = face.on_head(side * 0.33, 0.0)
    narrow = math.cos(face.yaw + side * 0.45) / math.cos(0.45)
    width, height = 0.165 * face.eye_size * min(narrow, 1.1), 0.085 * face.eye_size
    near = canvas.around(at, (0.4, 0.4))
    u, v = near.u - at[0], near.v - at[1]
    a = u / width
    arch = 1 - a * a
    b = v + 0.02 * side * a
    upper, lower = -b - height * arch, b - 0.7 * height * arch
    opening = np.maximum(upper, lower) / np.sqrt(1 + (2 * height / width * a) ** 2)
    near.paint(opening, rgb("#ece6e0"), gloss=0.3)
    near.colour[:] *= 1 - 0.35 * ramp(0.05, 0.0, -upper) * (opening < 0)
    pupil = (width * (face.gaze + 0.2 * face.yaw), -0.012)
    radius = 0.088 * face.eye_size
    disc = np.sqrt((u - pupil[0]) ** 2 + (v - pupil[1]) ** 2)
    rays = face.iris * (0.65 + 0.6 * ramp(radius, 0.4 * radius, disc))
    near.paint(np.maximum(disc - radius, opening), rays, gloss=0.3, ink=0.008)
    near.paint(np.maximum(disc - 0.45 * radius, opening), rgb("#0c0a0a"))
    glint = (pupil[0] + 0.4 * radius * light.direction[0], pupil[1] - 0.4 * radius)
    near.paint(np.hypot(u - glint[0], v - glint[1]) - 0.24 * radius, rgb("#ffffff"))
    lash = np.hypot(upper, np.maximum(np.abs(a) - 1.05, 0) * width)
    near.paint(lash - 0.014, face.skin * 0.16, softness=0.02)
    near.line(lash - 0.03 * near.pressure)
    under = np.hypot(lower, np.maximum(np.abs(a) - 0.8, 0) * width)
    near.paint(under - 0.004, face.skin * 0.55, softness=0.03)
    near.line(under - 0.007)
    crease = stroke(u, v, (-width, -0.02), (width, -0.02), -0.14, 0.012)
    near.paint(crease, face.skin * 0.6, softness=0.035)
    near.line(crease)
    paint_brow(near, face, side)


def paint_brow(canvas: Canvas, face: Face, side: int) -> None:
    """One eyebrow."""
    inner, outer = face.on_head(side * 0.13, -0.2), face.on_head(side * 0.55, -0.2)
    brow = stroke(
        canvas.u,
        canvas.v,
        (inner[0], inner[1] + face.brow_tilt),
        (outer[0], outer[1] - face.brow_tilt * 0.5),
        -0.05 * side,
        face.brow_weight,
    )
    canvas.paint(brow, 0.7 * face.hair + 0.1 * face.skin, softness=0.03, gloss=0.02)
    canvas.line(brow)


def paint_nose(canvas: Canvas, face: Face, light: Light) -> None:
    """Nostrils, and in ink the side of the nose that is away from the lamp."""
    base = face.on_head(0, 0.44, 0.12)
    near = canvas.around(base, (0.35, 0.6))
    for side in (-1, 1):
        hole = ellipse(near.u, near.v, face.on_head(side * 0.075, 0.44, 0.12), (0.04, 0.02))
        near.paint(hole, face.skin * 0.25, softness=0.03)
        near.line(hole)
        wing = face.on_head(side * 0.15 * face.nose, 0.41, 0.06)
        nook = (wing[0] - side * 0.01, wing[1] + 0.06)
        edge = stroke(near.u, near.v, (wing[0], wing[1] - 0.08), nook, -0.03 * side, 0.014)
        near.paint(edge, face.skin * 0.6, softness=0.05)
        near.line(edge)
    away = -1 if light.direction[0] > 0 else 1
    top, tip = face.on_head(away * 0.1, -0.08, 0.02), face.on_head(away * 0.12, 0.36, 0.1)
    near.line(stroke(near.u, near.v, top, tip, -0.03 * away, 0.018 * face.nose))


def paint_mouth(canvas: Canvas, face: Face) -> None:
    """Lips, the teeth of an open mouth, and the folds of age on both sides."""
    at = face.on_head(0, 0.63, 0.05)
    near = canvas.around(at, (0.5, 0.4))
    u, v = near.u - at[0], near.v - at[1]
    width = (0.24 + 0.05 * max(face.smile, 0)) * math.cos(face.yaw)
    a = u / width
    arch = np.maximum(1 - a * a, 0)
    b = v - 0.07 * face.smile * (0.5 - a * a)
    gap = 0.055 if face.mouth_open else 0.0
    beyond = (np.abs(a) - 1) * width
    cupid = 0.055 * arch * (1 - 0.35 * np.exp(-((a / 0.22) ** 2)))
    near.paint(np.maximum(np.abs(b + cupid / 2) - cupid / 2, beyond), face.lips * 0.9, gloss=0.1)
    full = (0.075 + gap) * arch
    lower = np.maximum(np.abs(b - full / 2) - full / 2, beyond)
    near.paint(lower, face.lips, gloss=0.35, ink=0.006)
    if face.mouth_open:
        open_ = gap * arch
        inside = np.maximum(np.abs(b - open_ / 2) - open_ / 2, beyond)
        near.paint(inside, rgb("#e9e4da"), ink=0.012)
    seam = np.hypot(b, np.maximum(beyond, 0))
    near.paint(seam - 0.008 * (0.4 + arch), face.skin * 0.22, softness=0.02)
    near.line(seam - 0.02 * near.pressure * (0.4 + arch))
    chin = stroke(
        near.u, near.v, (at[0] - 0.12, at[1] + 0.14), (at[0] + 0.12, at[1] + 0.14), 0.03, 0.012
    )
    near.paint(chin, face.skin * 0.7, softness=0.08)
    near.line(chin)
    for side in (-1, 1):
        fold = stroke(
            near.u,
            near.v,
            face.on_head(side * 0.2, 0.42, 0.02),
            face.on_head(side * 0.36, 0.72),
            -0.04 * side,
            0.004 + 0.016 * face.age,
        )
        near.paint(fold, face.skin * 0.72, softness=0.06)
        near.line(fold)
