"""A figure of how good a classifier is on images that are changed a little."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skcomic.displays._display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNCHANGED, _WORSE, _SAME = "0.25", "#d55e00", "#0072b2"


class RobustnessDisplay(Display):
    """F-scores on changed images with their intervals, beside that on the unchanged ones.

    Create it with `from_rows`.

    Parameters
    ----------
    names : sequence of str
        What was done to the images; the first is what the others are compared with.
    f_scores : array-like of shape (n_names,)
        F-scores.
    intervals : array-like of shape (n_names, 2)
        Their limits.
    is_worse : array-like of shape (n_names,), bool, default=None
        Whether a score is clearly lower than the first; these are marked.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Drawn on by `plot`.
    figure_ : matplotlib Figure
        That `ax_` is part of.

    Examples
    --------
    >>> from skcomic import RobustnessDisplay
    >>> display = RobustnessDisplay(["unchanged", "mirrored"], [0.98, 0.97],
    ...     [[0.94, 0.99], [0.93, 0.99]])
    >>> display.plot().ax_.get_xlabel()
    'F-score'
    """

    def __init__(
        self, names: Sequence[str], f_scores: Any, intervals: Any, is_worse: Any = None
    ) -> None:
        self.names = list(names)
        self.f_scores = np.asarray(f_scores, dtype=float)
        self.intervals = np.asarray(intervals, dtype=float).reshape(len(self.names), 2)
        worse = np.zeros(len(self.names)) if is_worse is None else is_worse
        self.is_worse = np.asarray(worse, dtype=bool)

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> "RobustnessDisplay":
        """Show the rows that a study has measured.

        Parameters
        ----------
        rows : sequence of dict
            `robustness` of a `Study`.

        Returns
        -------
        display : RobustnessDisplay
            Not yet drawn.
        """
        return cls(
            [row["images"] for row in rows],
            [row["f_score"] for row in rows],
            [row["interval"] for row in rows],
            [row["difference_interval"][1] < 0 for row in rows],
        )

    def _draw(self, ax: "Axes") -> None:
        heights = np.arange(len(self.names))[::-1]
        for i, (height, score) in enumerate(zip(heights, self.f_scores, strict=True)):
            colour = _WORSE if self.is_worse[i] else _SAME if i else _UNCHANGED
            ax.plot(self.intervals[i], [height, height], color=colour, linewidth=2, alpha=0.5)
            ax.plot(score, height, "o", color=colour, markersize=7)
            ax.annotate(
                f"{score:.3f}", (score, height), (0, 6), textcoords="offset points",
                ha="center", fontsize=8, color=colour,
            )  # fmt: skip
        ax.axvline(self.f_scores[0], color=_UNCHANGED, linewidth=0.8, linestyle=":")
        ax.set_yticks(heights, self.names)
        ax.set_ylim(-0.6, len(self.names) - 0.2)
        ax.set_xlabel("F-score")
        ax.grid(visible=True, axis="x", color="0.92")
        ax.set_axisbelow(True)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)

    @property
    def figsize(self) -> tuple[float, float]:
        """Width and height of a figure in inches, in which there is room for all names."""
        return 7.0, 1 + 0.4 * len(self.names)
