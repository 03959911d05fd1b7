"""A study as notebooks show it."""

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from skcomic.study.results import Study


def render_html(study: "Study") -> str:
    """Write what was chosen, and how good it is, as HTML."""
    if study.test is None:
        return f"<p>A study that has finished {escape(', '.join(study.stage_seconds))}.</p>"
    rows = [study.test, *(row for row in study.baselines or [] if "failure" not in row)]
    table = pd.DataFrame(
        [
            {"classifier": row["net"]}
            | {
                name: f"{row[name]:.3f} ({row['interval'][name][0]:.3f} to "
                f"{row['interval'][name][1]:.3f})"
                for name in ("f_score", "precision", "recall", "accuracy")
            }
            for row in rows
        ]
    )
    low, high = study.test["interval"]["f_score"]
    said = (
        f"{study.test['net']}: F-score {study.test['f_score']:.3f} ({low:.3f} to {high:.3f}) on "
        f"{study.test['n']} images that nothing was tuned on"
    )
    return f"<p><strong>{escape(said)}</strong></p>{table.to_html(index=False)}"
