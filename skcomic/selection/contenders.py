"""What may be the cheapest good classifier: named pipelines from paths to classes."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Literal, get_args

from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skcomic._estimator import check_param_names
from skcomic.features.hog import HogVectorizer
from skcomic.features.mirroring import MirroredClassifier
from skcomic.features.patches import PatchVectorizer
from skcomic.images.vectorizer import ImageVectorizer
from skcomic.selection.pipelines import ARCHITECTURES

Family = Literal["report", "small", "classic", "sgd"]
_IN_MEMORY: tuple[Family, ...] = ("report", "small", "classic")

# (first_pool, n_conv) of the small nets, the cheapest first.
_SMALL_NETS = (4, 1), (4, 2), (2, 1), (2, 2)
# Of 360 images of 32x32 pixels, a weak penalty (C=1, on raw pixels) gives F 0.76, this one on
# standardised pixels 0.85.
_PENALTY = {"C": 0.01, "max_iter": 1000}
# Blocks of 2x2 cells of 4 pixels, and a grid of 3x3 over patches of 6 pixels.
_SMALLEST_SIDE = 8


def make_contenders(
    size: int = 64,
    *,
    families: Sequence[Family] = _IN_MEMORY,
    random_state: int | None = None,
    **common: Any,
) -> dict[str, Pipeline]:
    """Make the classifiers that are worth a comparison.

    Each is a pipeline of two steps: `vectorize`, an `ImageVectorizer`, and `classify`, a
    classifier of rows of pixels.

    Parameters
    ----------
    size : int, default=64
        Side of the images, in pixels.
    families : sequence of {"report", "small", "classic", "sgd"}, default=the first three
        "report": the twelve `ARCHITECTURES` as `ConvNetClassifier`. "small": `SmallNetClassifier`
        with one and with two convolutions. "classic": pixels, histograms of gradients
        (`HogVectorizer`) and whitened patches (`PatchVectorizer`), standardised, with a
        `LogisticRegression`. Those of "small" and "classic" come without and with mirror images,
        which are right for faces and wrong for letters. "sgd": the same features with a
        `SGDClassifier`, for `fit_in_chunks`.
    random_state : int or None, default=None
        The seed of each.
    **common
        Parameters of the step that all have, such as ``vectorize__cache``.

    Returns
    -------
    contenders : dict of str to Pipeline
        Not fitted. Families are in the order in which they were asked for; those of the report
        are in the order of `ARCHITECTURES`, in the others the cheapest to train come first.
        What needs larger images is left out.

    Raises
    ------
    ValueError
        If there is no such family, or no such parameter in all pipelines.

    See Also
    --------
    make_comic_pipeline : One of the report's nets.

    Examples
    --------
    >>> from skcomic import make_contenders
    >>> list(make_contenders(32, families=["classic"]))
    ['pixels', 'pixels_mirrored', 'hog', 'hog_mirrored', 'patches', 'patches_mirrored']
    """
    makers: dict[Family, Callable[[int, int | None], dict[str, Any]]] = {
        "report": _report_nets,
        "small": _small_nets,
        "classic": _classic,
        "sgd": _sgd,
    }
    if unknown := [family for family in families if family not in makers]:
        raise ValueError(f"families must be among {get_args(Family)}, not {unknown[0]!r}")
    contenders = {}
    for family in families:
        for name, classifier in makers[family](size, random_state).items():
            pipeline = Pipeline([("vectorize", ImageVectorizer(size)), ("classify", classifier)])
            check_param_names(common, pipeline)
            contenders[name] = pipeline.set_params(**common)
    return contenders


def _report_nets(size: int, random_state: int | None) -> dict[str, Any]:
    from skcomic.nets.convnet import ConvNetClassifier
    from skcomic.nets.topology import smallest_side

    names = [name.rpartition("__")[2] for name in ARCHITECTURES]
    nets = [
        ConvNetClassifier(**dict(zip(names, values, strict=True)), random_state=random_state)
        for values in product(*ARCHITECTURES.values())
    ]
    return {net.net_name: net for net in nets if smallest_side(net.n_conv) <= size}


def _small_nets(size: int, random_state: int | None) -> dict[str, Any]:
    from skcomic.nets.small_topology import smallest_image_side
    from skcomic.nets.smallnet import SmallNetClassifier

    nets = {}
    for (first_pool, n_conv), mirror in product(_SMALL_NETS, (False, True)):
        net = SmallNetClassifier(
            first_pool=first_pool, n_conv=n_conv, mirror=mirror, random_state=random_state
        )
        if smallest_image_side(first_pool, n_conv) <= size:
            nets[net.net_name + "_mirrored" * mirror] = net
    return nets


def _classic(size: int, random_state: int | None) -> dict[str, Any]:
    classifiers: dict[str, Any] = {}
    linear = LogisticRegression(**_PENALTY, random_state=random_state)
    for name, classifier in _linear_models(linear, size, random_state).items():
        classifiers[name] = classifier
        classifiers[f"{name}_mirrored"] = MirroredClassifier(classifier)
    return classifiers


def _sgd(size: int, random_state: int | None) -> dict[str, Any]:
    linear = SGDClassifier(loss="log_loss", average=True, random_state=random_state)
    models = _linear_models(linear, size, random_state)
    return {f"{name}_sgd": classifier for name, classifier in models.items()}


def _linear_models(linear: Any, size: int, random_state: int | None) -> dict[str, Pipeline]:
    """Make pipelines of each kind of features, standardised, with a linear model."""
    features: dict[str, list[Any]] = {"pixels": []}
    if size >= _SMALLEST_SIDE:
        features["hog"] = [("describe", HogVectorizer())]
        features["patches"] = [("describe", PatchVectorizer(random_state=random_state))]
    return {
        name: Pipeline([*steps, ("scale", StandardScaler()), ("classify", clone(linear))])
        for name, steps in features.items()
    }
