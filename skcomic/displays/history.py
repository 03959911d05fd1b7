"""A figure of how the loss of a net falls while it is trained."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HISTORY_SIZE = (7.0, 3.2)
_NAMES = {"loss": "training images", "val_loss": "images held out"}


def draw_history(ax: "Axes", history: Mapping[str, Sequence[float]]) -> None:
    """Draw the losses of each epoch.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    history : dict of str to list of float
        `history_` of a fitted net; only losses are drawn.
    """
    for (key, name), colour in zip(_NAMES.items(), ("#0072b2", "#d55e00"), strict=True):
        if losses := history.get(key):
            ax.plot(range(1, len(losses) + 1), losses, "o-", color=colour, label=name, ms=3)
    ax.set(xlabel="Epoch", ylabel="Loss")
    ax.set_ylim(bottom=0)
    ax.locator_params(axis="x", integer=True)
    ax.grid(visible=True, color="0.92")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8)
