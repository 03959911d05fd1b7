"""What the figures of this package have in common: how they are drawn, and shown in notebooks."""

import base64
import copy
import io
from abc import ABC, abstractmethod
from html import escape
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def make_figure(figsize: tuple[float, float]) -> "Figure":
    """Make a figure without pyplot: no screen is needed and no global is touched.

    Parameters
    ----------
    figsize : tuple of float
        Its width and height in inches.

    Returns
    -------
    figure : matplotlib Figure
        Without axes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=figsize, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


class Display(ABC):
    """A figure of what was measured, in the shape of scikit-learn's displays."""

    ax_: Any
    figure_: Any

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the figure.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; displays of images divide it. None makes a new figure.

        Returns
        -------
        display : object
            Itself, with `ax_` and `figure_`.
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=self.figsize, layout="constrained")
        self._draw(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @property
    @abstractmethod
    def figsize(self) -> tuple[float, float]:
        """Width and height of a figure in inches, in which there is room for everything."""

    @abstractmethod
    def _draw(self, ax: "Axes") -> None:
        """Draw on the axes."""

    def _repr_html_(self) -> str | None:
        """Draw a copy; of one that has been drawn, matplotlib shows the figure itself."""
        if hasattr(self, "figure_"):
            return None
        figure = make_figure(self.figsize)
        copy.copy(self).plot(figure.subplots())
        content = io.BytesIO()
        figure.savefig(content, format="png")
        encoded = base64.b64encode(content.getvalue()).decode()
        return f'<img src="data:image/png;base64,{encoded}" alt="{escape(type(self).__name__)}">'
