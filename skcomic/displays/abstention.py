"""A figure of how accurate answers are where a classifier answers only what it is sure of."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from skcomic.displays._display import Display
from skcomic.evidence.abstention import abstention_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVE, _CHOSEN, _WANTED = "#0072b2", "#009e73", "0.4"


class AbstentionDisplay(Display):
    """Accuracy of the answers given, against the share of images that are answered.

    Create it with `from_predictions`.

    Parameters
    ----------
    answered : array-like of shape (n_points,)
        Shares of images, between 0 and 1.
    accuracies : array-like of shape (n_points,)
        Accuracy of the answers to each share.
    wanted : float, default=None
        An accuracy that is marked.
    chosen : (float, float), default=None
        Share and accuracy of a threshold that is marked.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Drawn on by `plot`.
    figure_ : matplotlib Figure
        That `ax_` is part of.

    Examples
    --------
    >>> from skcomic import AbstentionDisplay
    >>> display = AbstentionDisplay.from_predictions(
    ...     ["a", "b", "b"], [[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]], classes=["a", "b"])
    >>> display.accuracies.tolist()
    [0.6666666666666666, 0.5, 1.0]
    >>> display.plot().ax_.get_xlabel()
    'Share of images that are answered'
    """

    def __init__(
        self,
        answered: Any,
        accuracies: Any,
        *,
        wanted: float | None = None,
        chosen: tuple[float, float] | None = None,
    ) -> None:
        self.answered = np.asarray(answered, dtype=float)
        self.accuracies = np.asarray(accuracies, dtype=float)
        self.wanted = wanted
        self.chosen = chosen

    @classmethod
    def from_predictions(
        cls, y_true: Any, y_proba: Any, *, classes: Any, wanted: float | None = None
    ) -> "AbstentionDisplay":
        """Show the probabilities of a classifier.

        Parameters
        ----------
        y_true : array-like of shape (n_images,)
            The true labels.
        y_proba : array-like of shape (n_images, n_classes)
            Probabilities of all classes.
        classes : array-like of shape (n_classes,)
            The labels of the columns.
        wanted : float, default=None
            An accuracy that is marked.

        Returns
        -------
        display : AbstentionDisplay
            Not yet drawn.

        Raises
        ------
        ValueError
            If lengths differ or there are no images.
        """
        curve = abstention_curve(y_true, y_proba, classes)
        return cls(curve.answered, curve.accuracy, wanted=wanted)

    @classmethod
    def from_study(cls, abstention: Mapping[str, Any]) -> "AbstentionDisplay":
        """Show what a study has measured.

        Parameters
        ----------
        abstention : dict
            `abstention` of a `Study`.

        Returns
        -------
        display : AbstentionDisplay
            Not yet drawn.
        """
        test = abstention.get("test")
        chosen = None
        if test is not None and test["accuracy"] is not None:
            chosen = (test["answered"], test["accuracy"])
        return cls(
            [row["answered"] for row in abstention["curve"]],
            [row["accuracy"] for row in abstention["curve"]],
            wanted=abstention["wanted"],
            chosen=chosen,
        )

    @property
    def figsize(self) -> tuple[float, float]:
        """Width and height of a figure in inches."""
        return 7.0, 4.2

    def _draw(self, ax: "Axes") -> None:
        ax.step(self.answered, self.accuracies, where="pre", color=_CURVE, label="test images")
        if self.wanted is not None:
            ax.axhline(self.wanted, color=_WANTED, linestyle=":", label=f"wanted: {self.wanted:g}")
        if self.chosen is not None:
            ax.plot(*self.chosen, "o", color=_CHOSEN, markersize=9, label="chosen threshold")
        ax.set_xlim(0, 1.02)
        ax.set_xlabel("Share of images that are answered")
        ax.set_ylabel("Accuracy of the answers")
        ax.grid(visible=True, color="0.92")
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, loc="best", fontsize=9)
