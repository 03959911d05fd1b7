"""The card of a model: what it is, what it was trained on, how good it is, and its limits."""

import os
import pprint
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skcomic.images.decoding import PathLike
from skcomic.models.archive import ModelFileError, read_manifest

_CONFIDENCE = 0.95

# The entries of `Study.to_dict`: those that the card has a place for, or that it leaves out.
_STUDY_ENTRIES = {
    "catalogue", "split", "duplicates", "quarantine", "footprint", "candidates", "chosen_net",
    "sizes", "saving", "chosen_size", "test", "baselines", "settings", "versions",
    "stage_seconds", "seconds",
}  # fmt: skip


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
    manifest = read_manifest(path)
    path = Path(path)
    try:
        about = manifest.get("about") or {}
        lines = [
            *_title(manifest, about),
            *_description(manifest, path),
            *_training(manifest, about),
            *_quality(manifest, about),
            *_limits(manifest, about),
            *_usage(manifest, path),
            *_other_entries(about),
        ]
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        reason = f"its manifest does not describe a model as skcomic.save does: {error}"
        raise ModelFileError(os.fspath(path), reason) from error
    return "".join(f"{line}\n" for line in lines)


def _title(manifest: dict[str, Any], about: dict[str, Any]) -> Iterator[str]:
    size = f"_{about['chosen_size']}" if about.get("chosen_size") else ""
    name = _entry(manifest["networks"][0], "name")
    yield f"# {name}{size}: a classifier of {', '.join(map(_cell, manifest['classes']))}"


def _description(manifest: dict[str, Any], path: Path) -> Iterator[str]:
    networks = manifest["networks"]
    net, n_networks = networks[0], len(networks)
    what = "a convolutional network" if n_networks == 1 else f"{n_networks} convolutional networks"
    yield from ("", "## What it is", "")
    yield (
        f"* A {_entry(manifest, 'model')} with {what} of skcomic, `{_entry(net, 'name')}` (units "
        f"at each pixel, pooling, convolutions): {net['weights']:,} parameters"
        f"{'' if n_networks == 1 else ' each'}, computing in {_entry(net, 'precision')}."
    )
    yield (
        f"* File: `{_cell(path.name)}`, {path.stat().st_size:,} bytes, format "
        f"{manifest['format']}, saved {_entry(manifest, 'saved')}."
    )
    if images := manifest["parameters"].get("images"):
        size = images.get("size", "")
        shape = f"{size} x {size}" if isinstance(size, int | float) else size
        yield f"* It takes image files, and scales each to {shape} grey pixels."
    else:
        pixels = net.get("pixels", "")
        yield f"* It takes rows of {pixels} grey pixels in [0, 1], not image files."
    yield f"* Classes: {', '.join(f'`{_cell(label)}`' for label in manifest['classes'])}."


def _training(manifest: dict[str, Any], about: dict[str, Any]) -> Iterator[str]:
    net = manifest["networks"][0]
    yield from ("", "## What it was trained on", "")
    if about.get("catalogue") and about.get("split"):
        yield from _training_images(about)
    else:
        yield "* Not known: the file does not say on which images."
    yield f"* {net.get('epochs', '')} epochs, {net['cpu_seconds']:.1f} s of CPU time."
    if settings := about.get("settings"):
        yield (
            f"* Seed {_entry(settings, 'random_state')}; batches of "
            f"{_entry(settings, 'final_batch_size')}."
        )
    versions = manifest["versions"].items()
    libraries = ", ".join(f"{_cell(name)} {_cell(number)}" for name, number in versions)
    yield f"* With {libraries}, skcomic {_entry(manifest, 'skcomic')}."


def _training_images(about: dict[str, Any]) -> Iterator[str]:
    catalogue, split = about["catalogue"], about["split"]
    yield (
        f"* {catalogue.get('images', '')} images of {catalogue.get('labels', '')} classes, "
        f"{catalogue.get('pairs', '')} pairs of which none was divided: "
        f"{split.get('train', '')} for training and {split.get('validation', '')} for validation "
        "(the net and the size of its images were chosen by these, then it was trained once more "
        f"on both), {split.get('test', '')} for the test."
    )
    if duplicates := about.get("duplicates"):
        near = duplicates.get("near", "")
        if near is None:
            near = "not looked for, the pixels being too few"
        yield (
            f"* Copies among them: {duplicates.get('exact', '')}; images that look the same as "
            f"others: {near}. They stayed on one side of the split."
        )
    if quarantine := about.get("quarantine"):
        yield f"* Left out, since they could not be read: {len(quarantine)} images."


def _quality(manifest: dict[str, Any], about: dict[str, Any]) -> Iterator[str]:
    test = about.get("test")
    yield from ("", "## How good it is", "")
    if not test:
        yield (
            "Not known: the file does not report a test. Try it on images of your own that it "
            "was not trained on."
        )
        return
    positive = (about.get("settings") or {}).get("positive")
    class_of_scores = (
        ""
        if positive is None
        else f" (precision, recall and F-score are of the class `{_cell(positive)}`)"
    )
    n_images = test.get("n", "")
    yield f"On {n_images} images that nothing was tuned on{class_of_scores}:"
    yield ""
    interval = f"its {100 * _CONFIDENCE:.0f} % interval"
    yield _row("classifier", "precision", "recall", "F-score", "accuracy", interval)
    yield "|" + "---|" * 6
    yield from map(_scores, [test, *(about.get("baselines") or [])])
    yield ""
    if confusion := test.get("confusion"):
        yield (
            f"The interval is Wilson's, for {n_images} images that are independent of one "
            "another. The two images of a pair are not quite: in truth it is rather wider."
        )
        yield ""
        labels = [_cell(label) for label in manifest["classes"]]
        yield _row("truth \\ answer", *labels)
        yield "|---|" + "---|" * len(labels)
        for label, counts in zip(labels, confusion, strict=True):
            yield _row(label, *counts)


def _scores(test: dict[str, Any]) -> str:
    """Write the row of one classifier."""
    accuracy = interval = "not known"
    confusion = test.get("confusion")
    if confusion is not None:
        n_right = sum(row[i] for i, row in enumerate(confusion))
        accuracy = f"{n_right / test['n']:.4f}"
        low, high = _wilson_interval(n_right, test["n"])
        interval = f"{low:.4f} to {high:.4f}"
    scores = (f"{test[name]:.4f}" for name in ("precision", "recall", "f_score"))
    return _row(_entry(test, "net"), *scores, accuracy, interval)


def _wilson_interval(n_right: int, n: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    interval = binomtest(n_right, n).proportion_ci(_CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def _limits(manifest: dict[str, Any], about: dict[str, Any]) -> Iterator[str]:
    unknown = "" if about.get("catalogue") else ", whatever these were"
    takes_images = manifest["parameters"].get("images")
    squeezed = ", the whole image squeezed to its size whatever its proportions"
    calibrated = "calibrated" if "Calibrated" in manifest["model"] else "not calibrated"
    yield from ("", "## Its limits", "")
    yield (
        "* It knows its classes and nothing else: an image of anything else gets one of them, "
        "often with a high probability."
    )
    yield (
        f"* It is for images like those that it was trained on{unknown}; of others nothing was "
        "measured."
    )
    yield f"* It sees grey pixels alone{squeezed if takes_images else ''}."
    if about.get("test"):
        yield "* The figures are of one split and one seed."
    yield f"* Probabilities were {calibrated}."


def _usage(manifest: dict[str, Any], path: Path) -> Iterator[str]:
    yield from ("", "## How to use it", "")
    if manifest["parameters"].get("images"):
        yield from ("On the command line, with a CSV of answers:", "", "```")
        yield f"skcomic predict {shlex.quote(path.name)} FOLDER --out answers.csv"
        yield from ("```", "")
    yield from ("In Python:", "", "```python")
    yield f"model = skcomic.load({pprint.pformat(path.name)})"
    yield from ("```", "", "Loading the file runs nothing that is in it.")


def _other_entries(about: dict[str, Any]) -> Iterator[str]:
    others = {key: value for key, value in about.items() if key not in _STUDY_ENTRIES}
    if others:
        yield from ("", "## Further information", "")
    for key, value in others.items():
        yield f"* {_cell(key)}: {_cell(value)}"


def _entry(mapping: dict[str, Any], key: str) -> str:
    return _cell(mapping.get(key, ""))


def _row(*cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _cell(value: Any) -> str:
    """Write something of a file into Markdown such that it stays within its place."""
    text = str(value).replace("\\", "\\\\")
    for mark in "|`<>[]*#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
