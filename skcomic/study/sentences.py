"""What a study says of its numbers in words."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from skcomic.catalogue.duplicates import COMPARED_SIDE
from skcomic.catalogue.validation import PARTS
from skcomic.images.listing import list_counts
from skcomic.selection.costs import COST_LABELS

if TYPE_CHECKING:
    from skcomic.study.results import Study


def compare_with_report(study: "Study") -> str | None:
    """Compare the choice of the search with the best of the report's nets."""
    frame = study.candidates
    if frame is None or study.settings.contenders == "report":
        return None
    report = frame[frame.first_units.notna() & frame.failure.isna()]
    if report.empty:
        return None
    report = report[report.validation_f_score.notna()]
    if report.empty:
        return (
            f"None of the report's nets was trained: {study.chosen_net} takes less work, and "
            "is so good that none of them could be chosen."
        )
    best = report.sort_values(["images", "validation_f_score"]).iloc[-1]
    if best.net == study.chosen_net:
        return (
            f"The choice, {best.net}, is one of the report's nets: no smaller net or linear "
            "model is about as good for less."
        )
    chosen = frame[frame.net == study.chosen_net].iloc[-1]
    on = "" if best.images == chosen.images else f" (trained on {best.images} images)"
    cost = study.settings.cost
    share = "" if not best[cost] else f", {chosen[cost] / best[cost]:.2g} times as much"
    return (
        f"The best of the report's nets here, {best.net}{on}, has a validation F-score of "
        f"{best.validation_f_score:.3f} for {best[cost]:.3g} {COST_LABELS[cost]}. The choice, "
        f"{chosen.net}, has {chosen.validation_f_score:.3f} for {chosen[cost]:.3g}{share}."
    )


def describe_repeats(study: "Study") -> str | None:
    """Say what came of training and testing the choice several times."""
    repeats = study.repeats
    if repeats is None or study.test is None:
        return None
    low, high = repeats["interval"]
    return (
        f"Trained and tested {len(repeats['seeds'])} times, with seeds and splits of their own, "
        f"{study.test['net']} has a mean F-score of {repeats['mean']:.3f} ({low:.3f} to "
        f"{high:.3f}, for the luck of split, seed and images); the tests range from "
        f"{min(repeats['f_scores']):.3f} to {max(repeats['f_scores']):.3f}, with a standard "
        f"deviation of {repeats['standard_deviation']:.3f}."
    )


def describe_images(study: "Study") -> list[str]:
    """Describe what was done about images that cannot be read or are duplicates."""
    sentences = []
    if study.skipped:
        sentences.append(f"Files and folders that were skipped: {list_counts(study.skipped)}.")
    if study.given_split is not None:
        given = study.given_split["parts"]
        drawn = [part for part in PARTS if part not in given]
        sentences.append(
            f"The parts were given: {', '.join(given)}"
            + (f"; drawn from train: {', '.join(drawn)}" if drawn else "")
            + f". Images that repeat others of an earlier part: {study.given_split['test']} of "
            f"the test, {study.given_split['validation']} of the validation."
        )
    exact, near = study.duplicates["exact"], study.duplicates["near"]
    if exact or near:
        by_look = f", {near} by look" if near is not None else ""
        sentences.append(
            f"Images that repeat others: {exact} by content{by_look}; of another class than "
            f"what they repeat: {study.duplicates['of_another_class']}."
            + ("" if study.given_split else " Each is in the same part as what it repeats.")
        )
    if near is None:
        sentences.append(
            "Images that look the same were not looked for: that takes a size of "
            f"{COMPARED_SIDE} pixels or more."
        )
    if study.quarantine is not None and len(study.quarantine):
        others = study.quarantine.drop_duplicates("pair").left_of_pair.sum()
        sentences.append(
            f"Left out, since they cannot be read: {len(study.quarantine)} images (see "
            f"quarantine.csv). Other images of their pairs, which stay: {others}."
        )
    if study.settings.chunk_images is not None:
        sentences.append(
            f"Contenders were trained in chunks of {study.settings.chunk_images} images "
            "(fit_in_chunks), linear models by SGDClassifier: all rows are "
            f"{study.footprint.n_bytes / 1e9:.3g} GB."
        )
    return sentences


def describe_call(study: "Study") -> str:
    """Write the call of `run_study` that repeats a study."""
    defaults = type(study.settings)()
    options = []
    for name, value in asdict(study.settings).items():
        if name == "contenders" and isinstance(value, tuple):
            options.append("contenders={...}")
        elif value != getattr(defaults, name):
            options.append(f"{name}={value!r}")
    return f"run_study({', '.join(['catalogue', *options])})"
