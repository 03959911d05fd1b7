"""A search by halving: contenders are trained on few images first, the better ones on more."""

import re
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from path_estimators import NameClassifier
from quick_study import QUICK, few_contenders

from skcomic import make_contenders, run_study
from skcomic.study.page import write_study


def test_a_search_by_halving_trains_the_better_ones_on_more_images(
    faces: pd.DataFrame, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("skcomic.study.stages._MIN_ROUND_IMAGES", 1)
    log = tmp_path / "log"
    contenders = few_contenders("pixels", "pixels_mirrored", "hog", "hog_mirrored")
    contenders |= {"names": NameClassifier(str(log))}
    study = run_study(faces, contenders=contenders, search="halving", **QUICK)
    frame = study.candidates
    n_images = frame["images"].unique().tolist()
    assert n_images == sorted(n_images)
    assert n_images[-1] == study.split["search"]
    assert len(n_images) == 3
    rounds = [frame[frame["images"] == n] for n in n_images]
    assert len(rounds[0]) == 5
    assert len(rounds[-1]) < 5
    for before, after in pairwise(rounds):
        dropped = before.set_index("net").excluded.dropna()
        assert set(after.net) == set(before.net) - set(dropped.index)
        for reason in dropped:
            assert re.fullmatch(
                r"dropped after round \d: \w+ is as good for half the cost", reason
            )
    assert study.chosen_net in set(rounds[-1].net)
    assert log.read_text().split()[:3] == [str(n) for n in n_images]
    names = study.name_candidates()
    assert names[0] == f"{frame.net[0]} ({n_images[0]} images)"
    assert names.iloc[-1] == frame.net.iloc[-1]


def test_few_images_are_not_divided_among_rounds(faces: pd.DataFrame) -> None:
    contenders = few_contenders("pixels", "hog")
    study = run_study(faces, contenders=contenders, search="halving", **QUICK)
    assert set(study.candidates["images"]) == {study.split["search"]}
    assert len(study.candidates) == len(contenders)


@pytest.mark.slow
def test_nets_are_not_trained_where_linear_models_suffice(
    faces: pd.DataFrame, tmp_path: Path, capsys
) -> None:
    from rich.console import Console

    from skcomic.cli.study_tables import print_result

    study = run_study(faces, search="halving", tolerance=0.5, **QUICK)
    frame = study.candidates
    assert len(frame) == 2 + len(make_contenders(16, families=["small", "classic"]))
    assert frame.failure.isna().all()
    is_net = frame.epochs.notna()
    assert is_net.tolist() == sorted(is_net)  # the least work first
    assert frame.validation_f_score.isna().equals(is_net)
    assert frame.excluded.notna().equals(is_net)
    assert frame.excluded.dropna().str.startswith("not trained: ").all()
    assert study.chosen_net in set(frame.net[~is_net])
    assert study.compare_with_report() == (
        f"None of the report's nets was trained: {study.chosen_net} takes less work, and is so "
        "good that none of them could be chosen."
    )
    (tmp_path / "figures").mkdir()
    assert write_study(study, tmp_path) == []
    page = (tmp_path / "report.html").read_text()
    assert page.count("not trained: ") == is_net.sum()
    assert "nan" not in re.sub(r"data:[^\"]*", "", page)
    print_result(Console(width=120), study)
    printed = capsys.readouterr().out
    assert printed.count("not trained: ") == 1
    assert "nan" not in printed


def test_halving_by_itself_begins_with_more_than_2000_images(faces: pd.DataFrame) -> None:
    from skcomic.study.plan import plan_study

    def kind(n_images: int, **settings) -> str:
        paths = [f"{i}.png" for i in range(n_images)]
        catalogue = pd.DataFrame({"path": paths, "label": ["a", "b"] * (n_images // 2)})
        return plan_study(catalogue, {"sizes": (12,), **settings}, 1).settings.search

    assert kind(2000) == kind(3000, contenders="report") == "random"
    assert kind(2002) == "halving"
    assert kind(2002, search="random") == "random"
    assert kind(100, search="halving", contenders="report") == "halving"
