"""The study: from a catalogue to a classifier that was chosen by cost and tested once."""

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from skcomic._estimator import reset_run_parameters
from skcomic.catalogue.validation import PARTS, validate_catalogue
from skcomic.images.decoding import PathLike
from skcomic.images.loading import temporary_cache
from skcomic.nets.supervision import supervised_workers
from skcomic.study.abstention import measure_abstention
from skcomic.study.cluster import check_versions, tidy_workers
from skcomic.study.comparison import Run
from skcomic.study.contenders import (
    Contender,
    find_net,
    is_report_net,
    make_study_contenders,
)
from skcomic.study.examples import list_suspects
from skcomic.study.images import assign_parts, read_images
from skcomic.study.outside import score_outside, select_known
from skcomic.study.plan import Plan, plan_study
from skcomic.study.progress import counted_epochs
from skcomic.study.repeats import repeat_test
from skcomic.study.results import Study, StudyProgress
from skcomic.study.stages import (
    Choice,
    compute_saving,
    count_epochs,
    find_report_choice,
    search,
    select_size,
)
from skcomic.study.testing import (
    Tested,
    find_temperature,
    fit_and_test,
    score_baselines,
    score_tuned_threshold,
)

_LIBRARIES = (
    "skcomic", "scikit-learn", "scikeras", "tensorflow", "keras", "numpy", "pandas", "pillow",
    "scipy",
)  # fmt: skip

OnProgress = Callable[[StudyProgress], None]


def run_study(
    catalogue: pd.DataFrame,
    *,
    contenders: str | Mapping[str, Any] = "all",
    outside: pd.DataFrame | None = None,
    n_jobs: int | None = -1,
    cache: PathLike | None = None,
    checkpoint_dir: PathLike | None = None,
    max_seconds_per_fit: float | None = None,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> Study:
    """Choose a classifier and an image size by cost and validation, then test the choice once.

    1. The catalogue is split; pairs stay together, and so do images that are the same or, at
       32 pixels, look the same (see `join_duplicates`).
    2. The contenders are trained on a part of the training images, at the largest size: a
       balanced random choice of the twelve `ARCHITECTURES`, smaller nets, and linear models of
       pixels, histograms of gradients and whitened patches. The cheapest of those whose
       validation F-score is within `tolerance` of the best is chosen. With fewer than 2,000
       images but those of the test, validation is on five folds of them (see `validation`).
    3. That contender is trained at each size on all training images; the size is chosen by the
       same rule.
    4. The choice is trained once more, on training and validation images, and tested on
       images that nothing was tuned on, as are two classifiers without a network, and the net
       that the report's rule chooses of its own, unless halving has dropped it. With `repeats`,
       that is done again on other splits and with other seeds.

    What makes the result doubtful, such as too few images, is listed in ``study.caveats``.

    Parameters
    ----------
    catalogue : DataFrame
        As from `load_catalogue`.
    contenders : {"all", "report"} or dict of str to estimator, default="all"
        What is compared: "report" is the report's protocol, some of its twelve nets alone. A
        dict has classifiers of your own, from paths of images to classes, by their names; those
        of `make_contenders` may be among them. Where the first step of a pipeline is an
        `ImageVectorizer`, the study sets its size. They are not changed.
    outside : DataFrame, default=None
        Labelled images from elsewhere, as from `load_catalogue`. After all is chosen, each
        contender is trained once more and scored on them, beside the test; nothing is chosen by
        them. Those that repeat an image of the study, and those of other classes, are left out
        and counted.
    n_jobs : int, default=-1
        Number of fits side by side; -1 is one on each core, and fewer if they do not fit into
        memory. Where workers would take longer to start than they save, none is started.
    cache : str, path-like or None, default=None
        Folder that keeps the decoded images for other studies; see `ImageVectorizer`. None: a
        folder that is deleted afterwards. An image is decoded once per size in any case, or on
        each machine of a dask cluster, unless all of them see the folder.
    checkpoint_dir : str, path-like or None, default=None
        Folder that keeps the fits as they end. A study that was killed, started again with the
        same folder, ends as it would have ended, in less time; see `ConvNetClassifier`. Your own
        classifiers are known by their class and parameters, not by their code.
    max_seconds_per_fit : float, default=None
        A contender whose training takes longer fails: it is not chosen, and `failure` has the
        reason. A net is stopped when the time is over, others end first.
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
        only without the images that were left out), every contender of a stage fails or
        costs more than the settings allow, or no image of `outside` can be scored.
    TypeError
        If there is no such setting (the nearest valid name is suggested), or a contender is not
        an estimator.
    TimeoutError
        If the last fit, or one of `repeats`, takes longer than `max_seconds_per_fit`. A classifier
        without a network that does so fails, and the study goes on.
    ImportError
        If workers of a dask cluster have another version of skcomic, or none.
    ConnectionError
        If a dask cluster has no workers for 60 seconds, or for joblib's
        ``wait_for_workers_timeout`` if that is longer, or its scheduler is lost. Run the study
        again with the same `checkpoint_dir`: it goes on where it stopped.
    MemoryError
        If a fit does not fit into memory, not even in chunks; the message gives the figures.
        Nothing large was loaded by then.
    ImageReadError
        If images cannot be read and are not left out; it lists them.

    Notes
    -----
    The report this follows divided by 225, counted the bytes of the rows wrongly and let the
    two images of a pair fall on both sides of its splits. Here grey levels are divided by
    255, sizes are in real bytes, shares are shares, and pairs stay together.

    Within ``joblib.parallel_config(backend="dask")``, images are read and contenders are trained
    on the dask cluster, with all of its workers, whatever `n_jobs` is. Its machines must see the
    images under the same paths; workers of one thread each are best, since fits in one process
    take turns. A worker that dies is survived; a contender whose training kills each worker fails.

    Where the rows of a fit do not fit into memory, contenders are trained by `fit_in_chunks`, on
    images that are read from the cache in each epoch, which their training times contain. What
    cannot be trained so fails, and the linear models are those of `SGDClassifier`. Such a fit is
    kept in `checkpoint_dir` once it has ended, and was scored.

    Examples
    --------
    >>> import tempfile
    >>> from skcomic import load_catalogue, make_contenders, run_study
    >>> from skcomic.datasets import make_comic_faces
    >>> def report(progress):
    ...     if progress.finished:
    ...         print(progress.stage, "done")
    >>> quick = make_contenders(families=["classic"])  # no nets: seconds
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_comic_faces(8, size=32, out_dir=folder, random_state=0)
    ...     study = run_study(load_catalogue(folder), contenders=quick, sizes=[16], n_jobs=1,
    ...                       on_progress=report)
    split done
    search done
    sizes done
    test done
    baselines done
    >>> study.chosen_size, study.test["n"]
    (16, 6)
    """
    catalogue = validate_catalogue(catalogue)
    check_versions()
    plan = plan_study(catalogue, {"contenders": contenders, **settings}, n_jobs)
    if outside is not None:  # before the hours that it would be known after
        classes = sorted(catalogue.label.unique())
        select_known(outside, classes, plan.settings.positive)
    with (
        temporary_cache() if cache is None else nullcontext(cache) as cache_folder,
        # What the search has measured at the largest size is not measured again.
        TemporaryDirectory(prefix="skcomic-") as scratch,
        tidy_workers([scratch, cache_folder] if cache is None else [scratch]),
    ):
        chunk_images = plan.settings.chunk_images
        assert chunk_images != "auto", "the plan has chosen"
        run = Run(
            plan.n_jobs,
            checkpoint_dir,
            checkpoint_dir or scratch,
            max_seconds_per_fit,
            chunk_images,
            plan.settings.random_state,
        )
        runner = _Runner(plan, run, cache_folder, on_progress or (lambda _: None))
        return runner.run(catalogue, outside)


class _Runner:
    """The order of the stages of one study, and the progress that is reported meanwhile."""

    def __init__(self, plan: Plan, run: Run, cache: PathLike, on_progress: OnProgress) -> None:
        self.plan = plan
        self.settings = plan.settings
        self.fits = run
        self.cache = cache
        self.on_progress = on_progress
        self.total_epochs = 0
        self.epochs = 0
        self.stage = "split"
        self.chosen: Contender

    def run(self, catalogue: pd.DataFrame, outside: pd.DataFrame | None) -> Study:
        images, parts = self._split(catalogue)
        with self._counted() as callbacks:
            contenders = make_study_contenders(self.settings, self.plan.own, self.cache, callbacks)
            self._search(contenders, parts)
            choice = self._select_size(parts)
            tested = self._test(choice, parts)
            self._prove(contenders, choice, tested, images, parts, outside)
        return self.study

    def _split(self, catalogue: pd.DataFrame) -> tuple[pd.DataFrame, Bunch]:
        start = time.perf_counter()
        n_jobs = self.fits.n_jobs
        with supervised_workers(n_jobs):
            images = read_images(catalogue, self.settings, n_jobs=n_jobs, cache=self.cache)
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
            formats=images.formats,
        )
        self._finish_stage(start)
        return images.catalogue, parts

    def _search(self, contenders: list[Contender], parts: Bunch) -> None:
        settings = self.settings
        with self._timed("search"):
            self._expect_epochs(count_epochs(contenders, settings), contenders[0])
            choice = search(contenders, parts, settings, self.fits)
            self.study.candidates, self.study.chosen_net = choice.table, choice.row["net"]
            epochs = choice.table.epochs * choice.table.folds
            self._expect_epochs(int(epochs.sum()), choice.contender)
        self.chosen = choice.contender

    def _select_size(self, parts: Bunch) -> Choice:
        settings, study = self.settings, self.study
        with self._timed("sizes"):
            choice = select_size(self.chosen, parts, settings, self.fits)
            study.sizes, size = choice.table, choice.row["size"]
            if not pd.isna(size):
                study.chosen_size = int(size)
                study.saving = compute_saving(choice.table, int(size), settings.cost)
            study.suspect_labels = list_suspects(
                choice.answers, choice.images, np.unique(parts.train.label)
            )
        return choice

    def _test(self, choice: Choice, parts: Bunch) -> Tested:
        settings, study = self.settings, self.study
        with self._timed("test"):
            temperature = find_temperature(choice, settings)
            validated = choice.answers.scaled(temperature)
            tested = fit_and_test(choice.contender, temperature, parts, settings, self.fits)
            tuned = score_tuned_threshold(validated, choice.images, tested, parts, settings)
            if tuned is not None:
                tested.scores["tuned_threshold"] = tuned
            study.test, study.robustness = tested.scores, tested.robustness
            study.examples, study.predictions = tested.examples, tested.predictions
            study.occlusion, study.history = tested.occlusion, tested.history
            study.calibration = tested.calibration
            study.abstention = measure_abstention(
                validated, choice.images, tested.answers, parts.test, settings
            )
        return tested

    def _prove(
        self,
        contenders: list[Contender],
        choice: Choice,
        tested: Tested,
        images: pd.DataFrame,
        parts: Bunch,
        outside: pd.DataFrame | None,
    ) -> None:
        """Compare the choice with others, on this test and on more; none of it is chosen by."""
        settings, study, run = self.settings, self.study, self.fits

        def score_others() -> None:
            assert study.candidates is not None
            report_choice = find_report_choice(
                contenders, study.candidates, choice.contender, settings
            )
            self.total_epochs += 0 if report_choice is None else settings.final_epochs
            study.baselines, comparisons = score_baselines(
                tested, report_choice, parts, settings, run, self.cache
            )
            study.test = {**tested.scores, "comparisons": comparisons}
            pipeline = tested.fitted
            for step in pipeline if isinstance(pipeline, Pipeline) else [pipeline]:
                reset_run_parameters(step)

        def repeat() -> None:
            study.repeats = repeat_test(choice.contender, images, tested, parts, settings, run)

        def score_elsewhere() -> None:
            assert outside is not None
            study.outside = score_outside(
                contenders, tested.fitted, parts, outside, settings, run, self.cache
            )

        stages = {"baselines": score_others}
        if settings.repeats > 1:
            stages["repeats"] = repeat
        if outside is not None:
            stages["outside"] = score_elsewhere
        for stage, measure in stages.items():
            with self._timed(stage):
                measure()
                if stage == list(stages)[-1]:  # what has a pipeline is finished
                    study.pipeline = tested.fitted

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        """Time a stage, and report its end."""
        self.stage = stage
        start = time.perf_counter()
        yield
        self._finish_stage(start)

    def _finish_stage(self, start: float) -> None:
        self.study.stage_seconds[self.stage] = time.perf_counter() - start
        self._report_progress(finished=True)

    @contextmanager
    def _counted(self) -> Iterator[list[Any]]:
        """Give the callbacks of nets, if there may be any: their module imports TensorFlow."""
        own = self.plan.own
        if own is not None and not any(map(find_net, own.values())):
            yield []
            return
        with counted_epochs(self._count) as counter:
            yield [counter]

    def _expect_epochs(self, in_search: int, contender: Contender | None) -> None:
        """Set how many epochs there are in all, once those of the search are known."""
        later = 0
        if contender is not None and (net := find_net(contender[1])) is not None:
            is_report = is_report_net(contender[1])
            later = self.settings.final_epochs if is_report else net.epochs
        n_fits = self.settings.n_folds * len(self.settings.sizes) + self.settings.repeats
        self.total_epochs = in_search + n_fits * later

    def _count(self, epochs: int) -> None:
        # Epochs of fits that were repeated, after the death of a worker, are counted twice.
        self.epochs = min(epochs, self.total_epochs)
        self._report_progress(finished=False)

    def _report_progress(self, *, finished: bool) -> None:
        self.on_progress(
            StudyProgress(self.stage, finished, self.epochs, self.total_epochs, self.study)
        )


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
