"""Pictures side by side on one axes, each with a caption."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from skcomic.displays._display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches of a tile, and of a line of the caption below it.
_SIDE, _LINE = 1.6, 0.2
_GAP = 0.06


class TilesDisplay(Display):
    """What the displays of images have in common.

    Parameters
    ----------
    pictures : sequence of ndarray of shape (height, width) or (height, width, 3)
        Grey levels or colours: uint8, or float in [0, 1].
    captions : sequence of str
        One for each.
    """

    _columns: ClassVar[int] = 6

    def __init__(self, pictures: Sequence[Any], captions: Sequence[str]) -> None:
        self.pictures = [np.asarray(picture) for picture in pictures]
        self.captions = list(captions)

    def _draw(self, ax: "Axes") -> None:
        self.axes_ = draw_tiles(ax, self.pictures, self.captions, self._columns)

    @property
    def figsize(self) -> tuple[float, float]:
        """Width and height of a figure in inches, in which there is room for all images."""
        n_tiles = max(1, len(self.pictures))
        n_rows = -(-n_tiles // self._columns)
        return _SIDE * min(self._columns, n_tiles), _tile_height(self.captions) * n_rows


def draw_tiles(
    ax: "Axes", pictures: Sequence[Any], captions: Sequence[str], n_columns: int
) -> list["Axes"]:
    """Draw pictures in rows.

    Parameters
    ----------
    ax : matplotlib Axes
        Is divided.
    pictures : sequence of ndarray of shape (height, width) or (height, width, 3)
        Grey levels or colours: uint8, or float in [0, 1].
    captions : sequence of str
        One for each.
    n_columns : int
        Pictures in a row.

    Returns
    -------
    axes : list of matplotlib Axes
        One for each picture, within `ax`.
    """
    ax.set_axis_off()
    n_columns = min(n_columns, max(1, len(pictures)))
    n_rows = max(1, -(-len(pictures) // n_columns))
    width, height = 1 / n_columns, 1 / n_rows
    picture_share = _SIDE / _tile_height(captions)
    axes = []
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(number, n_columns)
        tile = ax.inset_axes(
            (
                (column + _GAP / 2) * width,
                1 - (row + picture_share) * height,
                (1 - _GAP) * width,
                picture_share * height,
            )
        )
        array = np.asarray(picture)
        highest = 255 if array.dtype == np.uint8 else 1
        # Pixels that are seen as such, where there are few.
        few = max(array.shape[:2]) <= 128
        tile.imshow(
            array, cmap="gray", vmin=0, vmax=highest, interpolation="nearest" if few else None
        )
        tile.set(xticks=[], yticks=[])
        tile.spines[:].set_visible(False)
        tile.set_xlabel(caption, fontsize=8, labelpad=3)
        axes.append(tile)
    return axes


def _tile_height(captions: Sequence[str]) -> float:
    """Inches of a tile with its caption, of which each has room for the longest."""
    n_lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    return _SIDE + _LINE * (n_lines + 0.5)
