"""What a study chooses from, and what its tables say of each contender."""

import math
from collections.abc import Mapping
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skcomic.images.decoding import PathLike
from skcomic.images.vectorizer import ImageVectorizer
from skcomic.selection.contenders import Family, make_contenders
from skcomic.selection.pipelines import ARCHITECTURES, make_comic_pipeline
from skcomic.study.settings import StudySettings

#: A name, and an estimator from paths to classes that is not fitted.
Contender = tuple[str, Any]

_KNOWN_PACKAGES = ("skcomic", "sklearn")


def make_study_contenders(
    settings: StudySettings,
    own: Mapping[str, Any] | None,
    cache: PathLike,
    callbacks: list[Any],
) -> list[Contender]:
    """Make the contenders of a search, at the largest size.

    Parameters
    ----------
    settings : StudySettings
        The settings.
    own : mapping of str to estimator, or None
        Those of the user; are not changed.
    cache : str or path-like
        Folder of the cache.
    callbacks : list of keras.callbacks.Callback
        Called in each fit of a net.

    Returns
    -------
    contenders : list of (str, estimator)
        Names and estimators.
    """
    size = max(settings.sizes)
    if own is not None:
        contenders = {name: clone(contender) for name, contender in own.items()}
        for contender in contenders.values():
            if (vectorizer := find_vectorizer(contender)) is not None:
                vectorizer.set_params(size=size)
                if vectorizer.cache is None:
                    vectorizer.set_params(cache=cache)
    else:
        contenders = _draw_report_nets(settings)
        if settings.contenders == "all":
            linear: Family = "classic" if settings.chunk_images is None else "sgd"
            contenders |= make_contenders(
                size, families=["small", linear], random_state=settings.random_state
            )
        for contender in contenders.values():
            contender.set_params(
                vectorize__size=size,
                vectorize__cache=cache,
                vectorize__background=settings.background,
            )
    for contender in contenders.values():
        if (net := find_net(contender)) is not None:
            net.set_params(callbacks=[*(net.callbacks or []), *callbacks])
            if own is None:
                net.set_params(precision=settings.precision)
    return list(contenders.items())


def _draw_report_nets(settings: StudySettings) -> dict[str, Pipeline]:
    """Draw some of the report's nets, as many with each pooling."""
    from skcomic.selection.search import BalancedRandomizedSearchCV

    pipeline = make_comic_pipeline(
        classify__random_state=settings.random_state,
        classify__epochs=settings.epochs,
        classify__batch_size=settings.batch_size,
    )
    search = BalancedRandomizedSearchCV(
        pipeline,
        ARCHITECTURES,
        n_iter=settings.n_candidates,
        random_state=settings.random_state,
    )
    drawn = [clone(pipeline).set_params(**params) for params in search.draw_candidates()]
    return {net[-1].net_name: net for net in drawn}


def at_sizes(chosen: Contender, settings: StudySettings) -> list[Contender]:
    """Make one contender for each image size, trained as the last fit will be.

    Parameters
    ----------
    chosen : (str, estimator)
        The contender.
    settings : StudySettings
        The settings.

    Returns
    -------
    contenders : list of (str, estimator)
        One for each size; one alone if the contender does not begin with an `ImageVectorizer`.
    """
    name, contender = chosen
    sized = []
    for size in settings.sizes:
        one = clone(contender)
        if (vectorizer := find_vectorizer(one)) is not None:
            vectorizer.set_params(size=size)
        if is_report_net(one):
            find_net(one).set_params(
                epochs=settings.final_epochs, batch_size=settings.final_batch_size
            )
        sized.append((name, one))
    return sized if find_vectorizer(contender) is not None else sized[:1]


def name_with_size(contender: Contender) -> str:
    """Name a contender with its image size, where it has one, such as ``16_max_1_32``."""
    name, estimator = contender
    vectorizer = find_vectorizer(estimator)
    return name if vectorizer is None else f"{name}_{vectorizer.size}"


def describe_contender(contender: Contender, n_images: int) -> dict[str, Any]:
    """Describe a contender for the tables of a study.

    Parameters
    ----------
    contender : (str, estimator)
        Not fitted.
    n_images : int
        How many images it is trained on.

    Returns
    -------
    description : dict
        `net`, its name; `first_units`, `pooling` and `n_conv` of a net of the
        report; `size`, `images`, and `epochs` of a net. None where there is no such thing.
    """
    name, estimator = contender
    vectorizer, net = find_vectorizer(estimator), find_net(estimator)
    return {
        "net": name,
        **{
            parameter: getattr(net, parameter) if is_report_net(estimator) else None
            for parameter in (full.partition("__")[2] for full in ARCHITECTURES)
        },
        "size": None if vectorizer is None else vectorizer.size,
        "images": n_images,
        "epochs": None if net is None else net.epochs,
    }


def find_vectorizer(contender: Any) -> ImageVectorizer | None:
    """Return the first step of a contender if that makes rows of images."""
    first = contender[0] if isinstance(contender, Pipeline) else None
    return first if isinstance(first, ImageVectorizer) else None


def find_net(contender: Any) -> Any:
    """Return the last step of a contender if that is a net of ours, else None.

    Nothing is imported for it.
    """
    last = contender[-1] if isinstance(contender, Pipeline) else contender
    return last if hasattr(last, "net_name") else None


def is_report_net(contender: Any) -> bool:
    """Return whether a contender is one of the report's nets, which have no `patch_size`."""
    net = find_net(contender)
    return net is not None and "pooling" in net.get_params(deep=False)


def expected_work(contender: Any) -> float:
    """Estimate how long a contender will train, in no unit.

    Parameters
    ----------
    contender : estimator
        From paths to classes.

    Returns
    -------
    work : float
        Multiplications for each image, of a net on rows; 0 of features and linear models, and of
        a net that cannot be trained on images of this size; infinity where nothing is known.
    """
    vectorizer, net = find_vectorizer(contender), find_net(contender)
    if vectorizer is None or type(contender[-1]).__module__.partition(".")[0] not in (
        _KNOWN_PACKAGES
    ):
        return math.inf
    if net is None:
        return 0
    try:
        return float(net._expected_work(len(vectorizer.get_feature_names_out())))
    except ValueError:  # the images are too small for it: its fit will say so
        return 0
