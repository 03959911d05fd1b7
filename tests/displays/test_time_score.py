import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from skcomic import TimeScoreDisplay

NETS = [f"{u}_{p}_{n}" for u in (8, 16, 32) for p in ("average", "max") for n in (1, 2)]


def twelve_close_nets(**settings) -> TimeScoreDisplay:
    random = np.random.default_rng(0)
    return TimeScoreDisplay(
        NETS,
        costs=random.uniform(9, 10, 12),
        train_f_scores=random.uniform(0.990, 0.992, 12),
        validation_f_scores=random.uniform(0.950, 0.951, 12),
        **settings,
    )


def test_all_points_are_drawn_and_joined() -> None:
    display = twelve_close_nets(chosen="16_max_1").plot()
    joined = [
        line
        for line in display.ax_.lines
        if len(line.get_xdata()) == 2 and line.get_linestyle() == "-"
    ]
    assert [list(line.get_ydata()) for line in joined] == [
        list(ends)
        for ends in zip(display.train_f_scores, display.validation_f_scores, strict=True)
    ]
    assert [line.get_xdata()[0] for line in joined] == list(display.costs)
    assert display.figure_ is display.ax_.figure
    assert display.ax_.get_xlabel() == "CPU seconds of training"


def test_the_pareto_front_and_the_intervals_are_drawn() -> None:
    frame = pd.DataFrame(
        {
            "net": ["slow", "cheap", "poor", "good", "equal"],
            "cpu_seconds": [9.0, 1.0, 3.0, 4.0, 5.0],
            "train_f_score": 1.0,
            "validation_f_score": [0.95, 0.8, 0.7, 0.9, 0.9],
            "validation_low": [0.9, np.nan, 0.6, 0.8, 0.85],
            "validation_high": [0.97, np.nan, 0.8, 0.94, 0.93],
        }
    )
    display = TimeScoreDisplay.from_frame(frame).plot()
    assert display.pareto_front.tolist() == [1, 3, 0]
    (front,) = [line for line in display.ax_.lines if line.get_linestyle() == "--"]
    assert front.get_xdata().tolist() == [1, 4, 9]
    assert front.get_ydata().tolist() == [0.8, 0.9, 0.95]
    bars = [list(line.get_ydata()) for line in display.ax_.lines if line.get_linewidth() == 5]
    assert bars == [[0.9, 0.97], [0.6, 0.8], [0.8, 0.94], [0.85, 0.93]]
    assert display.ax_.get_ylim()[0] < 0.6  # no bar is cut off
    assert "95 %" in [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert "95 %" not in [
        text.get_text() for text in twelve_close_nets().plot().ax_.get_legend().get_texts()
    ]


@pytest.mark.parametrize("spread", [1e-4, 0.01, 1])
def test_names_of_twelve_nets_do_not_overlap(spread: float) -> None:
    random = np.random.default_rng(1)
    scores = 0.5 + spread * random.uniform(-0.5, 0.5, 12)
    display = TimeScoreDisplay(
        NETS, costs=np.ones(12), train_f_scores=scores, validation_f_scores=scores
    ).plot()
    display.figure_.canvas.draw()
    texts = [text for text in display.ax_.texts if text.get_text() in NETS]
    assert len(texts) == 12
    # The extent of an annotation also holds its leading line, so look at where the text is.
    heights = sorted(text.xyann[1] for text in texts)
    pixels = display.ax_.get_window_extent().height
    text_height = texts[0].get_fontsize() / 72 * display.figure_.dpi
    assert np.diff(heights).min() * pixels >= text_height
    assert heights[0] >= 0
    assert heights[-1] <= 1


def test_the_chosen_one_is_marked() -> None:
    display = twelve_close_nets(chosen="16_max_1").plot()
    i = NETS.index("16_max_1")
    rings = [line for line in display.ax_.lines if line.get_markersize() == 13]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in rings] == [
        (display.costs[i], display.validation_f_scores[i])
    ]
    assert not [line for line in twelve_close_nets().plot().ax_.lines if line.get_markersize() > 6]


def test_draws_on_the_axes_it_is_given() -> None:
    ax = Figure().add_subplot()
    assert twelve_close_nets().plot(ax=ax).ax_ is ax


def test_from_a_search() -> None:
    names = ("first_units", "pooling", "n_conv")
    results = {
        "params": [
            dict(zip([f"classify__{name}" for name in names], values, strict=True))
            for values in ((8, "max", 2), (16, "average", 1))
        ],
        "mean_test_cpu_seconds": [3.0, 2.0],
        "mean_test_multiply_adds": [30, 20],
        "mean_test_f_score": [0.9, 0.8],
        "mean_train_f_score": [0.95, 0.85],
    }
    display = TimeScoreDisplay.from_cv_results(results, cost="multiply_adds", chosen=1)
    assert display.nets == ["8_max_2", "16_average_1"]
    assert display.chosen == "16_average_1"
    assert display.costs.tolist() == [30, 20]
    assert display.plot().ax_.get_xlabel() == "Multiply-adds of training"
    del results["mean_train_f_score"]
    with pytest.raises(ValueError, match=r"no \['mean_train_f_score'\]; search with"):
        TimeScoreDisplay.from_cv_results(results)


def test_from_a_table_without_the_rows_that_failed() -> None:
    frame = pd.DataFrame(
        {
            "net": ["8_max_1", "8_average_1", "16_max_1"],
            "wall_seconds": [3.0, np.nan, 5.0],
            "train_f_score": [0.9, np.nan, 0.95],
            "validation_f_score": [0.8, np.nan, 0.85],
        }
    )
    display = TimeScoreDisplay.from_frame(frame, cost="wall_seconds", chosen="16_max_1")
    assert display.nets == ["8_max_1", "16_max_1"]
    assert display.costs.tolist() == [3.0, 5.0]
    assert display.train_f_scores.tolist() == [0.9, 0.95]
    assert display.validation_f_scores.tolist() == [0.8, 0.85]
    assert display.chosen == "16_max_1"
    assert display.plot().ax_.get_xlabel() == "Wall seconds of training"
    with pytest.raises(ValueError, match=r"no columns \['cpu_seconds'\]; it needs \['net', "):
        TimeScoreDisplay.from_frame(frame)


def test_nets_of_any_name_are_drawn_those_named_by_pooling_in_colour() -> None:
    nets = ["8_max_1", "8_average_2_32", "16_max_1 (3 epochs)", "hog", "_", "max_pooled", ""]
    scores = np.linspace(0.5, 0.9, len(nets))
    display = TimeScoreDisplay(
        nets, costs=scores, train_f_scores=scores, validation_f_scores=scores
    ).plot()
    points = [line for line in display.ax_.lines if len(line.get_xdata()) == 1][1::2]
    colours = [to_hex(line.get_color()) for line in points]
    orange, blue, black, light_blue = "#d55e00", "#0072b2", "#000000", "#56b4e9"
    assert colours == [orange, blue, orange, black, light_blue, light_blue, light_blue]
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == [
        "average pooling", "max pooling", "linear models", "others", "validation", "training",
    ]  # fmt: skip
