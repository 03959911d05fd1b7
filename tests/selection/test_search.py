import pickle
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import randint, uniform
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupShuffleSplit,
    PredefinedSplit,
    RandomizedSearchCV,
    StratifiedGroupKFold,
    cross_validate,
)
from sklearn.tree import DecisionTreeClassifier

from skcomic import (
    ARCHITECTURES,
    BalancedHalvingSearchCV,
    BalancedRandomizedSearchCV,
    CostScorer,
    ImageVectorizer,
    make_comic_pipeline,
    net_name,
    select_parsimonious,
)
from skcomic.nets.backend import import_keras
from skcomic.selection.rounds import halving_rounds
from skcomic.selection.scoring import score_labels

keras = import_keras()


def small_pipeline(**parameters):
    settings = {"vectorize__size": 12, "classify__epochs": 2, "classify__random_state": 0}
    return make_comic_pipeline(**settings | parameters)


def candidates(distributions=ARCHITECTURES, **parameters):
    settings = {"random_state": 0} | parameters
    return BalancedRandomizedSearchCV(
        small_pipeline(), distributions, **settings
    ).draw_candidates()


def test_the_twelve_nets() -> None:
    assert np.prod([len(values) for values in ARCHITECTURES.values()]) == 12
    assert {net_name(params) for params in candidates(n_iter=12)} == {
        f"{units}_{pooling}_{n_conv}"
        for units in (8, 16, 32)
        for pooling in ("average", "max")
        for n_conv in (1, 2)
    }


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n_iter", [2, 6, 10])
def test_candidates_are_distinct_and_balanced(n_iter: int, seed: int) -> None:
    drawn = candidates(n_iter=n_iter, random_state=seed)
    assert len({net_name(params) for params in drawn}) == n_iter
    pooling = Counter(params["classify__pooling"] for params in drawn)
    assert pooling == {"average": n_iter // 2, "max": n_iter // 2}
    assert drawn == candidates(n_iter=n_iter, random_state=seed)


def test_candidates_from_distributions_are_distinct() -> None:
    distributions = {**ARCHITECTURES, "classify__filters": randint(4, 6)}
    drawn = candidates(distributions, n_iter=24)
    assert len({tuple(sorted(params.items())) for params in drawn}) == 24
    rates = {"classify__learning_rate": uniform(0, 1)}
    assert len(candidates(rates, n_iter=5, balance_on=None)) == 5


def test_any_parameter_can_be_balanced() -> None:
    drawn = candidates(balance_on="classify__first_units")
    assert Counter(params["classify__first_units"] for params in drawn) == {8: 2, 16: 2, 32: 2}


def test_impossible_draws_say_why() -> None:
    with pytest.raises(
        ValueError, match=r"n_iter=5 .* the 2 values of classify__pooling; take a m"
    ):
        candidates(n_iter=5)
    with pytest.raises(
        ValueError, match=r"7 distinct candidates .* there are only 6; lower n_iter"
    ):
        candidates(n_iter=14)
    with pytest.raises(ValueError, match="balance_on='classify__colour' must be one of"):
        candidates(balance_on="classify__colour")
    with pytest.raises(ValueError, match="there are only 2; lower n_iter"):
        candidates({"classify__filters": randint(4, 6)}, n_iter=3, balance_on=None)


@pytest.mark.parametrize("wrong", ["classify__poolin", "classify__net__pooling", "clasify"])
def test_misspelt_candidates_are_refused_before_any_training(faces: pd.DataFrame, wrong) -> None:
    trained = []
    pipeline = small_pipeline(
        classify__callbacks=[keras.callbacks.LambdaCallback(on_train_begin=trained.append)]
    )
    search = BalancedRandomizedSearchCV(
        pipeline, {"classify__n_conv": [1], wrong: [1]}, n_iter=1, balance_on=None, n_jobs=1
    )
    with pytest.raises(ValueError, match=f"'{wrong}'") as refused:
        search.fit(faces.path, faces.label)
    assert "did you mean 'classify" in str(refused.value)
    assert trained == []


def test_candidates_may_hold_a_step_and_its_parameters(faces: pd.DataFrame) -> None:
    line = LogisticRegression()
    distributions = {"classify__C": [0.1], "classify": [line]}
    search = BalancedRandomizedSearchCV(
        small_pipeline(), distributions, n_iter=1, balance_on=None, cv=2, n_jobs=1
    ).fit(faces.path, faces.label)
    assert search.best_estimator_["classify"].C == 0.1
    assert line.C == 1.0  # the candidate itself is left as it was


@pytest.mark.slow
def test_a_classifier_among_the_candidates_keeps_its_own_parameters(
    faces: pd.DataFrame, fingerprint
) -> None:
    own = small_pipeline(classify__random_state=3)["classify"]
    pipeline = small_pipeline(classify__random_state=None)
    search = BalancedRandomizedSearchCV(
        pipeline, {"classify": [own]}, n_iter=1, balance_on=None, n_jobs=2,
        cv=GroupShuffleSplit(1, random_state=0), max_seconds_per_fit=100, error_score="raise",
    )  # fmt: skip
    search.fit(faces.path, faces.label, groups=faces.pair)
    found = search.best_estimator_["classify"]
    expected = clone(pipeline).set_params(classify=clone(own)).fit(faces.path, faces.label)
    assert fingerprint(found) == fingerprint(expected["classify"])
    assert found.max_seconds is found.checkpoint_dir is None
    assert [*search.best_params_] == ["classify"]


def results_of(f_scores, costs, parameters=None):
    return {
        "mean_test_f_score": np.array(f_scores),
        "mean_test_cpu_seconds": np.array(costs),
        "mean_test_parameters": np.array(parameters or [1] * len(f_scores)),
    }


@pytest.mark.parametrize(
    ("f_scores", "costs", "parameters", "chosen"),
    [
        ([0.95, 0.947, 0.90], [9, 5, 1], None, 1),  # the cheapest within the tolerance
        ([0.95, 0.944, 0.90], [9, 5, 1], None, 0),  # outside the tolerance
        ([0.95, 0.95, 0.95], [5, 5, 5], [30, 10, 20], 1),  # ties: fewer parameters
        ([0.949, 0.95], [5, 5], [10, 10], 1),  # then the better one
        ([np.nan, 0.8, 0.9], [0, 1, 2], None, 2),  # a failed fit is never chosen
    ],
)
def test_the_cheapest_of_the_best_is_chosen(f_scores, costs, parameters, chosen) -> None:
    choose = pickle.loads(pickle.dumps(select_parsimonious()))
    assert choose(results_of(f_scores, costs, parameters)) == chosen


def test_one_standard_error_is_that_of_paired_differences() -> None:
    # The first is the best; the second is always worse by about as much; the third varies.
    splits = np.array([[0.92, 0.91, 0.98], [0.94, 0.93, 0.86], [0.96, 0.94, 0.95]])
    results = results_of(splits.mean(axis=0), [9, 5, 1])
    results |= {f"split{i}_test_f_score": scores for i, scores in enumerate(splits)}
    assert results["mean_test_f_score"] == pytest.approx([0.94, 0.9267, 0.93], abs=1e-4)
    choose = pickle.loads(pickle.dumps(select_parsimonious("1se")))
    assert choose(results) == 2
    assert choose(results | {"mean_test_cpu_seconds": np.array([9, 5, 20])}) == 0


def test_choices_that_cannot_be_made_say_why() -> None:
    with pytest.raises(ValueError, match=r"cost must be one of .*, not 'money'"):
        select_parsimonious(cost="money")
    with pytest.raises(ValueError, match="tolerance must be 0 or more, or '1se', not -1"):
        select_parsimonious(tolerance=-1)
    with pytest.raises(ValueError, match="tolerance must be 0 or more, or '1se', not '2se'"):
        select_parsimonious(tolerance="2se")
    with pytest.raises(ValueError, match="'1se' needs a search with two splits or more, not 1"):
        select_parsimonious("1se")(results_of([1], [1]) | {"split0_test_f_score": [1]})
    with pytest.raises(ValueError, match=r"no \['multiply_adds'\]; give it scoring=CostScorer"):
        select_parsimonious(cost="multiply_adds")(results_of([1], [1]))
    with pytest.raises(ValueError, match="every fit failed"):
        select_parsimonious()(results_of([np.nan], [1]))
    with pytest.raises(ValueError, match="every fit failed"):
        select_parsimonious()({**results_of([0.9, np.nan], [1, 1]), "iter": [0, 1]})


def test_scores_are_of_the_positive_class() -> None:
    y, predicted = list("aaab"), list("aabb")
    assert score_labels(y, predicted, ["a", "b"], "a") == pytest.approx(
        {"precision": 1, "recall": 2 / 3, "f_score": 0.8}
    )
    assert score_labels(y, predicted, ["a", "b"])["recall"] == 1
    assert score_labels(y, predicted, ["a", "b", "c"])["f_score"] == pytest.approx(
        1.4667 / 3, 1e-3
    )
    assert score_labels(["a"], ["b"], ["a", "b"], "a")["precision"] == 0
    with pytest.raises(ValueError, match="positive='x' is not one of the classes"):
        score_labels(y, predicted, ["a", "b"], "x")


@pytest.fixture(scope="module")
def searched(faces: pd.DataFrame) -> BalancedRandomizedSearchCV:
    search = BalancedRandomizedSearchCV(
        small_pipeline(classify__epochs=3),
        ARCHITECTURES,
        n_iter=2,
        scoring=CostScorer(positive="comics"),
        refit=select_parsimonious(cost="multiply_adds"),
        cv=GroupShuffleSplit(1, random_state=0),
        return_train_score=True,
        error_score="raise",
        random_state=0,
        n_jobs=2,
    )
    return search.fit(faces.path, faces.label, groups=faces.pair)


def test_search_on_paths_with_costs_from_the_workers(
    searched: BalancedRandomizedSearchCV, faces: pd.DataFrame
) -> None:
    results = searched.cv_results_
    for name in ("f_score", "precision", "recall"):
        assert ((results[f"mean_test_{name}"] >= 0) & (results[f"mean_test_{name}"] <= 1)).all()
        assert f"mean_train_{name}" in results
    # What the classifier measured in the worker is less than what the whole fit took.
    assert (results["mean_test_wall_seconds"] > 0).all()
    assert (results["mean_test_wall_seconds"] <= results["mean_fit_time"]).all()
    assert (results["mean_test_cpu_seconds"] > 0).all()
    assert searched.best_index_ == select_parsimonious(cost="multiply_adds")(results)
    ((train, test),) = searched.cv.split(faces.path, faces.label, faces.pair)
    assert_pairs_stay_together(faces, train, test)
    chosen = clone(searched.estimator).set_params(**searched.best_params_)
    chosen.fit(faces.path.iloc[train], faces.label.iloc[train])
    labels = faces.label.iloc[test]
    scores = score_labels(labels, chosen.predict(faces.path.iloc[test]), chosen.classes_, "comics")
    for name in ("f_score", "precision", "recall"):
        found = results[f"mean_test_{name}"][searched.best_index_]
        assert found == pytest.approx(scores[name], abs=0.15)  # one image, if threads differ
    assert set(searched.predict(faces.path)) <= {"comics", "faces"}


def test_multiply_adds_are_per_image_and_epoch(searched: BalancedRandomizedSearchCV) -> None:
    results = searched.cv_results_
    assert (results["mean_test_multiply_adds"] % (3 * 38) == 0).all()  # 19 of 24 pairs to train


def test_nothing_of_the_run_is_left_in_the_search(searched: BalancedRandomizedSearchCV) -> None:
    # With workers each fit is kept for the case that one of them dies.
    for estimator in (searched.best_estimator_, searched.estimator):
        assert estimator["classify"].checkpoint_dir is None
    results = searched.cv_results_
    for params in (searched.best_params_, *results["params"]):
        assert params.keys() == ARCHITECTURES.keys()
    assert {name for name in results if name.startswith("param_")} == {
        f"param_{name}" for name in ARCHITECTURES
    }


def test_plain_randomized_search_works_as_well(faces: pd.DataFrame) -> None:
    search = RandomizedSearchCV(
        small_pipeline(classify__epochs=1),
        ARCHITECTURES,
        n_iter=1,
        n_jobs=-1,
        cv=StratifiedGroupKFold(2),
        random_state=0,
        error_score="raise",
    )
    search.fit(faces.path, faces.label, groups=faces.pair)
    folds = list(StratifiedGroupKFold(2).split(faces.path, faces.label, faces.pair))
    assert search.n_splits_ == len(folds) == 2
    for number, (train, test) in enumerate(folds):
        assert_pairs_stay_together(faces, train, test)
        fitted = clone(search.estimator).set_params(**search.best_params_)
        fitted.fit(faces.path.iloc[train], faces.label.iloc[train])
        score = fitted.score(faces.path.iloc[test], faces.label.iloc[test])
        assert search.cv_results_[f"split{number}_test_score"][0] == pytest.approx(score, abs=0.05)
    predicted = search.predict(faces.path)
    assert search.score(faces.path, faces.label) == (predicted == faces.label).mean()


def assert_pairs_stay_together(faces: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> None:
    assert not set(faces.pair.iloc[train]) & set(faces.pair.iloc[test])
    assert sorted([*train, *test]) == list(range(len(faces)))
    for part in (train, test):
        assert faces.label.iloc[part].value_counts().nunique() == 1  # noqa: PD101


def test_cross_validation_on_paths_keeps_pairs_together(faces: pd.DataFrame) -> None:
    results = cross_validate(
        small_pipeline(),
        faces.path,
        faces.label,
        groups=faces.pair,
        cv=StratifiedGroupKFold(3),
        n_jobs=2,
        error_score="raise",
        return_estimator=True,
        return_indices=True,
    )
    tested = []
    for fitted, train, test, score in zip(
        results["estimator"], results["indices"]["train"], results["indices"]["test"],
        results["test_score"], strict=True,
    ):  # fmt: skip
        assert_pairs_stay_together(faces, train, test)
        predicted = fitted.predict(faces.path.iloc[test])
        assert score == (predicted == faces.label.iloc[test]).mean()
        tested += test.tolist()
    assert sorted(tested) == list(range(len(faces)))


def test_pipeline_takes_the_parameters_of_its_steps() -> None:
    pipeline = make_comic_pipeline(vectorize__size=16, classify__pooling="average")
    assert list(pipeline.named_steps) == ["vectorize", "classify"]
    assert isinstance(pipeline["vectorize"], ImageVectorizer)
    assert pipeline["classify"].pooling == "average"
    with pytest.raises(ValueError, match=r"'vectorize__sise' .* did you mean 'vectorize__size'"):
        make_comic_pipeline(vectorize__sise=16)


@pytest.mark.slow
def test_the_longest_fits_start_first(faces: pd.DataFrame) -> None:
    search = BalancedRandomizedSearchCV(
        small_pipeline(vectorize__size=14, classify__epochs=1), ARCHITECTURES, n_iter=4,
        scoring=CostScorer(), refit=False, cv=PredefinedSplit(np.tile([-1, 0], 24)), n_jobs=1,
        random_state=0, error_score="raise",
    ).fit(faces.path, faces.label)  # fmt: skip
    work = search.cv_results_["mean_test_multiply_adds"]
    assert (np.diff(work) <= 0).all()
    assert work[0] > work[-1]
    assert {net_name(params) for params in search.cv_results_["params"]} == {
        net_name(params) for params in search.draw_candidates()
    }


def test_halving_plans_its_rounds() -> None:
    assert halving_rounds(6, 25) == [(6, 3), (2, 25)]
    assert halving_rounds(12, 25) == [(12, 3), (4, 8), (2, 25)]
    assert halving_rounds(2, 25) == [(2, 25)]
    assert halving_rounds(8, 16, factor=2) == [(8, 4), (4, 8), (2, 16)]
    assert halving_rounds(9, 16, factor=2) == [(9, 2), (5, 4), (3, 8), (2, 16)]
    assert halving_rounds(12, 1) == [(12, 1)]  # trained in full, there is nothing left to halve
    assert halving_rounds(12, 2) == [(12, 1), (2, 2)]


@given(st.integers(1, 300), st.integers(1, 500), st.integers(2, 6))
def test_no_round_trains_what_was_trained(n_candidates: int, resource: int, factor: int) -> None:
    rounds = halving_rounds(n_candidates, resource, factor)
    counts, spent = zip(*rounds, strict=True)
    assert counts[0] == n_candidates
    assert spent[-1] == resource
    assert all(one < other for one, other in pairwise(spent))
    assert all(one > other >= 2 for one, other in pairwise(counts))


@pytest.mark.slow
def test_halving_trains_the_better_half_in_full(faces: pd.DataFrame) -> None:
    # With a step of nothing no net learns: these two must not go on.
    pipeline = small_pipeline(
        classify__epochs=9, classify__learning_rate=0.02, classify__batch_size=8
    )
    settings = {
        "param_distributions": {
            "classify__learning_rate": [1e-9, 0.02], "classify__pooling": ["average", "max"]
        },
        "n_iter": 4, "random_state": 0, "error_score": "raise", "n_jobs": 1,
        "cv": list(StratifiedGroupKFold(2).split(faces.path, faces.label, faces.pair))[:1],
    }  # fmt: skip
    search = BalancedHalvingSearchCV(
        pipeline, scoring=CostScorer(), refit=select_parsimonious(cost="multiply_adds"),
        **settings,
    )  # fmt: skip
    assert search.rounds() == [(4, 1), (2, 9)]
    search.fit(faces.path, faces.label)
    results = search.cv_results_
    assert results["iter"].tolist() == [0, 0, 0, 0, 1, 1]
    assert [p["classify__epochs"] for p in results["params"]] == [1] * 4 + [9] * 2
    best = np.sort(np.argsort(-results["mean_test_f_score"][:4], kind="stable")[:2])
    assert [{**results["params"][i], "classify__epochs": 9} for i in best] == results["params"][
        -2:
    ]
    assert search.best_index_ in (4, 5)  # though the others cost less
    assert search.best_estimator_["classify"].n_iter_ == 9
    with pytest.raises(ValueError, match="did you mean 'classify__epochs'"):
        BalancedHalvingSearchCV(pipeline, {}, resource="classify__epoch").rounds()


def test_halving_by_one_score_chooses_from_the_last_round(faces: pd.DataFrame) -> None:
    search = BalancedHalvingSearchCV(
        DecisionTreeClassifier(max_depth=9, random_state=0),
        {"criterion": ["gini", "entropy"], "splitter": ["best", "random"]}, n_iter=4,
        resource="max_depth", balance_on=None, scoring="neg_log_loss", cv=2, n_jobs=1,
        random_state=0, error_score="raise",
    )  # fmt: skip
    assert search.rounds() == [(4, 1), (2, 9)]
    search.fit(ImageVectorizer(12).fit_transform(faces.path), faces.label)
    scores = search.cv_results_["mean_test_score"]
    assert search.best_index_ in (4, 5)
    assert search.best_score_ == scores[4:].max() < scores.max()  # shallow trees were better
