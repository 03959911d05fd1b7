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
    if sentence := study.compare_with_report():
        console.print(sentence)
    saving, test = study.saving, study.test
    assert test is not None
    if saving is not None and saving["from_size"] != saving["to_size"]:
        console.print(
            f"From {saving['from_size']} to {saving['to_size']} pixels: "
            f"{_percent_lost(saving['cost_share'])} of the cost saved, "
            f"{_percent_lost(saving['f_score_share'])} of the F-score lost"
        )
    of = f"class {study.settings.positive!r}" if study.settings.positive else "macro average"
    columns = ("F", "95 % interval", "precision", "recall", "accuracy")
    table = _table(f"The test: {test['n']} images, {of}", "contender", *columns)
    for row in (test, *(study.baselines or [])):
        if row.get("failure"):
            table.add_row(row["net"], "failed", style="red")
            continue
        scores = [f"{row[score]:.4f}" for score in ("precision", "recall", "accuracy")]
        low, high = row["interval"]["f_score"]
        table.add_row(
            row["net"], f"{row['f_score']:.4f}", f"{low:.3f} to {high:.3f}", *scores,
            style="bold green" if row is test else None,
        )  # fmt: skip
    console.print(table)
    for comparison in test["comparisons"]:
        console.print(f"{comparison['sentence']}.")
    for sentence in (study.describe_repeats(), study.describe_abstention()):
        if sentence:
            console.print(sentence)
    for caveat in study.caveats:
        console.print(f"Caution: {caveat}", style="yellow")


def _percent_lost(share: float | None) -> str:
    return "an unknown share (it was 0)" if share is None else f"{100 * share:.1f} %"


def _print_candidates(
    console: Console, title: str, frame: "pd.DataFrame", chosen: str | int | None
) -> None:
    notes: list[str] = []
    excluded: dict[str, list[str]] = {}
    columns = ("size", "train F", "validation F", "CPU s", "predict ms", "model kB", "RAM kB")
    table = _table(title, "contender", *columns)
    for net in frame.to_dict(orient="records"):
        name = f"{net['net']}_{net['size']}"
        if isinstance(net["failure"], str):
            table.add_row(net["net"], str(net["size"]), "failed", style="red")
            notes.append(f"{name} failed: {net['failure']}")
            continue
        is_excluded = isinstance(net["excluded"], str)
        if is_excluded and net["images"] == frame.images.max():  # what was dropped is in the file
            excluded.setdefault(net["excluded"], []).append(name)
        is_chosen = chosen in (net["net"], net["size"])
        table.add_row(
            net["net"],
            str(net["size"]),
            *(_number(net[score], ".4f") for score in ("train_f_score", "validation_f_score")),
            *(_number(net[cost], ".2f") for cost in ("cpu_seconds", "predict_ms")),
            *(_number(net[n], ".0f", thousands=True) for n in ("model_bytes", "activation_bytes")),
            style="bold green" if is_chosen else "dim" if is_excluded else None,
        )
    console.print(table)
    notes += [f"Excluded: {', '.join(names)}: {reason}" for reason, names in excluded.items()]
    for note in notes:
        console.print(note)


def _number(value: float, form: str, *, thousands: bool = False) -> str:
    import pandas as pd  # not at the top: predictions need none

    if pd.isna(value):
        return ""
    return format(value / 1000 if thousands else value, form)


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table
