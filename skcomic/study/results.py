"""What a study finds: its settings, every number of it, and how far it has come."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from sklearn.pipeline import Pipeline

from skcomic.catalogue.footprint import Footprint
from skcomic.study.abstention import describe_abstention
from skcomic.study.caveats import find_caveats
from skcomic.study.notebook import render_html
from skcomic.study.plain import list_rows, to_plain
from skcomic.study.sentences import compare_with_report, describe_images, describe_repeats
from skcomic.study.settings import HOLDOUT, StudySettings

if TYPE_CHECKING:
    from skcomic.displays.abstention import AbstentionDisplay
    from skcomic.displays.occlusion import OcclusionDisplay
    from skcomic.displays.robustness import RobustnessDisplay
    from skcomic.displays.time_score import TimeScoreDisplay


@dataclass
class Study:
    """Every number of a study; parts that are not done yet are None.

    Parameters
    ----------
    settings : StudySettings
        What the study was asked to do.
    catalogue : dict of str to int
        Numbers of `images`, `labels` and `pairs`, without images that were left out; pairs
        that share an image count as one.
    split : dict of str to int
        Numbers of images for `train`, `validation` and `test`, and of those of the training
        images that the `search` used.
    footprint : Footprint
        Memory and time that all images take at the largest size.
    versions : dict of str to str
        Of Python and the libraries.
    duplicates : dict of str to int
        Numbers of images that have the same content as an earlier one (`exact`), that look the
        same (`near`; None: not looked for, since no size is of 32 pixels or more), and how many
        of both are `of_another_class`.
    classes : list of dict
        For each class its `label` and its numbers of images for `train`, `validation` and `test`.
    contrast : dict
        How many `images` have only one grey level, and of which `classes` all images look the
        same.
    skipped : dict of str to int
        Numbers of files that are not in the catalogue, by the reason.
    given_split : dict
        If the catalogue gave the split: its `parts`, and how many images of the `validation`
        and of the `test` repeat an image of the parts before them. None otherwise.
    formats : list of dict
        The formats of up to 500 of the images: `format`, their number `n`, and the `smallest`,
        `median` and `largest` of them, as [width, height].
    quarantine : DataFrame
        One row per image that cannot be read and was left out: `path`, `label`, `pair`, the
        `kind` and `reason` of its failure, and how many images of its pair stay,
        `left_of_pair`. None unless `on_bad` is "quarantine".
    candidates : DataFrame
        One row per contender of the search: its name, `net`; `first_units`, `pooling` and `n_conv`
        of one of the report's nets; `size` in pixels, the number of training `images`, and
        `epochs` of a net; precision, recall and F-score such as `train_f_score` and
        `validation_f_score`, and the limits of the 95 % interval of the latter, `validation_low`
        and `validation_high`; `cpu_seconds` and `wall_seconds` of the whole fit from rows,
        `multiply_adds` and `parameters` of a net; CPU milliseconds of the prediction of an image
        alone, `predict_ms`, and among others, `batch_ms`; `model_bytes` of the saved model, and
        `activation_bytes`, those of the values that a prediction of one image needs at a time. A
        search by halving has rows of fewer epochs or images first. `folds` is the number of folds
        that a contender was trained for, 1 with a hold-out; the scores are then of the answers for
        all their images, the costs means of the fits. One that failed has no scores and costs, and
        `failure` has the reason; `excluded` has the reason why one could not be chosen, or was not
        trained further.
    chosen_net : str
        Such as ``16_max_1``.
    sizes : DataFrame
        The same columns, one row per size of the chosen contender.
    chosen_size : int
        In pixels; None for an estimator of the user's own that does not begin with an
        `ImageVectorizer`, of which there are no sizes to compare.
    saving : dict
        Shares of the cost saved (`cost_share`) and of the validation F-score lost
        (`f_score_share`; None if it is 0 before) by going `from_size`, the largest, `to_size`:
        the chosen size, or the cheapest where the largest was chosen. None without sizes.
    test : dict
        `net`, `n` images, `precision`, `recall`, `f_score`, `accuracy`, scores of probabilities
        if it gives some (`roc_auc`, `average_precision`, `brier_score`, `log_loss`), the 95 %
        `interval` of each, and `confusion` (a row for each true class) of the last fit; of
        two classes also `tuned_threshold`, what the threshold of the highest F-score on the
        validation images gives instead of 0.5: `threshold`, `f_score` and `interval`;
        `comparisons` with each of the baselines: the `difference` of the F-scores, its 95 %
        `interval`, the `p_value` of McNemar's exact test, and a `sentence`.
    predictions : DataFrame
        One row per test image: `path`, `label`, `pair`, what was `predicted`, and the probability
        of each class, such as `probability_comics`. Not in `to_dict`.
    repeats : dict
        With more than one test: their `seeds` and `f_scores`, the first that of `test`; the
        `mean`, the `standard_deviation`, and the 95 % `interval` of the mean, which holds the
        luck of the split, the seed and the images. The choice was made once: images of other
        tests were among those that it was made by. None otherwise.
    calibration : dict
        Of the test: the expected calibration `error`, and its `bins`: a row for each tenth of the
        probability of the answers, with their number `n`, mean `confidence` and `accuracy`. With
        `calibrate`, both are of the corrected probabilities; the `temperature` that they were
        corrected by, and the `uncorrected_error`. None without probabilities.
    robustness : list of dict
        For the test `images` unchanged (up to 500 of them), and changed in each of eight ways, the
        number `n`, `f_score`, its 95 % `interval`, the `difference` to the unchanged ones and
        its `difference_interval`. None for an estimator of the user's own that takes paths.
    suspect_labels : list of dict
        Images whose labels look wrong, at most 20, the first the most: `path`, `label`, the
        `probability` of that label by the chosen contender, trained without the image, and the
        label that it says, `predicted`. Of the validation images, or of all images but those of
        the test with folds. None without probabilities.
    examples : list of dict
        Test images, described in the same way: the most confident mistakes, and the images of
        each class that are recognised most surely; `is_mistake` tells them apart. None without
        probabilities.
    occlusion : list of dict
        Some of them, at most 12, with their pixels at the chosen size, `image`, and for each
        pixel the mean `decrease` of the log-odds of what was predicted when a square around
        it is covered; see `OcclusionDisplay`. None without probabilities, and of an estimator
        that takes paths. Not in `to_dict`.
    history : dict of str to list of float
        `history_` of the last fit, if that is of a net.
    abstention : dict
        The accuracy of the answers given where the less sure ones are not: the `curve` on the test
        images (`threshold` of the highest probability, share `answered`, `accuracy`), and, if an
        accuracy is `wanted`, the `threshold` that was chosen by the validation images (None if
        there is no such), with `answered` and `accuracy` there, `validation`, and on the test,
        `test`, with the 95 % `interval` of that accuracy. None without probabilities.
    baselines : list of dict
        The same for classifiers without a network, and for the net that the report's rule
        chooses of its own, if the choice is another one and any of them was trained; and their
        `cpu_seconds`. One that took too long has only its name and the reason, `failure`.
    outside : dict
        Of images from elsewhere, if there were any: their number, `images`; how many repeat an
        image of the study, `repeats`, or are of `unknown` classes, both left out; classes that are
        `missing`; the scores of the choice, `choice`, as in `test`; and for each
        of the `contenders`, trained once more, `test_f_score`, `test_interval`, `test_roc_auc` and
        `test_roc_auc_interval` (if it gives probabilities, and there are images of all classes),
        and the same of `outside`.
    pipeline : Pipeline
        The last fit: from paths to classes. It may be another estimator of the user's own.
    stage_seconds : dict of str to float
        Wall seconds of each stage.
    """

    settings: StudySettings
    catalogue: dict[str, int]
    split: dict[str, int]
    footprint: Footprint
    versions: dict[str, str]
    duplicates: dict[str, int | None]
    classes: list[dict[str, Any]]
    contrast: dict[str, Any]
    skipped: dict[str, int]
    given_split: dict[str, Any] | None = None
    formats: list[dict[str, Any]] = field(default_factory=list)
    quarantine: pd.DataFrame | None = None
    candidates: pd.DataFrame | None = None
    chosen_net: str | None = None
    sizes: pd.DataFrame | None = None
    chosen_size: int | None = None
    saving: dict[str, float | int | None] | None = None
    test: dict[str, Any] | None = None
    predictions: pd.DataFrame | None = field(default=None, repr=False)
    repeats: dict[str, Any] | None = None
    calibration: dict[str, Any] | None = None
    robustness: list[dict[str, Any]] | None = None
    suspect_labels: list[dict[str, Any]] | None = None
    examples: list[dict[str, Any]] | None = None
    occlusion: list[dict[str, Any]] | None = field(default=None, repr=False)
    history: dict[str, list[float]] | None = None
    abstention: dict[str, Any] | None = None
    baselines: list[dict[str, Any]] | None = None
    outside: dict[str, Any] | None = None
    pipeline: Pipeline | None = field(default=None, repr=False)
    stage_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Wall seconds of the whole study."""
        return sum(self.stage_seconds.values())

    @property
    def caveats(self) -> list[str]:
        """Sentences about what makes the numbers doubtful; empty if there is nothing to say."""
        return find_caveats(self)

    def to_frame(self) -> pd.DataFrame:
        """Make one table of all contenders.

        Returns
        -------
        contenders : DataFrame
            The rows of `candidates` and of `sizes`, as far as they are known, each with the
            `stage` that it is of, "search" or "sizes".
        """
        stages = {"search": self.candidates, "sizes": self.sizes}
        known = [table.assign(stage=name) for name, table in stages.items() if table is not None]
        return pd.concat(known, ignore_index=True) if known else pd.DataFrame({"stage": []})

    def _repr_html_(self) -> str:
        """Show what was chosen, and how good it is, in a notebook."""
        return render_html(self)

    def name_candidates(self) -> pd.Series:
        """Name each row of `candidates`; in a first round of halving with what it was given.

        Returns
        -------
        names : Series of str
            Such as ``16_max_1``, ``16_max_1 (3 epochs)`` or ``hog (250 images)``.

        Raises
        ------
        ValueError
            If the study has not finished its search.
        """
        frame = self.candidates
        if frame is None:
            raise ValueError("the study has not finished its stage 'search'")
        what = "epochs" if self.settings.contenders == "report" else "images"
        given = frame.net + " (" + frame[what].astype(str) + f" {what})"
        return frame.net.where(frame[what] == frame[what].max(), given)

    def display(self, stage: Literal["search", "sizes"] = "search") -> "TimeScoreDisplay":
        """Show what was compared in a stage, and what was chosen.

        Parameters
        ----------
        stage : {"search", "sizes"}, default="search"
            The contenders of the search, in the last round that each was in; or the chosen one
            at each size.

        Returns
        -------
        display : TimeScoreDisplay
            Not yet drawn.

        Raises
        ------
        ValueError
            If the study has not finished that stage.
        """
        from skcomic.displays.time_score import TimeScoreDisplay

        if stage not in ("search", "sizes"):
            raise ValueError(f"stage must be 'search' or 'sizes', not {stage!r}")
        frame = self.candidates if stage == "search" else self.sizes
        if frame is None:
            raise ValueError(f"the study has not finished its stage {stage!r}")
        if stage == "search":
            names, chosen = self.name_candidates(), self.chosen_net
            is_last = ~frame.net.duplicated(keep="last")
            frame, names = frame[is_last], names[is_last]
        else:
            sizes = "_" + frame["size"].astype(str)
            names = frame.net + sizes.where(frame["size"].notna(), "")
            is_chosen = frame["size"].isna() | (frame["size"] == self.chosen_size)
            chosen = names[is_chosen].iloc[0]
        return TimeScoreDisplay.from_frame(
            frame.assign(net=names), cost=self.settings.cost, chosen=chosen
        )

    def display_robustness(self) -> "RobustnessDisplay":
        """Show how good the choice is on changed test images.

        Returns
        -------
        display : RobustnessDisplay
            Not yet drawn.

        Raises
        ------
        ValueError
            If that was not measured.
        """
        from skcomic.displays.robustness import RobustnessDisplay

        if self.robustness is None:
            raise ValueError("the study has measured no robustness")
        return RobustnessDisplay.from_rows(self.robustness)

    def display_abstention(self) -> "AbstentionDisplay":
        """Show how accurate the choice is where it answers only what it is sure of.

        Returns
        -------
        display : AbstentionDisplay
            Not yet drawn.

        Raises
        ------
        ValueError
            If that was not measured.
        """
        from skcomic.displays.abstention import AbstentionDisplay

        if self.abstention is None:
            raise ValueError("the study has measured no abstention")
        return AbstentionDisplay.from_study(self.abstention)

    def display_occlusion(self) -> "OcclusionDisplay":
        """Show which part of some test images decides.

        Returns
        -------
        display : OcclusionDisplay
            Not yet drawn.

        Raises
        ------
        ValueError
            If that was not measured.
        """
        from skcomic.displays.occlusion import OcclusionDisplay

        if self.occlusion is None:
            raise ValueError("the study has not measured which part of an image decides")
        captions = [
            str(row["label"])
            + (f",\ntaken for {row['predicted']}" if row["predicted"] != row["label"] else "")
            for row in self.occlusion
        ]
        images = [row["image"] for row in self.occlusion]
        return OcclusionDisplay(images, [row["decrease"] for row in self.occlusion], captions)

    def describe_abstention(self) -> str | None:
        """Say what comes of the wanted accuracy.

        Returns
        -------
        sentence : str or None
            None if no accuracy is wanted, or there are no probabilities.
        """
        return describe_abstention(self.abstention)

    def describe_repeats(self) -> str | None:
        """Say what came of training and testing the choice several times.

        Returns
        -------
        sentence : str or None
            None if that was done once.
        """
        return describe_repeats(self)

    def compare_with_report(self) -> str | None:
        """Compare the choice of the search with the best of the report's nets.

        Returns
        -------
        sentence : str or None
            None if there are no other contenders, or none of the report's nets was trained.
        """
        return compare_with_report(self)

    def describe_images(self) -> list[str]:
        """Describe what was done about images that cannot be read or are duplicates.

        Returns
        -------
        sentences : list of str
            Empty if there are no such images.
        """
        return describe_images(self)

    def to_dict(self) -> dict[str, Any]:
        """Make plain data of all numbers, for JSON.

        Returns
        -------
        study : dict
            The attributes but `pipeline`, and what `validation` was on: its `kind`, "folds" or
            "holdout", and how many `folds`. Frames are lists of records. Labels are kept if they
            are str, int, float or bool, also of numpy; others are replaced by their text.
        """
        numbers = {
            "catalogue": self.catalogue,
            "split": self.split,
            "validation": {
                "kind": "folds" if self.settings.n_folds > 1 else HOLDOUT,
                "folds": self.settings.n_folds,
            },
            "classes": self.classes,
            "contrast": self.contrast,
            "skipped": self.skipped,
            "given_split": self.given_split,
            "footprint": asdict(self.footprint),
            "duplicates": self.duplicates,
            "formats": self.formats,
            "quarantine": list_rows(self.quarantine),
            "candidates": list_rows(self.candidates),
            "chosen_net": self.chosen_net,
            "sizes": list_rows(self.sizes),
            "saving": self.saving,
            "chosen_size": self.chosen_size,
            "test": self.test,
            "repeats": self.repeats,
            "calibration": self.calibration,
            "robustness": self.robustness,
            "suspect_labels": self.suspect_labels,
            "examples": self.examples,
            "history": self.history,
            "abstention": self.abstention,
            "baselines": self.baselines,
            "outside": self.outside,
            "caveats": self.caveats,
            "settings": asdict(self.settings),
            "versions": self.versions,
            "stage_seconds": self.stage_seconds,
            "seconds": self.seconds,
        }
        return {name: to_plain(value) for name, value in numbers.items() if value is not None}


@dataclass(frozen=True)
class StudyProgress:
    """What `run_study` reports while it runs.

    Parameters
    ----------
    stage : str
        "split", "search", "sizes", "test", "baselines", then "repeats" and "outside" if asked for.
    finished : bool
        Whether the stage is over, so that its numbers are in `study`.
    epochs, total_epochs : int
        Epochs of nets that are trained, and to be trained in the whole study: 0 before the
        search, since only that decides which net is trained later, if any.
    study : Study
        The numbers so far.
    """

    stage: str
    finished: bool
    epochs: int
    total_epochs: int
    study: Study
