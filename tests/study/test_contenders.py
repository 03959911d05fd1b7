"""A study of contenders of all kinds: what is compared, measured, excluded, kept and written."""

import json
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from path_estimators import FailingClassifier, FatalClassifier, NameClassifier, SlowTransformer
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skcomic import ImageVectorizer, Study, load, make_contenders, run_study
from skcomic.models.measuring import measure_predictions
from skcomic.study.choice import (
    choose,
    drop_all_but_best,
    drop_surpassed,
    exclude_over_limit,
    find_sufficient,
)
from skcomic.study.comparison import Comparison, Run, compare
from skcomic.study.evaluation import TimedFit, evaluate
from skcomic.study.page import write_study
from skcomic.study.settings import StudySettings

QUICK = {
    "sizes": (16, 12),
    "n_candidates": 2,
    "epochs": 1,
    "final_epochs": 1,
    "validation": "holdout",
    "n_jobs": 1,
}


@pytest.fixture(scope="module")
def study(faces: pd.DataFrame) -> Study:
    return run_study(faces, **QUICK, precision="float32")


def own_pipeline(classifier) -> Pipeline:
    return make_pipeline(ImageVectorizer(), StandardScaler(), classifier)


def few_contenders(*names: str) -> dict[str, Pipeline]:
    made = make_contenders(16, families=["classic"], random_state=0)
    return {name: made[name] for name in names}


# All that skcomic offers


def test_all_contenders_are_compared_and_measured(study: Study) -> None:
    frame = study.candidates.set_index("net")
    others = make_contenders(16, families=["small", "classic"])
    assert set(frame.index[frame.first_units.notna()]) <= set(
        make_contenders(16, families=["report"])
    )
    assert frame.index.isin(others).sum() == len(others)
    assert len(frame) == 2 + len(others)
    assert frame.failure.isna().all()
    assert frame.excluded.isna().all()
    measured = ["train_f_score", "validation_f_score", "cpu_seconds", "wall_seconds", "predict_ms"]
    costs = [*measured[2:], "batch_ms", "model_bytes", "activation_bytes"]
    assert (frame[costs] > 0).all(axis=None)
    assert frame[measured].notna().all(axis=None)
    assert (frame["images"] == study.split["search"]).all()
    is_net = frame.epochs.notna()
    assert is_net.equals(frame.multiply_adds.notna())
    assert is_net.equals(frame.parameters.notna())
    # The most work first: nets before what has none.
    assert is_net.tolist() == sorted(is_net, reverse=True)


def test_the_choice_is_the_cheapest_among_the_best(study: Study) -> None:
    frame = study.candidates
    good = frame[frame.validation_f_score >= frame.validation_f_score.max() - 0.005]
    assert study.chosen_net == good.net[good.cpu_seconds.idxmin()]
    assert set(study.sizes.net) == {study.chosen_net}
    assert study.sizes["size"].tolist() == [16, 12]
    assert study.test["net"] == f"{study.chosen_net}_{study.chosen_size}"
    assert study.test["cpu_seconds"] > 0


def test_what_is_written_of_any_contender(
    study: Study, faces: pd.DataFrame, tmp_path: Path, capsys
) -> None:
    from rich.console import Console

    from skcomic.cli.study_tables import print_result

    (tmp_path / "figures").mkdir()
    assert write_study(study, tmp_path) == []
    page = (tmp_path / "report.html").read_text()
    for name in study.candidates.net:
        assert f"<td>{name}</td>" in page
    assert study.compare_with_report() in page.replace("&#39;", "'")
    model = load(tmp_path / "model.skcomic")
    assert model.predict(faces.path).tolist() == study.pipeline.predict(faces.path).tolist()
    card = (tmp_path / "card.md").read_text()
    assert card.startswith(f"# {study.test['net']}: a classifier of comics, faces")
    size = (tmp_path / "model.skcomic").stat().st_size
    chosen = study.sizes[study.sizes["size"] == study.chosen_size].iloc[0]
    assert chosen.model_bytes < size  # the study is in that file, too
    print_result(Console(width=120), study)
    printed = capsys.readouterr().out
    for name in study.candidates.net:
        assert name in printed


def test_seed_decides_the_contenders_of_the_report_in_both_sets(
    study: Study, faces: pd.DataFrame
) -> None:
    settings = QUICK | {"sizes": (16,), "precision": "float32", "contenders": "report"}
    report = run_study(faces, **settings).candidates
    of_all = study.candidates[study.candidates.first_units.notna()]
    scores = ["net", "train_f_score", "validation_f_score", "multiply_adds"]
    assert report[scores].to_numpy().tolist() == of_all[scores].to_numpy().tolist()


# The user's own


@pytest.fixture(scope="module")
def own(faces: pd.DataFrame) -> Study:
    contenders = {
        "tree": own_pipeline(DecisionTreeClassifier(random_state=0)),
        "margin": own_pipeline(LinearSVC(random_state=0)),
        "names": NameClassifier(),
        "luck": FailingClassifier(),
    }
    return run_study(faces, contenders=contenders, **QUICK)


def test_estimators_of_the_users_own(own: Study, faces: pd.DataFrame, tmp_path: Path) -> None:
    frame = own.candidates.set_index("net")
    assert frame.failure.dropna().to_dict() == {"luck": "RuntimeError: no such luck"}
    assert frame.loc["names", "validation_f_score"] == 1
    assert frame["size"].dropna().to_dict() == {"tree": 16, "margin": 16}
    assert own.chosen_net == own.test["net"] == "names"
    assert own.test["f_score"] == 1
    assert (own.chosen_size, own.saving, len(own.sizes)) == (None, None, 1)
    assert own.settings.contenders == ("tree", "margin", "names", "luck")
    assert own.compare_with_report() is None
    assert own.pipeline.predict(faces.path).tolist() == faces.label.tolist()
    assert [row["net"] for row in own.baselines] == ["DummyClassifier", "LogisticRegression"]

    (tmp_path / "figures").mkdir()
    (failure,) = write_study(own, tmp_path)
    assert failure.startswith("model.skcomic was not made: cannot save this NameClassifier: ")
    assert not (tmp_path / "model.skcomic").exists()
    assert "failed: RuntimeError: no such luck" in (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "study.json").read_text()).get("chosen_size") is None


def test_estimators_given_are_not_changed(faces: pd.DataFrame) -> None:
    pipeline = own_pipeline(LinearSVC(random_state=0))
    study = run_study(faces, contenders={"margin": pipeline}, **QUICK)
    assert pipeline[0].get_params() == ImageVectorizer().get_params()
    assert not hasattr(pipeline[-1], "coef_")
    assert study.sizes["size"].tolist() == [16, 12]
    assert study.pipeline[0].size == study.chosen_size
    assert study.pipeline[0].cache is None


def test_contenders_without_a_net_need_no_tensorflow(faces_dir: Path, tmp_path: Path) -> None:
    program = f"""
import sys
from skcomic import load, load_catalogue, make_contenders, run_study, save
contenders = make_contenders(16, families=["classic"], random_state=0)
images = load_catalogue({str(faces_dir)!r})
study = run_study(images, contenders=contenders, sizes=(16,), validation=2, n_jobs=1)
save(study.pipeline, {str(tmp_path / "model.skcomic")!r}, about=study.to_dict())
load({str(tmp_path / "model.skcomic")!r})
print(len(study.candidates), sorted({{"tensorflow", "keras"}} & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.stdout == "6 []\n", result.stderr


@pytest.mark.parametrize(
    ("contenders", "error", "message"),
    [
        ({"tree": DecisionTreeClassifier}, TypeError, "instance|estimator"),
        ({"seven": 7}, TypeError, "the contender 'seven' must be an estimator with fit and pred"),
        ({7: NameClassifier()}, ValueError, "contenders must be one of"),
    ],
)
def test_what_is_no_contender_is_refused(faces: pd.DataFrame, contenders, error, message) -> None:
    with pytest.raises(error, match=message):
        run_study(faces, contenders=contenders, **QUICK)


def test_a_contender_that_kills_its_worker_is_reported(faces: pd.DataFrame) -> None:
    contenders = {"fatal": FatalClassifier(), "names": NameClassifier()}
    study = run_study(faces, contenders=contenders, **QUICK | {"n_jobs": 2})
    failure = study.candidates.set_index("net").failure["fatal"]
    assert failure.startswith("ChildProcessError: its process was killed 2 times (SIGKILL(-9))")
    assert study.chosen_net == "names"


def test_evaluations_are_kept_until_an_image_changes(faces_dir: Path, tmp_path: Path) -> None:
    from skcomic import load_catalogue

    images = Path(shutil.copytree(faces_dir, tmp_path / "images"))
    log = tmp_path / "log"
    contenders = {"names": NameClassifier(str(log)), "tree": own_pipeline(LinearSVC())}

    def n_trained() -> int:
        log.unlink(missing_ok=True)
        run_study(
            load_catalogue(images),
            contenders=contenders,
            checkpoint_dir=tmp_path / "fits",
            **QUICK,
        )
        return len(log.read_text().split())

    assert n_trained() == 3  # the search, all training images, the last fit
    assert n_trained() == 1  # only the last fit, which is not kept
    contenders["names"].set_params(log=f"{tmp_path}/./log")
    assert n_trained() == 3
    path = next((images / "faces").iterdir())
    with Image.open(path) as image:
        changed = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    changed.save(path)
    assert n_trained() == 3


# Measuring


def test_costs_are_of_the_whole_fit_and_of_no_waiting(faces: pd.DataFrame) -> None:
    contender = make_pipeline(ImageVectorizer(12), SlowTransformer(0.05), LogisticRegression())
    measured, _ = evaluate(TimedFit(contender), faces[::2], faces[1::2], "comics")
    assert measured["cpu_seconds"] >= 0.05  # of the transformer
    assert measured["wall_seconds"] >= 0.1  # and of waiting
    assert measured["predict_ms"] < 25
    assert measured["batch_ms"] * 24 < 25
    assert np.isnan(measured["multiply_adds"])
    assert contender.predict(faces.path).shape == (48,)


def test_a_pipeline_from_paths_keeps_its_steps(faces: pd.DataFrame) -> None:
    contender = make_pipeline(FunctionTransformer(), NameClassifier())
    measured, answers = evaluate(TimedFit(contender), faces[::2], faces[1::2], "comics")
    assert measured["validation_f_score"] == 1
    assert answers.predicted.tolist() == faces.label[1::2].tolist()
    assert answers.probabilities is None
    assert [name for name, _ in contender.steps] == ["functiontransformer", "nameclassifier"]


def test_contenders_in_threads_are_not_timed_with_each_other(faces: pd.DataFrame) -> None:
    slow = make_pipeline(ImageVectorizer(12), SlowTransformer(), LogisticRegression())
    with parallel_config(backend="threading"):
        twice = [("one", slow), ("other", slow)]
        run = Run(2, None, None, None)
        both = compare(twice, faces[::2], faces[1::2], "comics", run, measure_use=False)
    assert both.table.cpu_seconds.between(0.2, 0.35).all()


def test_predictions_are_timed_after_the_first() -> None:
    lengths = []

    def predict(rows) -> None:
        lengths.append(len(rows))

    measured = measure_predictions(predict, np.zeros((300, 4)))
    assert set(measured) == {"predict_ms", "batch_ms"}
    assert lengths == [1] * 21 + [256] * 2


def test_a_fit_that_takes_too_long_fails(faces: pd.DataFrame) -> None:
    contenders = {"names": NameClassifier(), "slow": own_pipeline(SlowTransformer())}
    contenders["slow"].steps.append(("classify", LogisticRegression()))
    study = run_study(faces, contenders=contenders, max_seconds_per_fit=0.1, **QUICK)
    failure = study.candidates.set_index("net").failure["slow"]
    assert failure == "TimeoutError: training took longer than 0.1 s"


# Choosing


TABLE = pd.DataFrame(
    {
        "net": ["best", "good", "cheap", "poor", "failed"],
        "validation_f_score": [0.95, 0.949, 0.948, 0.7, np.nan],
        "cpu_seconds": [9.0, 5.0, 4.0, 1.0, np.nan],
        "predict_ms": [1.0, 3.0, 5.0, 0.5, np.nan],
        "model_bytes": [np.nan, 2000, 90_000, 1000, np.nan],
        "activation_bytes": [400_000, 40_000, 30_000, 4000, np.nan],
        "multiply_adds": [8, np.nan, np.nan, np.nan, np.nan],
        "parameters": [10, np.nan, np.nan, 3, np.nan],
        "failure": [np.nan] * 4 + ["killed"],
        "excluded": [np.nan] * 5,
    }
)


def chosen(**settings) -> str:
    settings = StudySettings(**{"tolerance": 0.005, **settings})
    comparison = Comparison([], exclude_over_limit(TABLE, settings), [], pd.DataFrame())
    return TABLE.net[choose(comparison, settings)]


def test_the_choice_depends_on_the_cost_and_on_the_limits() -> None:
    assert chosen() == "cheap"
    assert chosen(cost="predict_ms") == "best"
    assert chosen(cost="model_bytes") == "good"
    assert chosen(cost="multiply_adds") == "best"  # what was not counted is not cheaper
    assert chosen(max_predict_ms=4) == "good"
    assert chosen(max_predict_ms=0.9) == "poor"
    assert chosen(max_model_kb=50) == "good"
    assert chosen(max_ram_kb=4) == "poor"
    assert chosen(max_fit_seconds=3, max_predict_ms=2) == "poor"


def test_the_reasons_of_exclusions() -> None:
    settings = StudySettings(max_predict_ms=4, max_model_kb=50)
    assert exclude_over_limit(TABLE, settings).excluded.fillna("").tolist() == [
        "its model_bytes is not known, at most 50 is allowed (max_model_kb)",
        "",
        "a prediction takes 5 ms, at most 4 is allowed (max_predict_ms)",
        "",
        "",
    ]
    with pytest.raises(ValueError, match=r"no contender is within max_fit_seconds=0\.5: the low"):
        exclude_over_limit(TABLE, StudySettings(max_fit_seconds=0.5))


def test_excluded_contenders_are_not_chosen_but_reported(
    faces: pd.DataFrame, tmp_path: Path
) -> None:
    contenders = {"names": NameClassifier(), "margin": own_pipeline(LinearSVC(random_state=0))}
    contenders |= few_contenders("hog")
    study = run_study(faces, contenders=contenders, max_model_kb=10_000, **QUICK)
    excluded = study.candidates.set_index("net").excluded
    reason = "its model_bytes is not known, at most 10000 is allowed (max_model_kb)"
    assert excluded.dropna().to_dict() == {"names": reason, "margin": reason}
    assert study.chosen_net == "hog"
    (tmp_path / "figures").mkdir()
    write_study(study, tmp_path)
    assert (tmp_path / "report.html").read_text().count(reason) == 2


# Halving over the number of images


def test_all_but_the_best_are_dropped() -> None:
    table = drop_all_but_best(exclude_over_limit(TABLE, StudySettings()), 2, n_rounds=1)
    assert table.excluded.fillna("").tolist() == [
        "", "", "dropped after round 1: rank 3 of 5", "dropped after round 1: rank 4 of 5", "",
    ]  # fmt: skip
    excluded = exclude_over_limit(TABLE, StudySettings(max_fit_seconds=8))
    table = drop_all_but_best(excluded, 2, n_rounds=1)
    assert table.net[table.excluded.isna() & table.failure.isna()].tolist() == ["good", "cheap"]


def test_only_what_another_of_its_kind_surpasses_for_half_the_cost_is_dropped() -> None:
    table = pd.DataFrame(
        {
            "net": ["costly", "better", "half", "linear", "worse", "equal"],
            "validation_f_score": [0.6, 0.9, 0.6, 0.95, 0.5, 0.6],
            "cpu_seconds": [9.0, 9.0, 4.5, 0.1, 4.5, 5.0],
            "epochs": [25, 25, 12, np.nan, 12, 12],
            "failure": [np.nan] * 6,
            "excluded": [np.nan] * 6,
        }
    )
    dropped = drop_surpassed(table, "cpu_seconds", n_rounds=1).excluded.dropna()
    assert dropped.to_dict() == {0: "dropped after round 1: half is as good for half the cost"}
    half = table.assign(excluded=[np.nan] * 2 + ["too large"] + [np.nan] * 3)
    assert drop_surpassed(half, "cpu_seconds", 1).excluded.dropna().to_dict() == {2: "too large"}


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


def test_what_no_score_can_put_ahead_is_not_trained() -> None:
    def reason(table: pd.DataFrame = TABLE, **settings) -> str | None:
        return find_sufficient(table, StudySettings(**{"tolerance": 0.005, **settings}))

    assert reason() is None
    assert reason(tolerance=0.04) is None
    assert reason(tolerance=0.05) == (
        "not trained: best takes less work and has a validation F-score of 0.950, so that none "
        "can be better by more than 0.05"
    )
    assert "good takes less" in reason(tolerance=0.06, max_fit_seconds=6)
    assert reason(tolerance=0.05, max_fit_seconds=6) is None
    assert reason(tolerance=0.05, cost="predict_ms") is None  # what trains longer may predict fast
    assert reason(TABLE[4:], tolerance=0.5) is None  # all have failed
    assert reason(TABLE[1:], tolerance=0.5, cost="multiply_adds") is None  # not counted


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


def test_the_plan_counts_the_families_as_they_are() -> None:
    from skcomic.study import plan

    small = make_contenders(64, families=["small"])
    assert len(small) == plan._N_SMALL
    assert {net["classify"].epochs for net in small.values()} == {plan._SMALL_EPOCHS}
    assert len(make_contenders(64, families=["classic"])) == plan._N_CLASSIC
