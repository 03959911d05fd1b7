"""The card of a model: what it is, what it was trained on, how good it is, and its limits."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skcomic.images.decoding import PathLike
from skcomic.models.archive import ModelFileError, read_manifest

_CONFIDENCE = 0.95  # of the intervals; as they are usually reported

_CALIBRATING = ("CalibratedClassifierCV", "TemperatureScaledClassifier")

# The entries of `Study.to_dict`: the card shows them in its sections, or leaves them out.
_STUDY_ENTRIES = {
    "catalogue", "split", "validation", "given_split", "skipped", "classes", "contrast", "formats",
    "duplicates", "quarantine", "footprint", "candidates", "chosen_net", "sizes", "saving",
    "chosen_size", "test", "repeats", "calibration", "robustness", "suspect_labels", "examples",
    "history", "abstention", "baselines", "outside", "caveats", "settings", "versions",
    "stage_seconds", "seconds",
}  # fmt: skip


def render_card(path: PathLike) -> str:
    """Describe the model in a file by what its manifest says; the model is not loaded.

    Parameters
    ----------
    path : str or path-like
        A file that `save` wrote.

    Returns
    -------
    card : str
        Markdown. What the file does not say is called unknown.

    Raises
    ------
    ModelFileError
        If it is not a model file, or its manifest does not describe a model.

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
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = f"its manifest does not describe a model as skcomic.save does: {error}"
        raise ModelFileError(os.fspath(path), reason) from error
    return "".join(f"{line}\n" for line in lines)


def _title(manifest: dict[str, Any], about: dict[str, Any]) -> Iterator[str]:
    networks, test = manifest["networks"], about.get("test") or {}
    if "net" in test:  # a study names what it tests, with the size of the images
        name = _entry(test, "net")
    elif networks:
        name = _entry(networks[0], "name")
    else:  # before there were models without networks, no steps were named
        name = _escape(manifest["steps"][-1])
    yield f"# {name}: a classifier of {', '.join(map(_escape, manifest['classes']))}"


def _description(manifest: dict[str, Any], path: Path) -> Iterator[str]:
    networks = manifest["networks"]
    yield from ("", "## What it is", "")
    if networks:
        yield _describe_networks(manifest)
    else:
        steps = " -> ".join(f"`{_escape(step)}`" for step in manifest["steps"])
        yield f"* A {_entry(manifest, 'model')} without a network: {steps}."
    yield (
        f"* File: `{_escape(path.name)}`, {path.stat().st_size:,} bytes, format "
        f"{manifest['format']}, saved {_entry(manifest, 'saved')}."
    )
    if images := manifest["parameters"].get("images"):
        size = images["size"]
        sides = size if isinstance(size, list) else [size, size]  # height and width
        shape = " x ".join(map(_escape, sides))
        yield f"* It takes image files, and scales each to {shape} grey pixels."
    else:
        pixels = _entry(networks[0] if networks else manifest, "pixels")
        yield f"* It takes rows of {pixels} grey pixels in [0, 1], not image files."
    yield f"* Classes: {', '.join(f'`{_escape(label)}`' for label in manifest['classes'])}."


def _describe_networks(manifest: dict[str, Any]) -> str:
    net, n_networks = manifest["networks"][0], len(manifest["networks"])
    what = "a convolutional network" if n_networks == 1 else f"{n_networks} convolutional networks"
    is_small = "patch_size" in manifest["parameters"]["net"]
    parts = (
        "side of the whitened patches, first pooling, convolutions"
        if is_small
        else "units at each pixel, pooling, convolutions"
    )
    return (
        f"* A {_entry(manifest, 'model')} with {what} of skcomic, `{_entry(net, 'name')}` "
        f"({parts}): {net['weights']:,} parameters"
        f"{'' if n_networks == 1 else ' each'}, computing in {_entry(net, 'precision')}."
    )


def _training(manifest: dict[str, Any], about: dict[str, Any]) -> Iterator[str]:
    yield from ("", "## What it was trained on", "")
    if about.get("catalogue") and about.get("split"):
        yield from _training_images(about)
    else:
        yield "* Not known: the file does not say on which images."
    for net in manifest["networks"][:1]:
        yield f"* {_entry(net, 'epochs')} epochs, {net['cpu_seconds']:.1f} s of CPU time."
    if settings := about.get("settings"):
        net = manifest["parameters"].get("net")
        batches = f"; batches of {_entry(net, 'batch_size')}" if net else ""
        yield f"* Seed {_entry(settings, 'random_state')}{batches}."
    versions = manifest["versions"].items()
    libraries = ", ".join(f"{_escape(name)} {_escape(number)}" for name, number in versions)
    yield f"* With {libraries}, skcomic {_entry(manifest, 'skcomic')}."


def _training_images(about: dict[str, Any]) -> Iterator[str]:
    catalogue, split = about["catalogue"], about["split"]
    given = about.get("given_split")
    kept = " in parts that were given" if given else " none of which was split"
    train = _entry(split, "train")
    developed = (
        f"{train} for training and {_entry(split, 'validation')} for validation (they chose the "
        "net and the size of its images, and it was then trained again on both)"
    )
    if split.get("validation") == 0:
        developed = (
            f"{train} for training and validation, in folds (which chose the classifier and the "
            "size of its images, and it was then trained again on all of them)"
        )
    yield (
        f"* {_entry(catalogue, 'images')} images of {_entry(catalogue, 'labels')} classes, "
        f"{_entry(catalogue, 'pairs')} pairs{kept}: "
        f"{developed}, {_entry(split, 'test')} for the test."
    )
    if duplicates := about.get("duplicates"):
        near = _entry(duplicates, "near")
        if "near" in duplicates and duplicates["near"] is None:
            near = "not searched for, since the images are too small"
        yield (
            f"* Copies among them: {_entry(duplicates, 'exact')}; images that look the same as "
            f"others: {near}." + ("" if given else " They stayed on one side of the split.")
        )
    if quarantine := about.get("quarantine"):
        yield f"* Left out because they could not be read: {len(quarantine)} images."


def _quality(manifest: dict[str, Any], about: dict[str, Any]) -> Iterator[str]:
    test = about.get("test")
    yield from ("", "## How good it is", "")
    if not test:
        yield (
            "Not known: the file describes no test. Try the model on images of your own that it "
            "was not trained on."
        )
        return
    positive = (about.get("settings") or {}).get("positive")
    class_of_scores = (
        ""
        if positive is None
        else f" (precision, recall and F-score are of the class `{_escape(positive)}`)"
    )
    n_images = _entry(test, "n")
    yield f"On {n_images} images that nothing was tuned on{class_of_scores}:"
    yield ""
    interval = f"its {100 * _CONFIDENCE:.0f} % interval"
    yield _row("classifier", "precision", "recall", "F-score", "accuracy", interval)
    yield "|" + "---|" * 6
    yield from map(_scores, [test, *(about.get("baselines") or [])])
    if confusion := test.get("confusion"):
        yield ""
        if test.get("interval"):
            yield (
                "The interval is that of the accuracy; images of a pair may err together, which "
                "is part of it."
            )
        else:
            yield (
                f"The interval is Wilson's, for {n_images} independent images. The two images of "
                "a pair are not quite independent, so the true interval is somewhat wider."
            )
        yield ""
        labels = [_escape(label) for label in manifest["classes"]]
        yield _row("true \\ predicted", *labels)
        yield "|---|" + "---|" * len(labels)
        for label, counts in zip(labels, confusion, strict=True):
            yield _row(label, *map(_escape, counts))


def _scores(test: dict[str, Any]) -> str:
    """Format the row of one classifier."""
    if failure := test.get("failure"):
        return _row(_entry(test, "net"), f"failed: {_escape(failure)}", "", "", "", "")
    accuracy = interval = "not known"
    confusion = test.get("confusion")
    if confusion is not None:
        n_right = sum(row[i] for i, row in enumerate(confusion))
        accuracy = f"{n_right / test['n']:.4f}"
        if limits := test.get("interval"):
            low, high = limits["accuracy"]
        else:  # of a study by a former version
            low, high = _wilson_interval(n_right, test["n"])
        interval = f"{low:.4f} to {high:.4f}"
    scores = (f"{test[name]:.4f}" for name in ("precision", "recall", "f_score"))
    return _row(_entry(test, "net"), *scores, accuracy, interval)


def _wilson_interval(n_right: int, n: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    interval = binomtest(n_right, n).proportion_ci(_CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def _limits(manifest: dict[str, Any], about: dict[str, Any]) -> Iterator[str]:
    unknown = "" if about.get("catalogue") else ", which are not known"
    takes_images = manifest["parameters"].get("images")
    squeezed = ", and the whole image is scaled to its size without keeping the proportions"
    steps = (manifest["model"], *manifest.get("steps", ()))
    is_calibrated = any(kind in str(step) for kind in _CALIBRATING for step in steps)
    yield from ("", "## Its limits", "")
    yield (
        "* It knows only its classes: an image of anything else is assigned to one of them, often "
        "with a high probability."
    )
    yield (
        f"* It is for images like those that it was trained on{unknown}; nothing was measured on "
        "others."
    )
    yield f"* It sees only grey pixels{squeezed if takes_images else ''}."
    if repeats := about.get("repeats"):
        yield (
            f"* The scores are those of one split and one seed; over {len(repeats['seeds'])} of "
            f"them the F-score has a mean of {repeats['mean']:.4f} and a standard deviation of "
            f"{repeats['standard_deviation']:.4f}."
        )
    elif about.get("test"):
        yield "* The scores are those of one split and one seed."
    yield f"* Probabilities were {'' if is_calibrated else 'not '}calibrated."
    threshold = (about.get("abstention") or {}).get("threshold")
    if threshold is not None:
        yield (
            f"* `skcomic predict` says 'unsure' where no class has a probability of "
            f"{_escape(threshold)}."
        )
    yield from (f"* {_escape(caveat)}" for caveat in about.get("caveats") or [])


def _usage(manifest: dict[str, Any], path: Path) -> Iterator[str]:
    yield from ("", "## How to use it", "")
    if manifest["parameters"].get("images"):
        yield from ("On the command line, with a CSV file of predictions:", "", "```")
        yield f"skcomic predict {shlex.quote(path.name)} FOLDER --out predictions.csv"
        yield from ("```", "")
    yield from ("In Python:", "", "```python")
    yield f"model = skcomic.load({path.name!r})"
    yield from ("```", "", "Loading the file runs no code in it.")


def _other_entries(about: dict[str, Any]) -> Iterator[str]:
    others = {key: value for key, value in about.items() if key not in _STUDY_ENTRIES}
    if others:
        yield from ("", "## Further information", "")
    for key, value in others.items():
        yield f"* {_escape(key)}: {_escape(value)}"


def _entry(mapping: dict[str, Any], key: str) -> str:
    return _escape(mapping.get(key, "unknown"))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(value: Any) -> str:
    """Format a value of a manifest as Markdown text on one line, without markup."""
    text = str(value).replace("\\", "\\\\")
    for mark in "|`<>[]*#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
