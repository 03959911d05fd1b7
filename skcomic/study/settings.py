"""The settings of a study: the default of each, what it must be, and its help."""

from collections.abc import Callable, Iterable
from dataclasses import Field, dataclass, field, fields
from itertools import count
from math import inf
from numbers import Integral, Real
from typing import Any, Literal, get_args

from skcomic.images.grey import Background
from skcomic.nets.topology import Precision, check_depth
from skcomic.selection.costs import ONE_SE, Cost, Tolerance
from skcomic.selection.pipelines import ARCHITECTURES

ContenderSet = Literal["all", "report"]
SearchKind = Literal["auto", "random", "halving"]
HOLDOUT: Literal["holdout"] = "holdout"
Validation = Literal["auto", "holdout"] | int
OnBad = Literal["raise", "quarantine"]
ChunkImages = Literal["auto"] | int | None

_POOLING, _DEPTH = "classify__pooling", "classify__n_conv"


def _about(
    help: str,
    rule: str = "",
    is_valid: Callable[[Any], bool] = lambda _: True,
    option: str | None = None,
) -> dict[str, Any]:
    """The metadata of a field of `StudySettings`.

    An option of the command line has the name of its setting, or another one, `option`.
    """
    return {"help": help, "rule": rule, "is_valid": is_valid, "option": option}


def _one_of(kind: Any) -> tuple[str, Callable[[Any], bool]]:
    allowed = get_args(kind)
    return f"one of {allowed}", lambda value: value in allowed


def _is_int(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _are_contenders(value: Any) -> bool:
    if isinstance(value, tuple):
        return len(value) > 0 and all(isinstance(name, str) and name for name in value)
    return value in get_args(ContenderSet)


_LIMIT = (
    "a number above 0",
    lambda value: value is None or (_is_real(value) and 0 < value < inf),
)
_COUNT = "1 or more", lambda value: _is_int(value) and value >= 1
_SHARE = "a share between 0 and 1", lambda value: _is_real(value) and 0 < value < 1


def _can_be_convolved(size: int) -> bool:
    """Return whether images of this size are large enough for the deepest net."""
    try:
        check_depth(size, size, max(ARCHITECTURES[_DEPTH]))
    except ValueError:
        return False
    return True


_SMALLEST = next(filter(_can_be_convolved, count(1)))


def _are_sizes(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) > 0
        and all(_is_int(size) and size >= _SMALLEST for size in value)
        and len(set(value)) == len(value)
    )


def _is_background(value: Any) -> bool:
    return value in ("white", "black", "auto") or (_is_int(value) and 0 <= value <= 255)


def _can_be_balanced(value: Any) -> bool:
    n_nets, n_poolings = 1, len(ARCHITECTURES[_POOLING])
    for values in ARCHITECTURES.values():
        n_nets *= len(values)
    return _is_int(value) and 0 < value <= n_nets and value % n_poolings == 0


@dataclass(frozen=True)
class StudySettings:
    """All that decides the outcome of a study, apart from the images.

    Parameters
    ----------
    sizes : sequence of int, default=(64, 32)
        Sides of the square images, in pixels.
    contenders : {"all", "report"} or tuple of str, default="all"
        What is tried: "report" is the protocol of the report, some of its twelve nets; "all" are
        these and the families "small" and "classic" of `make_contenders`, in chunks "small" and
        "sgd". Names are those of the user's own estimators (`run_study` is given the
        estimators).
    n_candidates : int, default=6
        How many of the report's twelve nets are tried; even, for as many of each pooling.
    search_fraction : float, default=None
        Share of the training images that the search trains on; above 0, up to 1. None: a half,
        but all of them if the search begins with few of them by itself ("halving" of others than
        the report's nets).
    epochs, batch_size : int, default=25, 50
        Training of the report's nets in the search; others have their own.
    final_epochs, final_batch_size : int, default=30, 35
        Training of the report's nets afterwards.
    test_size : float, default=1/3
        Share of the images that is kept for the test.
    validation_size : float, default=1/3
        Share of the rest that is kept for validation.
    cost : str, default="cpu_seconds"
        What is to be saved: "cpu_seconds", "wall_seconds" or "multiply_adds" of training,
        "predict_ms", the CPU milliseconds of a prediction of one image, or "model_bytes", the
        size of the saved model. Multiply-adds do not depend on the clock, but only those of nets
        are counted: what has none is not chosen as long as there is another.
    max_predict_ms, max_model_kb, max_ram_kb, max_fit_seconds : float, default=None
        What a contender may cost to be chosen: CPU milliseconds of a prediction, thousands of
        bytes of the saved model and of the values between its layers (the C that `export` writes
        needs less of these), CPU seconds of training. None: anything.
    validation : {"auto", "holdout"} or int, default="auto"
        What contenders are compared on. "holdout": the validation images. An int: so many folds
        of all images but those of the test; pairs stay together, each contender answers for every
        image, trained on the others, and what a cheaper one clearly surpasses is not trained on
        the folds that are left. "auto": 5 folds with fewer than 2,000 such images, else the
        hold-out; that also for "report", with "halving" and where the catalogue gives the
        validation images.
    tolerance : float, "1se" or None, default=None
        How far below the best validation F-score a choice may be. "1se": by one standard error
        of the difference on the same images. None: "1se" with folds, else 0.005.
    abstain : float, default=None
        The accuracy that is wanted of the answers that are given: a threshold of the probability
        is chosen by the validation images, below which `skcomic predict` says "unsure". None: it
        always answers.
    calibrate : bool, default=False
        Whether the probabilities of the choice are corrected by a temperature that is found by
        the validation images; see `TemperatureScaledClassifier`. Its answers stay the same.
    repeats : int, default=1
        How often the choice is trained and tested in all, with seeds and splits of their own.
    positive : str, default=None
        The class that precision, recall and F-score are of. None: "comics" if there is such
        a class, else the second of two classes; macro averages for more than two.
    precision : {"float32", "mixed_bfloat16", "auto"}, default="auto"
        What the networks compute in; see `ConvNetClassifier`. "auto" is for the comparisons: the
        last fit, which is tested and kept, is then in float32, since bfloat16 cost 0.006 of its
        F-score (mean of ten seeds; ``benchmarks/precision.py``).
    search : {"auto", "random", "halving"}, default="auto"
        "random" trains every contender in full. "halving" does so with the better ones only:
        of `contenders` "report", all are trained for a ninth of the epochs (see
        `BalancedHalvingSearchCV`); of others, on a ninth of the images, then a third (if that is
        100 or more), those of the least work first, and those of more not at all once none of
        them can be better by more than `tolerance`. "auto" is "halving" for more than 2,000
        images, except of "report".
    chunk_images : "auto", int or None, default="auto"
        Images of a chunk, where contenders are trained on one chunk of rows after the other (see
        `fit_in_chunks`), and linear models by `SGDClassifier`. None: all rows of a fit are in
        memory. "auto" is None, unless they do not fit into the memory that is available; then
        4096.
    on_bad : {"raise", "quarantine"}, default="raise"
        "quarantine" leaves out the images that cannot be read, and lists them in the study. The
        other images of their pairs stay.
    background : {"white", "black", "auto"} or int, default="white"
        What transparent pixels show; see `ImageVectorizer`.
    random_state : int, default=0
        Decides the split, the candidates and every fit.

    Raises
    ------
    ValueError
        If a setting is not what it must be.
    """

    sizes: tuple[int, ...] = field(
        default=(64, 32),
        metadata=_about(
            "Sides of the images, in pixels.",
            f"a sequence of one or more distinct ints, each {_SMALLEST} or more",
            _are_sizes,
        ),
    )
    contenders: str | tuple[str, ...] = field(
        default="all",
        metadata=_about(
            "report: the report's nets alone; all: these, smaller ones and linear models.",
            f"one of {get_args(ContenderSet)}, or a dict of names and estimators",
            _are_contenders,
        ),
    )
    n_candidates: int = field(
        default=6,
        metadata=_about(
            "How many of the report's twelve nets to try.",
            "an even number from 2 to 12, for as many nets of each pooling",
            _can_be_balanced,
            option="candidates",
        ),
    )
    search_fraction: float | None = field(
        default=None,
        metadata=_about(
            "Share of the training images that the search uses; default: 0.5, or 1 by halving.",
            "above 0 and up to 1",
            lambda value: value is None or (_is_real(value) and 0 < value <= 1),
        ),
    )
    epochs: int = field(
        default=25, metadata=_about("Epochs of the report's nets in the search.", *_COUNT)
    )
    batch_size: int = field(
        default=50, metadata=_about("Batch size of the report's nets in the search.", *_COUNT)
    )
    final_epochs: int = field(
        default=30, metadata=_about("Epochs of the report's nets afterwards.", *_COUNT)
    )
    final_batch_size: int = field(
        default=35, metadata=_about("Batch size of the report's nets afterwards.", *_COUNT)
    )
    test_size: float = field(
        default=1 / 3,
        metadata=_about("Share of the images that is kept for the test.", *_SHARE),
    )
    validation_size: float = field(
        default=1 / 3,
        metadata=_about("Share of the rest that is kept for validation.", *_SHARE),
    )
    cost: Cost = field(default="cpu_seconds", metadata=_about("What to save.", *_one_of(Cost)))
    max_predict_ms: float | None = field(
        default=None,
        metadata=_about("Most CPU milliseconds of a prediction of one image.", *_LIMIT),
    )
    max_model_kb: float | None = field(
        default=None, metadata=_about("Most kB of the saved model.", *_LIMIT)
    )
    max_ram_kb: float | None = field(
        default=None,
        metadata=_about("Most kB of values that a prediction of one image needs.", *_LIMIT),
    )
    max_fit_seconds: float | None = field(
        default=None, metadata=_about("Most CPU seconds of training.", *_LIMIT)
    )
    validation: Validation = field(
        default="auto",
        metadata=_about(
            "holdout, or a number of folds; auto: 5 with fewer than 2000 images.",
            "auto, holdout or an int of 2 or more",
            lambda value: value in ("auto", HOLDOUT) or (_is_int(value) and value >= 2),
        ),
    )
    tolerance: Tolerance | None = field(
        default=None,
        metadata=_about(
            "F-score that may be lost for a lower cost: a number, or 1se, one standard error.",
            "0 or more, or 1se",
            lambda value: value in (None, ONE_SE) or (_is_real(value) and value >= 0),
        ),
    )
    abstain: float | None = field(
        default=None,
        metadata=_about(
            "Accuracy wanted of the answers given, such as 0.99; what is less sure is 'unsure'.",
            "a share between 0 and 1",
            lambda value: value is None or (_is_real(value) and 0 < value < 1),
        ),
    )
    calibrate: bool = field(
        default=False,
        metadata=_about(
            "Correct the probabilities of the choice by the validation images.",
            "True or False",
            lambda value: isinstance(value, bool),
        ),
    )
    repeats: int = field(
        default=1,
        metadata=_about(
            "Times the choice is tested, with seeds and splits of their own.", *_COUNT
        ),
    )
    positive: str | None = field(
        default=None, metadata=_about("Class that precision, recall and F-score are of.")
    )
    precision: Precision = field(
        default="auto",
        metadata=_about(
            "What the nets compute in; auto: bfloat16 where it is faster, but float32 last.",
            *_one_of(Precision),
        ),
    )
    search: SearchKind = field(
        default="auto",
        metadata=_about(
            "halving: train only the better contenders in full; auto: with over 2000 images.",
            *_one_of(SearchKind),
        ),
    )
    chunk_images: ChunkImages = field(
        default="auto",
        metadata=_about(
            "Train in chunks of so many images; auto: only if the rows do not fit into memory.",
            "auto, or 1 or more",
            lambda value: value in ("auto", None) or (_is_int(value) and value >= 1),
        ),
    )
    on_bad: OnBad = field(
        default="raise",
        metadata=_about(
            "quarantine: leave out images that cannot be read, and list them.", *_one_of(OnBad)
        ),
    )
    background: Background = field(
        default="white",
        metadata=_about(
            "What transparent pixels show: white, black, auto, or a grey level.",
            "white, black, auto or a level from 0 to 255",
            _is_background,
        ),
    )
    random_state: int = field(
        default=0,
        metadata=_about(
            "Decides split, candidates and fits.",
            "an int of 0 or more",
            lambda value: _is_int(value) and value >= 0,
            option="seed",
        ),
    )

    @property
    def n_folds(self) -> int:
        """Number of folds that contenders are compared on; 1 with a hold-out."""
        return self.validation if isinstance(self.validation, int) else 1

    def __post_init__(self) -> None:
        if isinstance(self.sizes, Iterable) and not isinstance(self.sizes, str):
            object.__setattr__(self, "sizes", tuple(self.sizes))
        for setting in fields(self):
            check_setting(setting, getattr(self, setting.name), setting.name)


def check_setting(setting: "Field[Any]", value: Any, name: str) -> None:
    """Refuse a value that a setting must not have.

    Parameters
    ----------
    setting : Field
        A field of `StudySettings`.
    value : object
        The value.
    name : str
        What the user calls the setting, such as ``--candidates``.

    Raises
    ------
    ValueError
        If the value is not valid; the message begins with `name`.
    """
    if not setting.metadata["is_valid"](value):
        raise ValueError(f"{name} must be {setting.metadata['rule']}, not {value!r}")


def make_settings(given: dict[str, Any]) -> StudySettings:
    """Make settings of keyword arguments.

    Parameters
    ----------
    given : dict of str to object
        Those that are not the defaults.

    Returns
    -------
    settings : StudySettings
        Validated.

    Raises
    ------
    TypeError
        If there is no such setting; the nearest valid name is suggested.
    ValueError
        If a setting is not what it must be.
    """
    from skcomic._estimator import nearest_name  # not at the top: it imports scikit-learn

    names = [setting.name for setting in fields(StudySettings)]
    for name in given:
        if name not in names:
            raise TypeError(f"a study has no setting {name!r}{nearest_name(name, names)}")
    return StudySettings(**given)
