"""What makes the numbers of a study doubtful, said with them wherever they are shown."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from skcomic.study.baselines import DUMMY

if TYPE_CHECKING:
    from skcomic.study.results import Study

# One image more or less that is right changes the recall of a class of 20 by 0.05, ten times the
# tolerance within which a study calls nets equally good.
_MIN_TEST_IMAGES = 20

_MAX_NAMES = 5


def find_caveats(study: "Study") -> list[str]:
    """List what makes the numbers of a study doubtful, as far as they are known.

    Parameters
    ----------
    study : Study
        Finished or not.

    Returns
    -------
    caveats : list of str
        Sentences; none if there is nothing to say.
    """
    return [*_of_images(study), *_of_search(study), *_of_test(study)]


def _of_images(study: "Study") -> Iterator[str]:
    if n_flat := study.contrast["images"]:
        yield (
            f"{n_flat} of {study.catalogue['images']} images have no contrast: all of their "
            f"pixels are of one grey level. {_ADVICE}"
        )
    if flat := study.contrast["classes"]:
        yield f"All images of {_names(list(map(str, flat)))} look the same. {_ADVICE}"
    if study.given_split is not None and (n_repeated := study.given_split["test"]):
        yield (
            f"{n_repeated} of {study.split['test']} test images repeat images that are trained "
            "on, or look the same: the scores of the test are too good. Let the study split the "
            "images itself (ignore_split, --ignore-split), or take them out."
        )
    few = [row for row in study.classes if row["test"] < _MIN_TEST_IMAGES]
    if few:
        named = _names([f"{row['label']!r} ({row['test']})" for row in few])
        yield (
            f"Fewer than {_MIN_TEST_IMAGES} test images of {named}: one image decides about "
            f"{1 / min(row['test'] for row in few):.0%} of the recall of such a class. Add "
            "images, or read the scores as rough."
        )


_ADVICE = (
    "If they are transparent, choose another background (`background`, --background); otherwise "
    "look at them."
)


def _of_search(study: "Study") -> Iterator[str]:
    for stage, frame in (("search", study.candidates), ("sizes", study.sizes)):
        if frame is not None and not frame.validation_f_score.fillna(0).any():
            yield (
                f"Every contender of the stage {stage!r} has a validation F-score of 0: none has "
                "learned anything, and the choice among them means nothing. Train longer "
                "(epochs, final_epochs), or look at the images at that size."
            )


def _of_test(study: "Study") -> Iterator[str]:
    if study.test is not None and study.settings.calibrate and study.calibration is None:
        yield f"{study.test['net']} gives no probabilities: there is nothing to calibrate."
    if study.test is None or study.baselines is None:
        return
    (dummy,) = [row for row in study.baselines if row["net"] == DUMMY]
    if study.test["f_score"] <= dummy["f_score"]:
        yield (
            f"{study.test['net']} is not better (F-score {study.test['f_score']:.4f}) than "
            f"{DUMMY} ({dummy['f_score']:.4f}), which ignores the images: do not use it."
        )


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMES])
    n_more = len(names) - _MAX_NAMES
    return f"{shown} and {n_more} more" if n_more > 0 else shown
