"""What a study finds: its settings, every number of it, and how far it has come."""

from collections.abc import Hashable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from skcomic.catalogue.duplicates import COMPARED_SIDE
from skcomic.catalogue.footprint import Footprint
from skcomic.catalogue.validation import PARTS
from skcomic.images.listing import list_counts
from skcomic.study.caveats import find_caveats
from skcomic.study.settings import StudySettings

if TYPE_CHECKING:
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
    quarantine : DataFrame
        One row per image that cannot be read and was left out: `path`, `label`, `pair`, the
        `kind` and `reason` of its failure, and how many images of its pair stay,
        `left_of_pair`. None unless `on_bad` is "quarantine".
    candidates : DataFrame
        One row per net of the search: `net`, `first_units`, `pooling`, `n_conv`, `size`,
        `epochs`, `train_f_score`, `validation_f_score`, `cpu_seconds`, `wall_seconds`,
        `multiply_adds`, `parameters`, `failure`. A search by halving has rows of fewer epochs
        first. A net that failed has no scores and costs, and `failure` has the reason.
    chosen_net : str
        Such as ``16_max_1``.
    sizes : DataFrame
        The same columns, one row per size of the chosen net.
    chosen_size : int
        In pixels.
    saving : dict
        Shares of the cost saved (`cost_share`) and of the validation F-score lost
        (`f_score_share`; None if it is 0 before) by going `from_size`, the largest, `to_size`:
        the chosen size, or the cheapest where the largest was chosen.
    test : dict
        `net`, `n` images, `precision`, `recall`, `f_score` and `confusion` (a row for each
        true class) of the last fit.
    baselines : list of dict
        The same for classifiers without a network, and their `cpu_seconds`; one that took too
        long has only its name and the reason, `failure`.
    pipeline : Pipeline
        The last fit: from paths to classes.
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
    quarantine: pd.DataFrame | None = None
    candidates: pd.DataFrame | None = None
    chosen_net: str | None = None
    sizes: pd.DataFrame | None = None
    chosen_size: int | None = None
    saving: dict[str, float | int | None] | None = None
    test: dict[str, Any] | None = None
    baselines: list[dict[str, Any]] | None = None
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

    def name_candidates(self) -> pd.Series:
        """Name each row of `candidates`, with its epochs where they are not those of all.

        Returns
        -------
        names : Series of str
            Such as ``16_max_1``, or ``16_max_1 (3 epochs)`` in a first round of halving.

        Raises
        ------
        ValueError
            If the study has not finished its search.
        """
        frame = self.candidates
        if frame is None:
            raise ValueError("the study has not finished its stage 'search'")
        in_full = frame.epochs == self.settings.epochs
        return frame.net.where(in_full, frame.net + " (" + frame.epochs.astype(str) + " epochs)")

    def display(self, stage: Literal["search", "sizes"] = "search") -> "TimeScoreDisplay":
        """Show what was compared in a stage, and what was chosen.

        Parameters
        ----------
        stage : {"search", "sizes"}, default="search"
            The nets of the search, or the chosen net at each size.

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
        else:
            names = frame.net + "_" + frame["size"].astype(str)
            chosen = f"{self.chosen_net}_{self.chosen_size}"
        return TimeScoreDisplay.from_frame(
            frame.assign(net=names), cost=self.settings.cost, chosen=chosen
        )

    def describe_images(self) -> list[str]:
        """Describe what was done about images that cannot be read or are duplicates.

        Returns
        -------
        sentences : list of str
            Empty if there are no such images.
        """
        sentences = []
        if self.skipped:
            sentences.append(f"Files and folders that were skipped: {list_counts(self.skipped)}.")
        if self.given_split is not None:
            given = self.given_split["parts"]
            drawn = [part for part in PARTS if part not in given]
            sentences.append(
                f"The parts were given: {', '.join(given)}"
                + (f"; drawn from train: {', '.join(drawn)}" if drawn else "")
                + f". Images that repeat others of an earlier part: {self.given_split['test']} of "
                f"the test, {self.given_split['validation']} of the validation."
            )
        exact, near = self.duplicates["exact"], self.duplicates["near"]
        if exact or near:
            by_look = f", {near} by look" if near is not None else ""
            sentences.append(
                f"Images that repeat others: {exact} by content{by_look}; of another class than "
                f"what they repeat: {self.duplicates['of_another_class']}."
                + ("" if self.given_split else " Each is in the same part as what it repeats.")
            )
        if near is None:
            sentences.append(
                "Images that look the same were not looked for: that takes a size of "
                f"{COMPARED_SIDE} pixels or more."
            )
        if self.quarantine is not None and len(self.quarantine):
            others = self.quarantine.drop_duplicates("pair").left_of_pair.sum()
            sentences.append(
                f"Left out, since they cannot be read: {len(self.quarantine)} images (see "
                f"quarantine.csv). Other images of their pairs, which stay: {others}."
            )
        return sentences

    def to_dict(self) -> dict[str, Any]:
        """Make plain data of all numbers, for JSON.

        Returns
        -------
        study : dict
            The attributes but `pipeline`; frames are lists of records. Labels are kept if they
            are str, int, float or bool, also of numpy; others are replaced by their text.
        """
        numbers = {
            "catalogue": self.catalogue,
            "split": self.split,
            "classes": self.classes,
            "contrast": self.contrast,
            "skipped": self.skipped,
            "given_split": self.given_split,
            "footprint": asdict(self.footprint),
            "duplicates": self.duplicates,
            "quarantine": _records(self.quarantine),
            "candidates": _records(self.candidates),
            "chosen_net": self.chosen_net,
            "sizes": _records(self.sizes),
            "saving": self.saving,
            "chosen_size": self.chosen_size,
            "test": self.test,
            "baselines": self.baselines,
            "caveats": self.caveats,
            "settings": asdict(self.settings),
            "versions": self.versions,
            "stage_seconds": self.stage_seconds,
            "seconds": self.seconds,
        }
        return {name: _plain(value) for name, value in numbers.items() if value is not None}


@dataclass(frozen=True)
class StudyProgress:
    """What `run_study` reports while it runs.

    Parameters
    ----------
    stage : str
        "split", "search", "sizes", "test" or "baselines".
    finished : bool
        Whether the stage is over, so that its numbers are in `study`.
    epochs, total_epochs : int
        Epochs of training done, and to be done in the whole study.
    study : Study
        The numbers so far.
    """

    stage: str
    finished: bool
    epochs: int
    total_epochs: int
    study: Study


def _records(frame: pd.DataFrame | None) -> list[dict[Hashable, Any]] | None:
    """Make rows of plain data; what a net that failed has not is None."""
    return None if frame is None else frame.astype(object).replace(np.nan, None).to_dict("records")


def _plain(value: Any) -> Any:
    """Make plain data of numbers and labels of other kinds, such as numpy's."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | int | float | None) else str(value)
