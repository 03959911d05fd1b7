"""Histograms of oriented gradients, without scikit-learn."""

import numpy as np

#: Dalal and Triggs' limit of an entry of a block of length 1.
LIMIT = 0.2
#: Keeps the length of a block without gradients above zero.
EPSILON = 1e-5


def describe_gradients(
    images: np.ndarray, orientations: int, cell_size: int, block_size: int
) -> np.ndarray:
    """Compute the normalised histograms of images; see `HogVectorizer`.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width), float32
        Grey levels.
    orientations, cell_size, block_size : int
        As in `HogVectorizer`.

    Returns
    -------
    blocks : ndarray of shape (n_images, rows, columns, block_size, block_size, orientations)
        Float32, in [0, 1].
    """
    histograms = _cell_histograms(images, cell_size, orientations)
    down, across = count_blocks(images.shape[1:], cell_size, block_size)
    shape = (len(images), down, across, block_size, block_size, orientations)
    blocks = np.empty(shape, dtype=np.float32)
    for row, column in np.ndindex(block_size, block_size):
        cells = histograms[:, row : row + down, column : column + across]
        blocks[..., row, column, :] = cells
    blocks /= _lengths(blocks)
    np.minimum(blocks, LIMIT, out=blocks)
    blocks /= _lengths(blocks)
    return blocks


def count_blocks(shape: tuple[int, ...], cell_size: int, block_size: int) -> tuple[int, int]:
    """Return how many blocks an image of this height and width has, down and across."""
    down, across = (side // cell_size - block_size + 1 for side in shape)
    return down, across


def _cell_histograms(images: np.ndarray, cell_size: int, orientations: int) -> np.ndarray:
    """Return the histogram of each cell, of shape (n_images, rows, columns, orientations)."""
    n_images, *shape = images.shape
    rows, columns = (side // cell_size for side in shape)
    height, width = rows * cell_size, columns * cell_size
    down, across = np.zeros_like(images), np.zeros_like(images)
    np.subtract(images[:, 2:], images[:, :-2], out=down[:, 1:-1])
    np.subtract(images[:, :, 2:], images[:, :, :-2], out=across[:, :, 1:-1])
    # Double precision, or gradients on the border of two directions go to the wrong one.
    down = down[:, :height, :width].astype(np.float64)
    across = across[:, :height, :width].astype(np.float64)
    directions = _directions(down, across, orientations)
    image = np.arange(n_images)[:, None, None]
    row, column = np.arange(height)[:, None] // cell_size, np.arange(width) // cell_size
    directions += ((image * rows + row) * columns + column) * orientations
    histograms = np.bincount(
        directions.ravel(),
        weights=np.sqrt(down * down + across * across).ravel(),
        minlength=n_images * rows * columns * orientations,
    )
    return (histograms / cell_size**2).reshape(n_images, rows, columns, orientations)


def _directions(down: np.ndarray, across: np.ndarray, orientations: int) -> np.ndarray:
    """Number the directions of gradients; opposite gradients have the same one."""
    # The arctangent of a quotient does not tell opposite gradients apart either, and takes a
    # fraction of the time of arctan2. A pixel without a gradient (0/0) does not count anyway.
    with np.errstate(divide="ignore", invalid="ignore"):
        angles = np.rad2deg(np.arctan(down / across))
    angles[np.isnan(angles)] = 0
    angles[angles < 0] += 180
    directions = (angles * orientations / 180).astype(np.intp)
    directions[directions == orientations] = 0  # a very small negative angle becomes 180
    return directions


def _lengths(blocks: np.ndarray) -> np.ndarray:
    flat = blocks.reshape(*blocks.shape[:3], -1)
    squares = np.einsum("...i,...i->...", flat, flat)
    return np.sqrt(squares + np.float32(EPSILON**2))[..., None, None, None]
