"""What a study chooses from: pipelines that differ in parameters, with the names of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.pipeline import Pipeline

from skcomic.images.decoding import PathLike
from skcomic.nets.topology import net_name
from skcomic.selection.pipelines import ARCHITECTURES, make_comic_pipeline
from skcomic.study.settings import StudySettings


@dataclass(frozen=True)
class Candidates:
    """Pipelines from paths to classes that a stage of a study compares.

    Parameters
    ----------
    pipeline : Pipeline
        What they have in common; not fitted.
    varied : mapping of str to list
        The parameters that they differ in, with the values of each.
    describe : callable
        Gives a candidate's name, `net`, and its other columns of the study's tables, from all of
        its parameters.
    """

    pipeline: Pipeline
    varied: Mapping[str, list[Any]]
    describe: Callable[[Mapping[str, Any]], dict[str, Any]]

    def choose(self, params: Mapping[str, Any]) -> Pipeline:
        """Give the pipeline the parameters of one candidate."""
        return self.pipeline.set_params(**params)


def twelve_nets(settings: StudySettings, cache: PathLike, callbacks: list[Any]) -> Candidates:
    """The report's nets, at the largest size.

    Parameters
    ----------
    settings : StudySettings
        The settings.
    cache : str or path-like
        Folder of the cache.
    callbacks : list of keras.callbacks.Callback
        Called in each fit.

    Returns
    -------
    candidates : Candidates
        A search draws `n_candidates` of them.
    """
    pipeline = make_comic_pipeline(
        vectorize__size=max(settings.sizes),
        vectorize__cache=cache,
        vectorize__background=settings.background,
        classify__precision=settings.precision,
        classify__random_state=settings.random_state,
        classify__callbacks=callbacks,
        classify__epochs=settings.epochs,
        classify__batch_size=settings.batch_size,
    )
    return Candidates(pipeline, ARCHITECTURES, _describe_net)


def sizes_of(pipeline: Pipeline, settings: StudySettings) -> Candidates:
    """One net at each image size.

    Parameters
    ----------
    pipeline : Pipeline
        With the net that was chosen.
    settings : StudySettings
        The settings.

    Returns
    -------
    candidates : Candidates
        One for each size.
    """
    pipeline.set_params(
        classify__epochs=settings.final_epochs, classify__batch_size=settings.final_batch_size
    )
    return Candidates(pipeline, {"vectorize__size": list(settings.sizes)}, _describe_net)


def _describe_net(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "net": net_name(params),
        **{name.partition("__")[2]: params[name] for name in ARCHITECTURES},
        "size": params["vectorize__size"],
        "epochs": params["classify__epochs"],
    }
