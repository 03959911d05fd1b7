"""The costs that a choice can save."""

from typing import Literal, get_args

Cost = Literal["cpu_seconds", "wall_seconds", "multiply_adds"]
COSTS: tuple[Cost, ...] = get_args(Cost)
