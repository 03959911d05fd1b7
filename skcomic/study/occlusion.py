"""Which part of some test images decides about their class."""

from typing import Any

from skcomic.evidence.occlusion import occlusion_map
from skcomic.images.loading import height_and_width
from skcomic.study.evaluation import TimedFit

_MISTAKES, _TYPICAL_OF_CLASS, _MAX_IMAGES = 4, 2, 12


def map_occlusion(
    fit: TimedFit, examples: list[dict[str, Any]] | None, classes: list[Any]
) -> list[dict[str, Any]] | None:
    """Map what decides about a few images: mistakes, and typical ones of each class.

    Parameters
    ----------
    fit : TimedFit
        Fitted.
    examples : list of dict or None
        As in `Study`.
    classes : list
        All labels, sorted.

    Returns
    -------
    occlusion : list of dict or None
        As in `Study`.
    """
    if not examples or fit.vectorizer is None:
        return None
    chosen = [row for row in examples if row["is_mistake"]][:_MISTAKES]
    for label in classes:
        typical = [row for row in examples if row["label"] == label and not row["is_mistake"]]
        chosen += typical[:_TYPICAL_OF_CLASS]
    chosen = chosen[:_MAX_IMAGES]
    shape = height_and_width(fit.vectorizer.size)
    images = fit.vectorizer.transform([row["path"] for row in chosen]).reshape(-1, *shape)
    predict_proba = fit.classifier.predict_proba
    return [
        {
            "path": row["path"],
            "label": row["label"],
            "predicted": row["predicted"],
            "image": image,
            "decrease": occlusion_map(predict_proba, image, classes.index(row["predicted"])),
        }
        for row, image in zip(chosen, images, strict=True)
    ]
