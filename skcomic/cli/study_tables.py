"""The tables that ``skcomic study`` prints at its end."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from skcomic.study.results import Study


def print_result(console: Console, study: "Study") -> None:
    """Print what was compared, what was chosen, and how good it is.

    Parameters
    ----------
    console : Console
        Where to print.
    study : Study
        Finished.
    """
    assert study.candidates is not None
    assert study.sizes is not None
    candidates = study.candidates.assign(net=study.name_candidates())
    _print_candidates(console, "The search", candidates, study.chosen_net)
    _print_candidates(console, "The sizes", study.sizes, study.chosen_size)
    saving, test = study.saving, study.test
    assert saving is not None
    assert test is not None
    if saving["from_size"] != saving["to_size"]:
        console.print(
            f"From {saving['from_size']} to {saving['to_size']} pixels: "
            f"{_percent_lost(saving['cost_share'])} of the cost saved, "
            f"{_percent_lost(saving['f_score_share'])} of the F-score lost"
        )
    of = f"class {study.settings.positive!r}" if study.settings.positive else "macro average"
    table = _table(f"The test: {test['n']} images, {of}", "net", "precision", "recall", "F")
    for row in (test, *(study.baselines or [])):
        if row.get("failure"):
            table.add_row(row["net"], "failed", "", "", style="red")
            continue
        scores = [f"{row[score]:.4f}" for score in ("precision", "recall", "f_score")]
        table.add_row(row["net"], *scores, style="bold green" if row is test else None)
    console.print(table)
    for caveat in study.caveats:
        console.print(f"Caution: {caveat}", style="yellow")


def _percent_lost(share: float | None) -> str:
    return "an unknown share (it was 0)" if share is None else f"{100 * share:.1f} %"


def _print_candidates(
    console: Console, title: str, frame: "pd.DataFrame", chosen: str | int | None
) -> None:
    failures: list[str] = []
    table = _table(title, "net", "size", "train F", "validation F", "CPU s", "multiply-adds")
    for net in frame.to_dict(orient="records"):
        if isinstance(net["failure"], str):
            table.add_row(net["net"], str(net["size"]), "failed", "", "", "", style="red")
            failures.append(f"{net['net']}_{net['size']} failed: {net['failure']}")
            continue
        table.add_row(
            net["net"],
            str(net["size"]),
            f"{net['train_f_score']:.4f}",
            f"{net['validation_f_score']:.4f}",
            f"{net['cpu_seconds']:.1f}",
            f"{net['multiply_adds']:.3g}",
            style="bold green" if chosen in (net["net"], net["size"]) else None,
        )
    console.print(table)
    for failure in failures:
        console.print(failure)


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table
