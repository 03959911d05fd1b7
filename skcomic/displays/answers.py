"""Figures of the answers of one classifier: its errors, its ranking, its probabilities."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skcomic.evidence.calibration import calibration_bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOUR = "#0072b2"
_MAX_CLASSES = 8


def draw_answers(
    figure: "Figure", y_true: Any, y_proba: Any, *, classes: Any, positive: Any = None
) -> None:
    """Draw the confusion matrix, the ROC, precision and recall, and the reliability diagram.

    The first three are scikit-learn's own displays.

    Parameters
    ----------
    figure : matplotlib Figure
        Of `answers_size`; is filled.
    y_true : array-like of shape (n_images,)
        The true labels.
    y_proba : array-like of shape (n_images, n_classes)
        Probabilities of all classes.
    classes : array-like of shape (n_classes,)
        The labels of the columns.
    positive : label, default=None
        The class that the curves are of. None: each of them; of many the first eight.
    """
    from sklearn.metrics import (
        ConfusionMatrixDisplay,
        PrecisionRecallDisplay,
        RocCurveDisplay,
    )

    y_true, y_proba, classes = np.asarray(y_true), np.asarray(y_proba), np.asarray(classes)
    axes = figure.subplots(2, 2).ravel()
    ConfusionMatrixDisplay.from_predictions(
        y_true, classes[y_proba.argmax(axis=1)], labels=classes, ax=axes[0], colorbar=False,
        cmap="Blues", xticks_rotation="vertical" if len(classes) > 2 else "horizontal",
    )  # fmt: skip
    axes[0].set_title("Confusion matrix", fontsize=10)
    shown = classes[:_MAX_CLASSES] if positive is None else [positive]
    for label in shown:
        is_label, probability = y_true == label, y_proba[:, classes.tolist().index(label)]
        if not 0 < is_label.sum() < len(is_label):  # of no such curve
            continue
        for display, ax in ((RocCurveDisplay, axes[1]), (PrecisionRecallDisplay, axes[2])):
            display.from_predictions(is_label, probability, name=str(label), ax=ax)
    axes[1].set(title="ROC", xlabel="False positive rate", ylabel="True positive rate")
    axes[2].set(title="Precision and recall", xlabel="Recall", ylabel="Precision")
    _draw_reliability(axes[3], y_true, y_proba, classes)
    for ax in axes[1:]:
        ax.title.set_fontsize(10)
        ax.grid(visible=True, color="0.92")
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        if legend := ax.get_legend():
            legend.set_frame_on(False)
            for text in legend.get_texts():
                text.set_fontsize(8)


def answers_size(n_classes: int) -> tuple[float, float]:
    """Return width and height of the figure in inches, in which there is room for all classes."""
    side = max(4.0, 0.45 * n_classes + 2)
    return 2 * side, 2 * side


def _draw_reliability(ax: "Axes", y_true: Any, y_proba: Any, classes: Any) -> None:
    bins = calibration_bins(y_true, y_proba, classes)
    lowest = 1 / len(classes)
    ax.plot([lowest, 1], [lowest, 1], ":", color="0.4", label="as it should be")
    ax.plot(bins.confidence, bins.accuracy, "-", color=_COLOUR, alpha=0.5)
    areas = 20 + 180 * bins.n / bins.n.max()
    ax.scatter(bins.confidence, bins.accuracy, s=areas, color=_COLOUR, label="test images")
    ax.set(
        title="Reliability", xlabel="Probability of the answer", ylabel="Share that is right",
        xlim=(lowest - 0.02, 1.02), ylim=(-0.03, 1.03),
    )  # fmt: skip
    ax.legend(loc="lower right")
