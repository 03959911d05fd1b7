"""The study: from a catalogue to a net that was chosen by cost and tested once."""

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from typing import Any

import pandas as pd
from sklearn.utils import Bunch

from skcomic._estimator import reset_run_parameters
from skcomic.catalogue.validation import PARTS, validate_catalogue
from skcomic.images.decoding import PathLike
from skcomic.images.loading import temporary_cache
from skcomic.selection.halving import halving_rounds
from skcomic.study.candidates import sizes_of, twelve_nets
from skcomic.study.images import assign_parts, read_images
from skcomic.study.plan import plan_study
from skcomic.study.progress import counted_epochs
from skcomic.study.results import Study, StudyProgress
from skcomic.study.settings import StudySettings, make_settings
from skcomic.study.stages import (
    Run,
    compute_saving,
    fit_and_test,
    score_baselines,
    search_nets,
    select_size,
)

_LIBRARIES = (
    "skcomic", "scikit-learn", "scikeras", "tensorflow", "keras", "numpy", "pandas", "pillow",
    "scipy",
)  # fmt: skip

OnProgress = Callable[[StudyProgress], None]


def run_study(
    catalogue: pd.DataFrame,
    *,
    n_jobs: int | None = -1,
    cache: PathLike | None = None,
    checkpoint_dir: PathLike | None = None,
    max_seconds_per_fit: float | None = None,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> Study:
    """Choose a net and an image size by cost and validation, then test the choice once.

    1. The catalogue is split; pairs stay together, and so do images that are the same or, at
       32 pixels, look the same (see `join_duplicates`).
    2. A balanced random choice of the twelve `ARCHITECTURES` is trained on a part of the
       training images, at the largest size. The cheapest of those whose validation F-score
       is within `tolerance` of the best is chosen.
    3. That net is trained at each size on all training images; the size is chosen by the
       same rule.
    4. The choice is trained once more, on training and validation images, and tested on
       images that nothing was tuned on, as are two classifiers without a network.

    What makes the result doubtful, such as too few images, is listed in ``study.caveats``.

    Parameters
    ----------
    catalogue : DataFrame
        As from `load_catalogue`.
    n_jobs : int, default=-1
        Number of fits side by side; -1 is one on each core.
    cache : str, path-like or None, default=None
        Folder that keeps the decoded images for other studies; see `ImageVectorizer`. None: a
        folder that is deleted afterwards. An image is decoded once per size in any case.
    checkpoint_dir : str, path-like or None, default=None
        Folder that keeps the fits as they end. A study that was killed, started again with the
        same folder, ends as it would have ended, in less time; see `ConvNetClassifier`.
    max_seconds_per_fit : float, default=None
        A net whose training takes longer fails: it is not chosen, and `failure` has the reason.
    on_progress : callable, default=None
        Called with a `StudyProgress` at the end of each stage, and now and then in between
        (from another thread).
    **settings
        What decides the outcome: `sizes`, `n_candidates`, `epochs`, `cost`, `random_state` and
        all others of `StudySettings`, which has their defaults.

    Returns
    -------
    study : Study
        Every number, and the fitted pipeline.

    Raises
    ------
    ValueError
        If a setting is not what it must be, a class is too small to be split (also if that is so
        only without the images that were left out), or every net of a stage fails.
    TypeError
        If there is no such setting; the nearest valid name is suggested.
    TimeoutError
        If the last fit takes longer than `max_seconds_per_fit`. A classifier without a network
        that does so fails, and the study goes on.
    MemoryError
        If the images do not fit into memory; the message gives the figures. Nothing large
        was loaded by then.
    ImageReadError
        If images cannot be read and are not left out; it lists them.

    Notes
    -----
    The report this follows divided by 225, counted the bytes of the rows wrongly and let the
    two images of a pair fall on both sides of its splits. Here grey levels are divided by
    255, sizes are in real bytes, shares are shares, and pairs stay together.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic import load_catalogue, run_study
    >>> from skcomic.datasets import make_comic_faces
    >>> def report(progress):
    ...     if progress.finished:
    ...         print(progress.stage, "done")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_comic_faces(8, size=32, out_dir=folder, random_state=0)
    ...     study = run_study(load_catalogue(folder), sizes=[16], n_candidates=2, epochs=1,
    ...                       final_epochs=1, n_jobs=1, on_progress=report)
    split done
    search done
    sizes done
    test done
    baselines done
    >>> study.settings.epochs, study.chosen_size, study.test["n"]
    (1, 16, 6)
    """
    catalogue = validate_catalogue(catalogue)
    chosen, n_jobs = plan_study(catalogue, make_settings(settings), n_jobs)
    run = Run(n_jobs, checkpoint_dir, max_seconds_per_fit)
    with temporary_cache() if cache is None else nullcontext(cache) as folder:
        return _Runner(chosen, run, folder, on_progress or (lambda _: None)).run(catalogue)


class _Runner:
    """The order of the stages of one study, and the progress that is reported meanwhile."""

    def __init__(
        self, settings: StudySettings, run: Run, cache: PathLike, on_progress: OnProgress
    ) -> None:
        self.settings = settings
        self.fits = run
        self.cache = cache
        self.on_progress = on_progress
        self.total_epochs = _count_epochs(settings)
        self.epochs = 0
        self.stage = "split"

    def run(self, catalogue: pd.DataFrame) -> Study:
        settings, run = self.settings, self.fits
        with self._timed("split") as seconds:
            parts = self._split(catalogue)
        self._finish_stage(seconds)
        with counted_epochs(self._count) as counter:
            with self._timed("search") as seconds:
                nets = twelve_nets(settings, self.cache, [counter])
                choice = search_nets(nets, parts, settings, run)
                self.study.candidates, self.study.chosen_net = choice.table, choice.row["net"]
            self._finish_stage(seconds)
            with self._timed("sizes") as seconds:
                sizes = sizes_of(nets.choose(choice.params), settings)
                choice = select_size(sizes, parts, settings, run)
                self.study.sizes, self.study.chosen_size = choice.table, int(choice.row["size"])
                self.study.saving = compute_saving(
                    choice.table, self.study.chosen_size, settings.cost
                )
            self._finish_stage(seconds)
            with self._timed("test") as seconds:
                pipeline = sizes.choose(choice.params)
                name = f"{self.study.chosen_net}_{self.study.chosen_size}"
                self.study.test = fit_and_test(pipeline, name, parts, settings, run)
            self._finish_stage(seconds)
        with self._timed("baselines") as seconds:
            self.study.baselines = score_baselines(pipeline, parts, settings, run)
            for step in pipeline:
                reset_run_parameters(step)
            self.study.pipeline = pipeline
        self._finish_stage(seconds)
        return self.study

    def _split(self, catalogue: pd.DataFrame) -> Bunch:
        images = read_images(catalogue, self.settings, n_jobs=self.fits.n_jobs, cache=self.cache)
        parts = assign_parts(images.catalogue, self.settings)
        self.study = Study(
            settings=self.settings,
            catalogue={
                "images": len(images.catalogue),
                "labels": images.catalogue.label.nunique(),
                "pairs": images.catalogue.pair.nunique(),
            },
            split={name: len(part) for name, part in parts.items()},
            footprint=images.footprint,
            versions={"python": platform.python_version()}
            | {library: version(library) for library in _LIBRARIES},
            duplicates=images.duplicates,
            classes=_count_classes(parts),
            skipped=catalogue.attrs.get("skipped", {}),
            given_split=_describe_given_split(images.catalogue, parts),
            contrast=images.contrast,
            quarantine=images.quarantine,
        )
        return parts

    @contextmanager
    def _timed(self, stage: str) -> Iterator[list[float]]:
        self.stage = stage
        start = time.perf_counter()
        seconds: list[float] = []
        yield seconds
        seconds.append(time.perf_counter() - start)

    def _finish_stage(self, seconds: list[float]) -> None:
        (self.study.stage_seconds[self.stage],) = seconds
        self._report_progress(finished=True)

    def _count(self, epochs: int) -> None:
        # Epochs of fits that were repeated, after the death of a worker, are counted twice.
        self.epochs = min(epochs, self.total_epochs)
        self._report_progress(finished=False)

    def _report_progress(self, *, finished: bool) -> None:
        self.on_progress(
            StudyProgress(self.stage, finished, self.epochs, self.total_epochs, self.study)
        )


def _count_epochs(settings: StudySettings) -> int:
    """Count the epochs of all fits of a study."""
    rounds = [(settings.n_candidates, settings.epochs)]
    if settings.search == "halving":
        rounds = halving_rounds(*rounds[0])
    in_search = sum(n_candidates * epochs for n_candidates, epochs in rounds)
    return in_search + (len(settings.sizes) + 1) * settings.final_epochs


def _describe_given_split(catalogue: pd.DataFrame, parts: Bunch) -> dict[str, Any] | None:
    """Return which parts the catalogue gave, and how many images repeat those of others."""
    if "split" not in catalogue.columns:
        return None
    others = {"validation": [parts.train], "test": [parts.train, parts.validation]}
    repeated = {
        part: int(parts[part].repeats.isin(pd.concat(earlier).repeats).sum())
        for part, earlier in others.items()
    }
    return {"parts": [part for part in PARTS if part in set(catalogue.split)], **repeated}


def _count_classes(parts: Bunch) -> list[dict[str, Any]]:
    """Count the images of each class in each part."""
    counts = {part: parts[part].label.value_counts() for part in PARTS}
    labels = sorted(set().union(*(count.index for count in counts.values())))
    return [
        {"label": label, **{part: int(count.get(label, 0)) for part, count in counts.items()}}
        for label in labels
    ]
