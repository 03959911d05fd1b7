"""The choice, trained and tested again on other splits and with other seeds."""

import dataclasses

import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import f1_score

from skcomic import make_contenders, run_study
from skcomic.study.images import assign_parts, read_images


@pytest.mark.slow
def test_every_repeat_has_a_split_and_a_seed_of_its_own(faces: pd.DataFrame) -> None:
    contenders = {"patches": make_contenders(12, random_state=5)["patches"]}
    study = run_study(
        faces, contenders=contenders, sizes=(12,), random_state=5, repeats=3, n_jobs=1
    )
    repeats = study.repeats
    assert repeats["seeds"] == [5, 6, 7]
    assert repeats["f_scores"][0] == study.test["f_score"]
    assert repeats["mean"] == pytest.approx(sum(repeats["f_scores"]) / 3)
    low, high = repeats["interval"]
    assert 0 <= low < repeats["mean"] < high <= 1
    assert list(study.stage_seconds)[-1] == "repeats"
    assert "Trained and tested 3 times" in study.describe_repeats()

    images = read_images(faces, study.settings, n_jobs=1, cache=None).catalogue
    tested = set()
    for seed, f_score in zip(repeats["seeds"], repeats["f_scores"], strict=True):
        parts = assign_parts(images, dataclasses.replace(study.settings, random_state=seed))
        development = pd.concat([parts.train, parts.validation])
        assert not set(development.pair) & set(parts.test.pair)
        tested.add(tuple(parts.test.path))
        model = clone(contenders["patches"]).set_params(
            classify__describe__random_state=seed, classify__classify__random_state=seed
        )
        predicted = model.fit(development.path, development.label).predict(parts.test.path)
        expected = f1_score(parts.test.label, predicted, pos_label="comics")
        assert f_score == pytest.approx(expected), seed
    assert len(tested) == 3


def test_a_study_without_repeats_says_nothing_of_them(faces: pd.DataFrame) -> None:
    contenders = {"pixels": make_contenders(12, random_state=0)["pixels"]}
    study = run_study(faces, contenders=contenders, sizes=(12,), n_jobs=1)
    assert study.repeats is study.describe_repeats() is None
    assert "repeats" not in study.to_dict()
