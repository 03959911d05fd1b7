"""The card of a model: what it is, what it was trained on, how good it is, and its limits."""

import os
import shlex
from pathlib import Path
from typing import Any

from skcomic.images.decoding import PathLike
from skcomic.models.archive import ModelFileError, read_manifest

_CONFIDENCE = 0.95


def render_card(path: PathLike) -> str:
    """Tell of a model in a file, from what the file says of it; the model is not loaded.

    Parameters
    ----------
    path : str or path-like
        A file that `save` wrote.

    Returns
    -------
    card : str
        Markdown. What the file does not say is said to be unknown.

    Raises
    ------
    ModelFileError
        If it is no model file.
    ModuleNotFoundError
        If jinja2 is not installed; it is in the extra ``study``.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skcomic import ConvNetClassifier, render_card, save
    >>> rows = np.random.default_rng(0).random((20, 64), dtype=np.float32)
    >>> net = ConvNetClassifier(first_units=4, filters=4, epochs=1).fit(rows, [0, 1] * 10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(net, f"{folder}/net.skcomic")
    ...     card = render_card(f"{folder}/net.skcomic")
    >>> print(card.splitlines()[0])
    # 4_max_1: a classifier of 0, 1
    """
    from jinja2 import Environment, PackageLoader, TemplateError

    manifest = read_manifest(path)
    path = Path(path)
    templates = Environment(
        loader=PackageLoader("skcomic.models", ""),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters["cell"] = _cell
    try:
        return templates.get_template("card.md").render(
            m=manifest,
            about=manifest.get("about") or {},
            file=path.name,
            quoted=shlex.quote(path.name),
            n_bytes=path.stat().st_size,
            n_right=_n_right,
            interval=_interval,
            confidence=f"{100 * _CONFIDENCE:.0f} %",
        )
    except (TemplateError, TypeError, ValueError, LookupError, AttributeError) as error:
        reason = f"its manifest does not tell of a model as skcomic.save does: {error}"
        raise ModelFileError(os.fspath(path), reason) from error


def _n_right(test: dict[str, Any]) -> int | None:
    """Count the images that were told rightly: the diagonal of the confusion matrix."""
    confusion = test.get("confusion")
    return None if confusion is None else sum(row[i] for i, row in enumerate(confusion))


def _interval(n_right: int, n: int) -> tuple[float, float]:
    """Give Wilson's interval of a share."""
    from scipy.stats import binomtest

    interval = binomtest(n_right, n).proportion_ci(_CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def _cell(value: Any) -> str:
    """Write something of a file into Markdown such that it stays within its place."""
    text = str(value).replace("\\", "\\\\")
    for mark in "|`<>[]*#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
