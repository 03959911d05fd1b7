"""What a face looks like: the colours, the shapes and the pose that are drawn at random."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from skcomic.datasets._fields import Field, ellipse, smooth_union

SKIN = ["#f6d3bd", "#efc2a0", "#e0a884", "#c68b62", "#a06a45", "#7a4c31", "#593624"]
HAIR = ["#201a18", "#2f2018", "#4a3020", "#6f4526", "#8f3f1e", "#b98a4a", "#dcc07e", "#a9a7a3"]
IRIS = ["#4a2f1c", "#6b4a25", "#6f7d3c", "#4f7fa3", "#7f97a3"]
FASHION = ["#8f2f35", "#2f4d7e", "#35664b", "#d8d3c6", "#2b2b33", "#c98f35", "#6a4c80", "#78858f"]


def tint(red: float, green: float, blue: float) -> Field:
    """Colour of shape (3, 1, 1), which broadcasts over pictures."""
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
        """Position of a point of the face on the turned head, `depth` in front of the skull."""
        towards = math.sqrt(max(0.64 - u * u, 0.0)) + depth
        turned = u * math.cos(self.yaw) + towards * math.sin(self.yaw)
        return turned, v + self.pitch * towards / 0.8

    def skull(self, u: Field, v: Field) -> Field:
        """Distance to the outline of the head."""
        cranium = ellipse(u, v, (-0.12 * self.yaw, -0.27), (0.73, 0.73))
        jaw = ellipse(u, v, (0.28 * self.yaw, 0.27), (self.jaw + 0.08, 0.73))
        return smooth_union(cranium, jaw, 0.25)
