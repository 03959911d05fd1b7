"""Figures of what was measured, in the shape of scikit-learn's displays."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from skcomic.displays._display import Display
from skcomic.nets.topology import net_name
from skcomic.selection.costs import COST_LABELS, Cost

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Kinds of names, as of `net_name` and `make_contenders`, with colours that are distinguishable
# with colour blindness.
_KINDS = {
    "average pooling": (re.compile(r"\d+_average_\d+"), "#0072b2"),
    "max pooling": (re.compile(r"\d+_max_\d+"), "#d55e00"),
    "small nets": (re.compile(r"small_\d+_\d+_\d+"), "#cc79a7"),
    "linear models": (re.compile("pixels|hog|patches"), "black"),
    "others": (re.compile(""), "#56b4e9"),
}
_CHOSEN = "#009e73"
_LABEL_HEIGHT = 0.055  # as a share of the axes
_LABEL_INCHES = 0.2
_MAX_MARKS = 5  # in one row of the legend
# From this ratio of the highest to the lowest cost on, the axis is logarithmic.
_MAX_LINEAR_RATIO = 20


class TimeScoreDisplay(Display):
    """Cost against F-score: each classifier's training and validation points, joined.

    A broken line joins those that none of lower cost is as good as, the Pareto front; broad bars
    are intervals, where they are known.

    Create it with `from_frame` or `from_cv_results`.

    Parameters
    ----------
    nets : sequence of str
        Names of the nets, or of other contenders.
    costs : array-like of shape (n_nets,)
        The cost of each.
    train_f_scores, validation_f_scores : array-like of shape (n_nets,)
        F-scores on the images of training and of validation.
    cost : str, default="cpu_seconds"
        What `costs` are: "cpu_seconds", "wall_seconds", "multiply_adds", "predict_ms" or
        "model_bytes", as in `StudySettings`.
    chosen : str, default=None
        The net that is marked.
    validation_limits : array-like of shape (n_nets, 2), default=None
        Intervals of the validation F-scores.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Drawn on by `plot`.
    figure_ : matplotlib Figure
        That `ax_` is part of.

    Examples
    --------
    >>> from skcomic import TimeScoreDisplay
    >>> display = TimeScoreDisplay(["8_max_2", "16_max_1"], costs=[12.0, 9.5],
    ...     train_f_scores=[0.99, 0.98], validation_f_scores=[0.95, 0.95], chosen="16_max_1")
    >>> display.plot().ax_.get_ylabel()
    'F-score'
    """

    def __init__(
        self,
        nets: Any,
        *,
        costs: Any,
        train_f_scores: Any,
        validation_f_scores: Any,
        cost: Cost = "cpu_seconds",
        chosen: str | None = None,
        validation_limits: Any = None,
    ) -> None:
        self.nets = list(nets)
        self.costs = np.asarray(costs, dtype=float)
        self.train_f_scores = np.asarray(train_f_scores, dtype=float)
        self.validation_f_scores = np.asarray(validation_f_scores, dtype=float)
        self.cost = cost
        self.chosen = chosen
        limits = np.full((len(self.nets), 2), np.nan)
        if validation_limits is not None:
            limits[:] = validation_limits
        self.validation_limits = limits

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, *, cost: Cost = "cpu_seconds", chosen: str | None = None
    ) -> "TimeScoreDisplay":
        """Show the rows of a table.

        Parameters
        ----------
        frame : DataFrame
            One row per net: its name `net`, a column of the name of `cost`, `train_f_score`
            and `validation_f_score`. Rows in which one of these is missing, as of nets that
            failed, are left out. If there are columns `validation_low` and `validation_high`,
            they are the limits of intervals.
        cost : str, default="cpu_seconds"
            What is shown on the horizontal axis.
        chosen : str, default=None
            The net that is marked.

        Returns
        -------
        display : TimeScoreDisplay
            Not yet drawn.

        Raises
        ------
        ValueError
            If a column is missing.
        """
        columns = ["net", cost, "train_f_score", "validation_f_score"]
        if missing := [column for column in columns if column not in frame]:
            raise ValueError(f"the frame has no columns {missing}; it needs {columns}")
        limits = frame.reindex(columns=["validation_low", "validation_high"])
        frame = frame[columns].dropna()
        return cls(
            frame.net,
            costs=frame[cost],
            train_f_scores=frame.train_f_score,
            validation_f_scores=frame.validation_f_score,
            cost=cost,
            chosen=chosen,
            validation_limits=limits.loc[frame.index].to_numpy(float),
        )

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        *,
        cost: Cost = "cpu_seconds",
        chosen: int | None = None,
    ) -> "TimeScoreDisplay":
        """Show the candidates of a search over architectures.

        Parameters
        ----------
        cv_results : dict
            `cv_results_` of a search with ``scoring=CostScorer(...)`` and
            ``return_train_score=True``.
        cost : {"cpu_seconds", "wall_seconds", "multiply_adds"}, default="cpu_seconds"
            What is shown on the horizontal axis.
        chosen : int, default=None
            Index of the candidate that is marked, such as `best_index_` of the search.

        Returns
        -------
        display : TimeScoreDisplay
            Not yet drawn.

        Raises
        ------
        ValueError
            If the search did not measure what is shown.
        """
        columns = {
            cost: f"mean_test_{cost}",
            "train_f_score": "mean_train_f_score",
            "validation_f_score": "mean_test_f_score",
        }
        if missing := [key for key in columns.values() if key not in cv_results]:
            raise ValueError(
                f"cv_results has no {missing}; search with scoring=CostScorer(...) and "
                "return_train_score=True"
            )
        frame = pd.DataFrame({name: cv_results[key] for name, key in columns.items()})
        frame["net"] = [net_name(params) for params in cv_results["params"]]
        name = None if chosen is None else frame.net[chosen]
        return cls.from_frame(frame, cost=cost, chosen=name)

    def _draw(self, ax: "Axes") -> None:
        for i, net in enumerate(self.nets):
            _, colour = _KINDS[_kind(net)]
            cost, train, validation = (
                self.costs[i],
                self.train_f_scores[i],
                self.validation_f_scores[i],
            )
            ax.plot([cost, cost], [train, validation], color=colour, linewidth=1.2, alpha=0.6)
            if not np.isnan(limits := self.validation_limits[i]).any():
                ax.plot([cost, cost], limits, color=colour, linewidth=5, alpha=0.25)
            ax.plot(cost, train, "o", color=colour, markerfacecolor="white", markersize=6)
            ax.plot(cost, validation, "o", color=colour, markersize=6)
            if net == self.chosen:
                ax.plot(
                    cost, validation, "o", color=_CHOSEN, fillstyle="none", markersize=13, mew=2
                )
        front = self.pareto_front
        ax.step(
            self.costs[front], self.validation_f_scores[front], where="post", color="0.6",
            linewidth=0.9, linestyle="--", zorder=0,
        )  # fmt: skip
        scores = np.c_[self.train_f_scores, self.validation_f_scores, self.validation_limits]
        _leave_room(ax, self.costs, scores)
        self._name_the_nets(ax)
        ax.set_xlabel(COST_LABELS[self.cost])
        ax.set_ylabel("F-score")
        ax.grid(visible=True, color="0.92")
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        self._explain(ax)

    @property
    def pareto_front(self) -> np.ndarray:
        """Indices of those that none of lower cost is as good as, the cheapest first."""
        order = np.lexsort((-self.validation_f_scores, self.costs))
        best = np.maximum.accumulate(self.validation_f_scores[order])
        is_better = np.append(True, np.diff(best) > 0)[: len(order)]
        return np.asarray(order[is_better])

    @property
    def figsize(self) -> tuple[float, float]:
        """Width and height of a figure in inches, in which there is room for all names."""
        return 7.5, max(4.8, 1 + _LABEL_INCHES * len(self.nets))

    def _name_the_nets(self, ax: "Axes") -> None:
        """Write each net's name in a column next to the axes, with a line to its point.

        A column keeps the names apart however close the points are.
        """
        to_axes = (ax.transData + ax.transAxes.inverted()).transform
        heights = to_axes(np.column_stack([self.costs, self.validation_f_scores]))[:, 1]
        order = np.lexsort((self.costs, heights))
        spread = _spread(heights[order], min(_LABEL_HEIGHT, 1 / max(len(order) - 1, 1)))
        for i, height in zip(order, spread, strict=True):
            is_chosen = self.nets[i] == self.chosen
            ax.annotate(
                self.nets[i],
                xy=(self.costs[i], self.validation_f_scores[i]),
                xytext=(1.02, height),
                textcoords="axes fraction",
                fontsize=9,
                fontweight="bold" if is_chosen else "normal",
                color=_CHOSEN if is_chosen else "0.15",
                verticalalignment="center",
                annotation_clip=False,
                arrowprops={
                    "arrowstyle": "-",
                    "relpos": (0, 0.5),  # from the left end of the name, not through it
                    "color": _CHOSEN if is_chosen else "0.75",
                    "linewidth": 0.7,
                    "shrinkB": 4,
                },
            )

    def _explain(self, ax: "Axes") -> None:
        from matplotlib.lines import Line2D

        def mark(label: str, **style: Any) -> Line2D:
            return Line2D([], [], linestyle="none", marker="o", label=label, **style)

        kinds = set(map(_kind, self.nets))
        marks = [mark(kind, color=_KINDS[kind][1]) for kind in _KINDS if kind in kinds]
        marks.append(mark("validation", color="0.3"))
        if not np.isnan(self.validation_limits).all():
            marks.append(Line2D([], [], color="0.3", linewidth=5, alpha=0.25, label="95 %"))
        marks.append(mark("training", color="0.3", markerfacecolor="white"))
        if self.chosen in self.nets:
            marks.append(mark("chosen", color=_CHOSEN, fillstyle="none", markersize=11, mew=2))
        ax.legend(
            handles=marks,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=len(marks) if len(marks) <= _MAX_MARKS else (len(marks) + 1) // 2,
            frameon=False,
            fontsize=9,
            handlelength=1.2,
            handletextpad=0.4,
            columnspacing=1.2,
        )


def _kind(net: str) -> str:
    """Read the kind of a net from its name."""
    return next(kind for kind, (pattern, _) in _KINDS.items() if pattern.match(net))


def _leave_room(ax: "Axes", costs: np.ndarray, scores: np.ndarray) -> None:
    if not len(costs):  # of no net the cost is known
        return
    low, high = np.nanmin(scores), np.nanmax(scores)
    margin = 0.08 * max(high - low, 0.02)
    ax.set_ylim(low - margin, high + margin)
    lowest, highest = np.nanmin(costs), np.nanmax(costs)
    if lowest > 0 and highest > _MAX_LINEAR_RATIO * lowest:
        ax.set_xscale("log")
        ax.set_xlim(lowest / 1.5, highest * 1.5)
    else:
        ax.set_xlim(0, 1.06 * highest)


def _spread(heights: np.ndarray, least: float) -> np.ndarray:
    """Move sorted heights apart as little as need be, and back between 0 and 1."""
    placed = heights.astype(float).copy()
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + least)
    if len(placed) and placed[-1] > 1:
        placed[-1] = 1.0
        for i in range(len(placed) - 2, -1, -1):
            placed[i] = min(placed[i], placed[i + 1] - least)
    return placed
