"""What ``skcomic study`` shows while it runs, and writes at the end of each stage."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from skcomic.study.folder import reset_folder

if TYPE_CHECKING:
    from skcomic.study.page import Drawn
    from skcomic.study.results import Study, StudyProgress

# What the bar says once a stage is over: what is being done next.
_STAGES = {
    "split": "searching",
    "search": "comparing sizes",
    "sizes": "last fit and test",
    "test": "training the baselines",
    "baselines": "testing on more images",
    "repeats": "testing on more images",
}


class ProgressReporter:
    """Follows a study: a bar on a terminal, lines elsewhere; writes each part as it is done."""

    def __init__(
        self,
        console: Console,
        working: Path,
        settings: dict[str, Any],
        command: str,
        *,
        reset: bool,
    ) -> None:
        self.console = console
        self.working = working
        self.settings = settings
        self.command = command
        self.reset = reset
        self.shown: list[str] = []
        self.drawn: Drawn = {}
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} epochs"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("", start=False, visible=False)

    def __enter__(self) -> "ProgressReporter":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def __call__(self, progress: "StudyProgress") -> None:
        from skcomic.study.page import write_study

        self.bar.update(self.task, completed=progress.epochs, total=progress.total_epochs)
        if not progress.finished:
            return
        if progress.stage == "split":  # the settings make sense, and so do the images
            reset_folder(self.working, self.settings, reset=self.reset)
        failures = write_study(
            progress.study, self.working, command=self.command, drawn=self.drawn
        )
        for line in (*_describe_stage(progress.stage, progress.study), *failures):
            self.console.print(line)
        if progress.study.pipeline is None:  # at the end, `print_result` has all of them
            for caveat in progress.study.caveats:
                if caveat not in self.shown:
                    self.console.print(f"Caution: {caveat}", style="yellow")
            self.shown = progress.study.caveats
            self.bar.start_task(self.task)
            self.bar.update(self.task, description=_STAGES[progress.stage], visible=True)


def _describe_stage(stage: str, study: "Study") -> list[str]:
    seconds = f"({study.stage_seconds[stage]:.1f} s)"
    if stage == "split":
        n, n_folds = study.split, study.settings.n_folds
        developed = f"{n['train']} images for training, {n['validation']} for validation"
        if n_folds > 1:
            developed = f"{n['train']} images for training and validation, in {n_folds} folds"
        return [
            *study.describe_images(),
            str(study.footprint),
            f"{developed}, {n['test']} for the test; {n['search']} for the search {seconds}",
        ]
    if stage == "search":
        assert study.candidates is not None
        n_contenders = study.candidates.net.nunique()
        return [f"chosen among {n_contenders} contenders: {study.chosen_net} {seconds}"]
    if stage == "sizes":
        return [f"size chosen: {study.chosen_size} {seconds}"]
    if stage == "test":
        return [f"last fit and test done {seconds}"]
    if stage == "repeats":
        assert study.repeats is not None
        return [f"tested {len(study.repeats['seeds'])} times {seconds}"]
    if stage == "outside":
        assert study.outside is not None
        choice, n_images = study.outside["choice"], study.outside["images"]
        low, high = choice["interval"]["f_score"]
        return [
            f"F-score on {n_images} images from elsewhere: {choice['f_score']:.4f} "
            f"({low:.3f} to {high:.3f}) {seconds}"
        ]
    return [f"baselines trained {seconds}"]
