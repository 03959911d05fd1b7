"""A face: what it looks like, how its parts are painted on a canvas, and the pair of pictures.

Worker processes import this module, so it stays clear of scikit-learn, which takes seconds.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from skcomic._files import write_file
from skcomic.datasets._drawing import (
    Canvas,
    Field,
    Light,
    box,
    bump,
    comic,
    ellipse,
    expose,
    fibres,
    luma,
    noise,
    photograph,
    polygon,
    ramp,
    record,
    smooth_union,
    stroke,
    to_image,
)

SUFFIX = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
SKIN = ["#f6d3bd", "#efc2a0", "#e0a884", "#c68b62", "#a06a45", "#7a4c31", "#593624"]
HAIR = ["#201a18", "#2f2018", "#4a3020", "#6f4526", "#8f3f1e", "#b98a4a", "#dcc07e", "#a9a7a3"]
IRIS = ["#4a2f1c", "#6b4a25", "#6f7d3c", "#4f7fa3", "#7f97a3"]
FASHION = ["#8f2f35", "#2f4d7e", "#35664b", "#d8d3c6", "#2b2b33", "#c98f35", "#6a4c80", "#78858f"]


def tint(red: float, green: float, blue: float) -> Field:
    """Colour that spreads over pictures, (3, 1, 1)."""
    return np.array([red, green, blue], dtype=np.float32).reshape(3, 1, 1)


def rgb(code: str) -> Field:
    """Colour from its hexadecimal code."""
    return tint(*(int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)))


@dataclass(frozen=True)
class Face:
    """What the two pictures of a pair have in common."""

    yaw: float  # radians, to the viewer's right
    pitch: float  # shift of the features, in half heights of the head
    jaw: float  # half width of the jaw, in half heights of the head
    age: float  # 0 to 1
    smile: float  # -1 to 1
    mouth_open: bool
    eye_size: float
    gaze: float
    nose: float
    brow_tilt: float
    brow_weight: float
    skin: Field
    hair: Field
    iris: Field
    lips: Field
    cloth: Field
    accent: Field
    hair_style: str
    parting: float
    beard: str
    glasses: str
    hat: str
    collar: str

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Face:
        """Draw a face at random."""
        complexion = int(rng.integers(len(SKIN)))
        skin = rgb(SKIN[complexion]) * rng.uniform(0.92, 1.05)
        cloth, accent = rng.choice(FASHION, 2, replace=False)
        masculine = rng.random() < 0.5
        return cls(
            yaw=rng.uniform(-0.5, 0.5),
            pitch=rng.uniform(-0.1, 0.1),
            jaw=rng.uniform(0.52, 0.6) if masculine else rng.uniform(0.44, 0.52),
            age=rng.random(),
            smile=rng.uniform(-0.5, 1),
            mouth_open=rng.random() < 0.35,
            eye_size=rng.uniform(0.85, 1.2) * (1.0 if masculine else 1.15),
            gaze=rng.uniform(-0.3, 0.3),
            nose=rng.uniform(0.8, 1.25),
            brow_tilt=rng.uniform(-0.04, 0.07),
            brow_weight=rng.uniform(0.035, 0.055) if masculine else rng.uniform(0.022, 0.035),
            skin=skin,
            hair=rgb(rng.choice(HAIR if complexion < 4 else [*HAIR[:3], HAIR[-1]])),
            iris=rgb(rng.choice(IRIS)),
            lips=skin * tint(0.92, 0.62, 0.6)
            if masculine
            else 0.55 * skin + 0.45 * rgb("#b23a45"),
            cloth=rgb(cloth),
            accent=rgb(accent),
            hair_style=rng.choice(
                ["short", "short", "curly", "bald", "parted"]
                if masculine
                else ["long", "long", "fringe", "bun", "curly"]
            ),
            parting=rng.uniform(-0.35, 0.35),
            beard=rng.choice(["none", "none", "stubble", "full", "moustache"])
            if masculine
            else "none",
            glasses=rng.choice(["none", "none", "none", "round", "square", "dark"]),
            hat=rng.choice(["none", "none", "none", "none", "beanie", "cap", "brim"]),
            collar=rng.choice(["round", "shirt", "jacket", "scarf"]),
        )

    def on_head(self, u: float, v: float, depth: float = 0.0) -> tuple[float, float]:
        """Where a point of the face turns to, `depth` before the skull."""
        towards = math.sqrt(max(0.64 - u * u, 0.0)) + depth
        turned = u * math.cos(self.yaw) + towards * math.sin(self.yaw)
        return turned, v + self.pitch * towards / 0.8

    def skull(self, u: Field, v: Field) -> Field:
        """Distance to the outline of the head."""
        cranium = ellipse(u, v, (-0.12 * self.yaw, -0.27), (0.73, 0.73))
        jaw = ellipse(u, v, (0.28 * self.yaw, 0.27), (self.jaw + 0.08, 0.73))
        return smooth_union(cranium, jaw, 0.25)


# --- Parts, back to front -------------------------------------------------------------------


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


def paint_head(canvas: Canvas, face: Face) -> None:
    """Ears and the bare head with its relief."""
    canvas = canvas.around((0, 0), (1.05, 1.15))
    u, v = canvas.u, canvas.v
    for side in (-1, 1):
        turned = -side * face.yaw  # an ear hides on the side that the face turns to
        at = (side * (0.71 + 0.1 * min(turned, 0) - 0.25 * max(turned, 0)), 0.1 - 0.4 * face.pitch)
        width = 0.12 + 0.08 * max(turned, 0.0)
        near = canvas.around(at, (0.3, 0.35))
        lobe = ellipse(near.u, near.v, at, (width, 0.22))
        near.paint(lobe, face.skin * 0.97, height=np.sqrt(np.maximum(-lobe, 0.003)), ink=0.035)
        inner = ellipse(near.u, near.v, (at[0], at[1] - 0.01), (width * 0.5, 0.13))
        near.paint(inner, face.skin * 0.75, softness=0.05)
        near.line(np.abs(inner) - 0.01)

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

    inner, outer = face.on_head(side * 0.13, -0.2), face.on_head(side * 0.55, -0.2)
    brow = stroke(
        near.u,
        near.v,
        (inner[0], inner[1] + face.brow_tilt),
        (outer[0], outer[1] - face.brow_tilt * 0.5),
        -0.05 * side,
        face.brow_weight,
    )
    near.paint(brow, 0.7 * face.hair + 0.1 * face.skin, softness=0.03, gloss=0.02)
    near.line(brow)


def paint_nose(canvas: Canvas, face: Face, light: Light) -> None:
    """Nostrils, and the one side of the nose that a pen would draw."""
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
    """Lips, teeth if they show, and the lines that age draws beside them."""
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


def paint_beard(canvas: Canvas, face: Face, rng: np.random.Generator) -> None:
    """Hair of the lower face."""
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
    """The mass of hair behind the head, or the locks before it."""
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


# --- Pairs ----------------------------------------------------------------------------------


def draw_pair(rng: np.random.Generator, size: int) -> tuple[Image.Image, Image.Image]:
    """(photograph, comic) of one face."""
    # glibc hands fields of this size back to the system one by one, and a quarter of the time
    # goes into fetching them again. Freeing one large block, never touched, ends that.
    np.empty(2**24, dtype=np.uint8)
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
    grey = luma(drawing)
    contrast = max(luma(photo).std(), grey.std())
    mean, deviation = np.clip((grey.mean(), contrast), (0.36, 0.18), (0.6, 0.24))
    photo, drawing = (
        expose(picture, float(mean + rng.normal(0, 0.03)), float(deviation + rng.normal(0, 0.015)))
        for picture in (photo, drawing)
    )
    return to_image(record(photo, rng, rng.uniform(0.004, 0.016))), to_image(drawing)


def write(image: Image.Image, path: Path, file_format: str) -> None:
    """Save a picture, whole or not at all."""
    content = io.BytesIO()
    image.save(content, format=file_format, quality=92)
    write_file(path, content.getvalue(), fsync=False)  # it can be drawn again


def write_pair(folders: tuple[Path, Path], seed: list[int], size: int, file_format: str) -> None:
    """Draw the pair of one seed and save both pictures."""
    root, number = seed
    name = f"pair_{number:04d}{SUFFIX[file_format]}"
    # A seed of its own makes a pair the same, however many are drawn and by whichever worker.
    for image, folder in zip(
        draw_pair(np.random.default_rng([root, number]), size), folders, strict=True
    ):
        write(image, folder / name, file_format)
