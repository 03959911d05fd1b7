"""The study: from a catalogue to a net that was chosen by cost and tested once."""

import platform
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from importlib.metadata import version
from typing import Any, get_args

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import PredefinedSplit
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, check_random_state

from skcomic.catalogue.duplicates import (
    COMPARED_SIDE,
    N_WORDS,
    find_duplicates,
    join_pairs,
    perceptual_hashes,
)
from skcomic.catalogue.footprint import available_memory, estimate_footprint
from skcomic.catalogue.splitting import assign_groups, split_catalogue
from skcomic.images.decoding import ImageFailure, ImageReadError, PathLike
from skcomic.images.loading import temporary_cache, try_rasters
from skcomic.nets.convnet import Precision
from skcomic.nets.topology import check_depth, net_name
from skcomic.selection.halving import BalancedHalvingSearchCV, halving_rounds
from skcomic.selection.scoring import Cost, CostScorer, score_labels, select_parsimonious
from skcomic.selection.search import ARCHITECTURES, BalancedRandomizedSearchCV, make_comic_pipeline
from skcomic.study.progress import counted_epochs
from skcomic.study.results import OnBad, SearchKind, Study, StudyProgress, StudySettings

#: The class that precision, recall and F-score are of where there is one of this name.
DEFAULT_POSITIVE = "comics"

# Measured with TensorFlow 2.21: a process holds 0.73 GB after a first small fit, and a fit on
# 120,000 rows of 32x32 pixels at its peak 2.98 times the bytes of the rows.
_PROCESS_BYTES = 750_000_000
_COPIES_OF_ROWS = 3

_COST_COLUMNS = ("cpu_seconds", "wall_seconds", "multiply_adds", "parameters")

_LIBRARIES = (
    "skcomic",
    "scikit-learn",
    "scikeras",
    "tensorflow",
    "keras",
    "numpy",
    "pandas",
    "pillow",
    "scipy",
)


def run_study(
    catalogue: pd.DataFrame,
    *,
    sizes: Sequence[int] = (64, 32),
    n_candidates: int = 6,
    search_fraction: float = 0.5,
    epochs: int = 25,
    batch_size: int = 50,
    final_epochs: int = 30,
    final_batch_size: int = 35,
    test_size: float = 1 / 3,
    validation_size: float = 1 / 3,
    cost: Cost = "cpu_seconds",
    tolerance: float = 0.005,
    positive: str | None = None,
    precision: Precision = "auto",
    search: SearchKind = "random",
    on_bad: OnBad = "raise",
    n_jobs: int | None = -1,
    cache: PathLike | None = None,
    checkpoint_dir: PathLike | None = None,
    max_seconds_per_fit: float | None = None,
    random_state: int = 0,
    on_progress: Callable[[StudyProgress], None] | None = None,
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
       images that nothing was tuned on, beside two classifiers without a network.

    Parameters
    ----------
    catalogue : DataFrame
        As from `load_catalogue`.
    sizes : sequence of int, default=(64, 32)
        Sides of the square images, in pixels.
    n_candidates : int, default=6
        How many of the twelve nets are tried; even, for as many of each pooling.
    search_fraction : float, default=0.5
        Share of the training images that the search trains on; above 0, up to 1.
    epochs, batch_size : int, default=25, 50
        Training in the search.
    final_epochs, final_batch_size : int, default=30, 35
        Training afterwards.
    test_size : float, default=1/3
        Share of the images that is kept for the test.
    validation_size : float, default=1/3
        Share of the rest that is kept for validation.
    cost : {"cpu_seconds", "wall_seconds", "multiply_adds"}, default="cpu_seconds"
        What is to be saved; with the last one the outcome does not depend on the clock.
    tolerance : float, default=0.005
        How far below the best validation F-score a choice may be.
    positive : str, default=None
        The class that precision, recall and F-score are of. None: "comics" if there is such
        a class, else the second of two classes; macro averages for more than two.
    precision : {"float32", "mixed_bfloat16", "auto"}, default="auto"
        What the networks compute in; see `ConvNetClassifier`. "auto" is for the comparisons: the
        last fit, which is tested and kept, is then in float32, since bfloat16 cost 0.006 of its
        F-score (mean of ten seeds; ``benchmarks/precision.py``).
    search : {"random", "halving"}, default="random"
        "random" trains every candidate for all `epochs`; "halving" only the better ones, see
        `BalancedHalvingSearchCV`.
    on_bad : {"raise", "quarantine"}, default="raise"
        "quarantine" leaves out the images that cannot be read, and lists them in the study. The
        other images of their pairs stay.
    n_jobs : int, default=-1
        Number of fits side by side; -1 is one on each core.
    cache : str, path-like or None, default=None
        Folder that keeps the decoded images for other studies; see `ImageVectorizer`. None: a
        folder that is deleted afterwards. An image is decoded once per size in any case.
    checkpoint_dir : str, path-like or None, default=None
        Folder that keeps the fits as they end. A study that was killed, begun again with the
        same folder, ends as it would have ended, in less time; see `ConvNetClassifier`.
    max_seconds_per_fit : float, default=None
        A net whose training takes longer fails: it is not chosen, and `failure` tells why.
    random_state : int, default=0
        Decides the split, the candidates and every fit.
    on_progress : callable, default=None
        Called with a `StudyProgress` at the end of each stage, and now and then in between
        (from another thread).

    Returns
    -------
    study : Study
        Every number, and the fitted pipeline.

    Raises
    ------
    ValueError
        If a setting makes no sense, a class is too small to be split (also if that is so only
        without the images that were left out), or every net of a stage fails.
    TimeoutError
        If the last fit takes longer than `max_seconds_per_fit`.
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
    >>> def tell(progress):
    ...     if progress.finished:
    ...         print(progress.stage, "done")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_comic_faces(8, size=32, out_dir=folder, random_state=0)
    ...     study = run_study(load_catalogue(folder), sizes=[16], n_candidates=2, epochs=1,
    ...                       final_epochs=1, n_jobs=1, on_progress=tell)
    split done
    search done
    sizes done
    test done
    >>> study.settings.epochs, study.chosen_size, study.test["n"]
    (1, 16, 6)
    """
    settings = StudySettings(
        sizes=tuple(int(size) for size in sizes),
        n_candidates=n_candidates,
        search_fraction=search_fraction,
        epochs=epochs,
        batch_size=batch_size,
        final_epochs=final_epochs,
        final_batch_size=final_batch_size,
        test_size=test_size,
        validation_size=validation_size,
        cost=cost,
        tolerance=tolerance,
        positive=_choose_positive(catalogue, positive),
        precision=precision,
        search=search,
        on_bad=on_bad,
        random_state=random_state,
    )
    _check_settings(settings)
    with temporary_cache() if cache is None else nullcontext(cache) as folder:
        fits = {"checkpoint_dir": checkpoint_dir, "max_seconds_per_fit": max_seconds_per_fit}
        tell = on_progress or (lambda _: None)
        return _Runner(catalogue, settings, n_jobs, folder, fits, tell).run()


class _Runner:
    """One run of a study: its stages, from the first to the last."""

    def __init__(
        self,
        catalogue: pd.DataFrame,
        settings: StudySettings,
        n_jobs: int | None,
        cache: PathLike,
        fits: dict[str, Any],
        on_progress: Callable[[StudyProgress], None],
    ) -> None:
        self.catalogue = catalogue
        self.settings = settings
        self.n_jobs = n_jobs
        self.cache = cache
        self.fits = fits
        self.on_progress = on_progress
        self.scorer = CostScorer(settings.positive)
        self.choose = select_parsimonious(settings.tolerance, settings.cost)
        rounds = [(settings.n_candidates, settings.epochs)]
        if settings.search == "halving":
            rounds = halving_rounds(*rounds[0])
        self.total_epochs = (
            sum(n_candidates * epochs for n_candidates, epochs in rounds)
            + (len(settings.sizes) + 1) * settings.final_epochs
        )
        self.epochs = 0
        self.stage = "split"

    def run(self) -> Study:
        start = time.perf_counter()
        split = self._split()
        self._end_stage(start)
        with counted_epochs(self._count) as counter:
            pipeline = make_comic_pipeline(
                vectorize__cache=self.cache,
                classify__precision=self.settings.precision,
                classify__random_state=self.settings.random_state,
                classify__callbacks=[counter],
            )
            for stage, method in (
                ("search", self._search),
                ("sizes", self._select_size),
                ("test", self._test),
            ):
                self.stage = stage
                start = time.perf_counter()
                pipeline = method(pipeline, split)
                self._end_stage(start)
        return self.study

    def _split(self) -> Bunch:
        # What makes no sense or does not fit is told before all images are decoded.
        self._check_memory(self._assign_parts())
        size = max(self.settings.sizes)
        footprint = None
        with suppress(ImageReadError):  # below, all bad images are listed, not those of a sample
            footprint = estimate_footprint(self.catalogue, size, cache=self.cache)
        # Once for all that follows: the workers find the rasters in the cache.
        rasters, failures = try_rasters(
            self.catalogue.path.tolist(),
            [(size, size) for size in self.settings.sizes],
            n_jobs=self.n_jobs,
            cache=self.cache,
        )
        if failures and self.settings.on_bad == "raise":
            raise ImageReadError(list(failures.values()), len(self.catalogue))
        quarantine = _list_unreadable(self.catalogue, failures)
        if failures:
            is_read = np.ones(len(self.catalogue), dtype=bool)
            is_read[list(failures)] = False
            self.catalogue = _remove_bad(self.catalogue, is_read, failures)
            rasters = [array[is_read] for array in rasters]
        if failures or footprint is None:
            footprint = estimate_footprint(self.catalogue, size, cache=self.cache)
        self.catalogue, counts = _join_duplicates(self.catalogue, rasters)
        split = self._assign_parts()
        self.study = Study(
            settings=self.settings,
            catalogue={
                "images": len(self.catalogue),
                "labels": self.catalogue.label.nunique(),
                "pairs": self.catalogue.pair.nunique(),
            },
            split={name: len(part) for name, part in split.items()},
            footprint=footprint,
            versions={"python": platform.python_version()}
            | {library: version(library) for library in _LIBRARIES},
            duplicates=counts,
            quarantine=quarantine if self.settings.on_bad == "quarantine" else None,
        )
        return split

    def _assign_parts(self) -> Bunch:
        settings = self.settings
        random = check_random_state(settings.random_state)
        split = split_catalogue(
            self.catalogue,
            test_size=settings.test_size,
            validation_size=settings.validation_size,
            random_state=random,
            duplicates="ignore",  # the catalogue has been joined, from rasters that are there
        )
        shares = [settings.search_fraction, 1 - settings.search_fraction]
        split.search = split.train[assign_groups(split.train, shares, random) == 0]
        if len(absent := set(split.train.label) - set(split.search.label)):
            raise ValueError(
                f"search_fraction={settings.search_fraction} leaves no training image of "
                f"{sorted(absent)}; raise it"
            )
        return split

    def _check_memory(self, split: Bunch) -> None:
        n_workers = effective_n_jobs(self.n_jobs)
        n_images = {name: len(part) for name, part in split.items()}
        rows_at_once = max(
            min(n_workers, self.settings.n_candidates) * n_images["search"],
            min(n_workers, len(self.settings.sizes)) * n_images["train"],
            n_images["train"] + n_images["validation"],
        )
        size = max(self.settings.sizes)
        bytes_per_row = size * size * np.dtype(np.float32).itemsize
        rows = (_COPIES_OF_ROWS * rows_at_once + n_images["test"]) * bytes_per_row
        n_processes = 1 if n_workers == 1 else n_workers + 1
        needed = rows + n_processes * _PROCESS_BYTES
        available = available_memory()
        if available is not None and needed > available:
            n_bytes = len(self.catalogue) * bytes_per_row
            raise MemoryError(
                f"the study needs about {needed / 1e9:.1f} GB of memory ({len(self.catalogue)} "
                f"images at {size}x{size}: {n_bytes / 1e6:.1f} MB as float32, held by up to "
                f"{n_workers} workers), but only {available / 1e9:.1f} GB are available; "
                "take smaller sizes, fewer jobs or fewer images"
            )

    def _search(self, pipeline: Pipeline, split: Bunch) -> Pipeline:
        settings = self.settings
        pipeline.set_params(
            vectorize__size=max(settings.sizes),
            classify__epochs=settings.epochs,
            classify__batch_size=settings.batch_size,
        )
        kind = {"random": BalancedRandomizedSearchCV, "halving": BalancedHalvingSearchCV}
        search = kind[settings.search](
            pipeline,
            ARCHITECTURES,
            n_iter=settings.n_candidates,
            random_state=settings.random_state,
            **self._held_out(split.search, split.validation),
        )
        self.study.candidates, chosen = self._evaluate(search, split.search, split.validation)
        self.study.chosen_net = net_name(chosen)
        return pipeline.set_params(**chosen)

    def _select_size(self, pipeline: Pipeline, split: Bunch) -> Pipeline:
        settings = self.settings
        pipeline.set_params(
            classify__epochs=settings.final_epochs, classify__batch_size=settings.final_batch_size
        )
        search = BalancedRandomizedSearchCV(
            pipeline,
            {"vectorize__size": settings.sizes},
            n_iter=len(settings.sizes),
            balance_on=None,
            random_state=settings.random_state,
            **self._held_out(split.train, split.validation),
        )
        sizes, chosen = self._evaluate(search, split.train, split.validation)
        self.study.sizes = sizes
        self.study.chosen_size = chosen["vectorize__size"]
        self.study.saving = _saving(sizes, self.study.chosen_size, settings.cost)
        return pipeline.set_params(**chosen)

    def _test(self, pipeline: Pipeline, split: Bunch) -> Pipeline:
        development = pd.concat([split.train, split.validation])
        pipeline.set_params(
            vectorize__n_jobs=self.n_jobs,
            classify__checkpoint_dir=self.fits["checkpoint_dir"],
            classify__max_seconds=self.fits["max_seconds_per_fit"],
        )
        if self.settings.precision == "auto":
            pipeline.set_params(classify__precision="float32")
        vectorizer, net = pipeline["vectorize"], pipeline["classify"]
        rows = vectorizer.fit_transform(development.path)
        test_rows = vectorizer.transform(split.test.path)
        net.fit(rows, development.label)
        own = ("callbacks", "checkpoint_dir", "max_seconds")
        net.set_params(**dict.fromkeys(own))  # they are of this study alone

        def scores(classifier: Any) -> dict[str, Any]:
            predicted = classifier.predict(test_rows)
            classes, positive = classifier.classes_, self.settings.positive
            confusion = confusion_matrix(split.test.label, predicted, labels=classes).tolist()
            scores = score_labels(split.test.label, predicted, classes, positive)
            return {**scores, "confusion": confusion}

        name = f"{self.study.chosen_net}_{self.study.chosen_size}"
        n_test = len(split.test)
        self.study.test = {"net": name, "n": n_test, **scores(net), **net.training_time_}
        self.study.baselines = []
        seed = self.settings.random_state
        for baseline in (
            DummyClassifier(strategy="stratified", random_state=seed),
            LogisticRegression(max_iter=2000, random_state=seed),
        ):
            cpu = time.process_time()
            baseline.fit(rows, development.label)
            cpu = time.process_time() - cpu
            self.study.baselines.append(
                {"net": type(baseline).__name__, "n": n_test, **scores(baseline)}
                | {"cpu_seconds": cpu}
            )
        self.study.pipeline = pipeline.set_params(vectorize__cache=None)
        return pipeline

    def _held_out(self, train: pd.DataFrame, validation: pd.DataFrame) -> dict[str, Any]:
        """Settings of a search that trains once, on `train`, and scores on `validation` too."""
        fold = np.repeat([-1, 0], [len(train), len(validation)])
        return {
            "cv": PredefinedSplit(fold),
            "scoring": self.scorer,
            "return_train_score": True,
            "refit": False,
            "error_score": np.nan,
            "n_jobs": self.n_jobs,
            **self.fits,
        }

    def _evaluate(
        self, search: BalancedRandomizedSearchCV, train: pd.DataFrame, validation: pd.DataFrame
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        both = pd.concat([train, validation])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitFailedWarning)  # the table tells of it
            warnings.filterwarnings("ignore", "One or more of the (test|train) scores are non-fin")
            results = search.fit(both.path, both.label).cv_results_
        rows = []
        for i, params in enumerate(results["params"]):
            tried = {**search.estimator.get_params(), **params}
            size = tried["vectorize__size"]
            rows.append(
                {
                    "net": net_name(tried),
                    **{name.partition("__")[2]: tried[name] for name in ARCHITECTURES},
                    "size": size,
                    "epochs": tried["classify__epochs"],
                    **{
                        f"{part}_{score}": float(results[f"mean_{fold}_{score}"][i])
                        for part, fold in (("train", "train"), ("validation", "test"))
                        for score in ("precision", "recall", "f_score")
                    },
                    **{name: float(results[f"mean_test_{name}"][i]) for name in _COST_COLUMNS},
                    "failure": results["failure"][i] or np.nan,
                }
            )
        counts = dict.fromkeys(("multiply_adds", "parameters"), "Int64")  # may be missing
        frame = pd.DataFrame(rows).astype(counts)
        if frame.failure.isna().all():
            frame = frame.astype(dict.fromkeys(counts, "int64"))
        return frame, results["params"][self.choose(results)]

    def _count(self, epochs: int) -> None:
        # Epochs of fits that were begun again, after the death of a worker, are counted twice.
        self.epochs = min(epochs, self.total_epochs)
        self._report_progress(finished=False)

    def _end_stage(self, start: float) -> None:
        self.study.stage_seconds[self.stage] = time.perf_counter() - start
        self._report_progress(finished=True)

    def _report_progress(self, *, finished: bool) -> None:
        self.on_progress(
            StudyProgress(self.stage, finished, self.epochs, self.total_epochs, self.study)
        )


def _choose_positive(catalogue: pd.DataFrame, positive: str | None) -> str | None:
    classes = sorted(catalogue.label.unique())
    if positive is not None:
        if positive not in classes:
            raise ValueError(f"positive={positive!r} is none of the classes {classes}")
        return positive
    if len(classes) != 2:
        return None
    return DEFAULT_POSITIVE if DEFAULT_POSITIVE in classes else classes[1]


def _check_settings(settings: StudySettings) -> None:
    if not settings.sizes or min(settings.sizes) < 1:
        raise ValueError(f"sizes must be one or more positive ints, not {settings.sizes}")
    if len(set(settings.sizes)) < len(settings.sizes):
        raise ValueError(f"sizes must be distinct, not {settings.sizes}")
    for size in settings.sizes:
        check_depth(size, size, max(ARCHITECTURES["classify__n_conv"]))
    for name, allowed in (("precision", Precision), ("search", SearchKind), ("on_bad", OnBad)):
        if getattr(settings, name) not in get_args(allowed):
            raise ValueError(
                f"{name} must be one of {get_args(allowed)}, not {getattr(settings, name)!r}"
            )
    if not 0 < settings.search_fraction <= 1:
        raise ValueError(
            f"search_fraction must be above 0 and up to 1, not {settings.search_fraction}"
        )
    for name in ("epochs", "batch_size", "final_epochs", "final_batch_size"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} must be 1 or more, not {getattr(settings, name)}")


def _list_unreadable(catalogue: pd.DataFrame, failures: dict[int, ImageFailure]) -> pd.DataFrame:
    """List the images that cannot be read, with how many images of their pairs are left."""
    rows = list(failures)
    bad = catalogue.iloc[rows].reset_index(drop=True)
    of_pair, bad_of_pair = catalogue.pair.value_counts(), bad.pair.value_counts()
    return bad[["path", "label", "pair"]].assign(
        kind=[failures[row].kind for row in rows],
        reason=[failures[row].reason for row in rows],
        left_of_pair=[int(of_pair[pair] - bad_of_pair[pair]) for pair in bad.pair],
    )


def _remove_bad(
    catalogue: pd.DataFrame, is_read: np.ndarray, failures: dict[int, ImageFailure]
) -> pd.DataFrame:
    left = catalogue[is_read]
    if lost := sorted(set(catalogue.label) - set(left.label)):
        error = ImageReadError(list(failures.values()), len(catalogue))
        raise ValueError(
            f"no image of {lost} can be read, so that there is none to learn: {error}"
        )
    return left


def _join_duplicates(
    catalogue: pd.DataFrame, rasters: list[np.ndarray]
) -> tuple[pd.DataFrame, dict[str, int | None]]:
    """Join pairs by rasters that are there; count the duplicates."""
    # The smallest that tells enough is next to what the others would be made into.
    compared = [array for array in rasters if array.shape[1] >= COMPARED_SIDE]
    hashes = np.zeros((len(catalogue), N_WORDS), dtype=np.uint64)
    if compared:
        hashes = perceptual_hashes(min(compared, key=np.size))
    found = find_duplicates(catalogue, hashes, np.ones(len(catalogue), dtype=bool))
    first, labels = found.first, catalogue.label.to_numpy()
    is_copy, is_like = found.copy_of >= 0, (found.copy_of < 0) & (found.similar_to >= 0)
    counts = {
        "exact": int(is_copy.sum()),
        "near": int(is_like.sum()) if compared else None,
        "of_another_class": int((labels != labels[first])[first >= 0].sum()),
    }
    return join_pairs(catalogue, found), counts


def _saving(sizes: pd.DataFrame, chosen_size: int, cost: Cost) -> dict[str, float]:
    done = sizes[sizes.failure.isna()]
    by_size = {row["size"]: row for row in done.to_dict(orient="records")}
    largest = max(by_size)
    cheapest = min(by_size, key=lambda size: by_size[size][cost])
    other = cheapest if chosen_size == largest else chosen_size
    before, after = by_size[largest], by_size[other]
    return {
        "from_size": largest,
        "to_size": other,
        "cost_share": _share_lost(before[cost], after[cost]),
        "f_score_share": _share_lost(before["validation_f_score"], after["validation_f_score"]),
    }


def _share_lost(before: float, after: float) -> float:
    return float(1 - after / before) if before else 0.0
