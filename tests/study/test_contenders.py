"""A study of contenders of all kinds: what is compared, measured, excluded, kept and written."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from path_estimators import FailingClassifier, FatalClassifier, NameClassifier, SlowTransformer
from PIL import Image
from quick_study import QUICK, few_contenders
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skcomic import ImageVectorizer, Study, load, make_contenders, run_study
from skcomic.models.measuring import measure_predictions
from skcomic.study.comparison import Run, compare
from skcomic.study.evaluation import TimedFit, evaluate
from skcomic.study.page import write_study


@pytest.fixture(scope="module")
def study(faces: pd.DataFrame) -> Study:
    return run_study(faces, **QUICK, precision="float32")


def own_pipeline(classifier) -> Pipeline:
    return make_pipeline(ImageVectorizer(), StandardScaler(), classifier)


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_the_plan_counts_the_families_as_they_are() -> None:
    from skcomic.study import plan

    small = make_contenders(64, families=["small"])
    assert len(small) == plan._N_SMALL
    assert {net["classify"].epochs for net in small.values()} == {plan._SMALL_EPOCHS}
    assert len(make_contenders(64, families=["classic"])) == plan._N_CLASSIC
