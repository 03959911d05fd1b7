"""Displays as notebooks show them: by their figures."""

import base64
import copy
import io
from collections.abc import Callable
from html import escape
from typing import Any


class FigureReprMixin:
    """Shows a display that has not been drawn as its figure."""

    plot: Callable[..., Any]

    def _repr_html_(self) -> str | None:
        """Draw a copy; of one that has been drawn, matplotlib shows the figure itself."""
        if hasattr(self, "figure_"):
            return None
        import matplotlib.pyplot as plt

        figure = copy.copy(self).plot().figure_
        content = io.BytesIO()
        figure.savefig(content, format="png")
        plt.close(figure)
        encoded = base64.b64encode(content.getvalue()).decode()
        return f'<img src="data:image/png;base64,{encoded}" alt="{escape(type(self).__name__)}">'
