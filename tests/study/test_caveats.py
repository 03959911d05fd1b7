"""What makes the numbers of a study doubtful, and the baselines that say so."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import skcomic.study.baselines
from skcomic import ImageVectorizer, StudyProgress, load_catalogue, make_contenders, run_study
from skcomic.study.baselines import make_baselines, train_baseline
from skcomic.study.evaluation import TimedFit
from skcomic.study.page import write_study

QUICK = {"sizes": (12,), "final_epochs": 1, "validation": "holdout", "n_jobs": 1}


def few_contenders(*names: str) -> dict:
    made = make_contenders(12, random_state=0)
    for name in ("8_max_1", "8_average_1"):
        made[name].set_params(classify__epochs=1)
    return {name: made[name] for name in names}


@pytest.mark.slow
def test_a_study_of_blank_images_says_that_it_means_nothing(tmp_path: Path) -> None:
    """White icons on a clear ground are white sheets."""
    for label in ("cats", "dogs"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for number in range(4):
            name = tmp_path / "images" / label / f"{number}.png"
            Image.new("RGB", (40, 40 + number), "white").save(name)
    seen = []
    study = run_study(
        load_catalogue(tmp_path / "images"),
        contenders=few_contenders("8_max_1"),
        **QUICK,
        on_progress=lambda progress: seen.append((progress.stage, progress.study.caveats)),
    )
    first_stage, first_caveats = seen[0]
    assert first_stage == "split"  # before any training
    assert [caveat.split(":")[0] for caveat in first_caveats] == [
        "8 of 8 images have no contrast",
        "All images of cats, dogs look the same. If they are transparent, choose another "
        "background (`background`, --background); otherwise look at them.",
        "Fewer than 20 test images of 'cats' (1), 'dogs' (1)",
    ]
    assert "one image decides about 100% of the recall" in first_caveats[2]
    assert study.caveats[:3] == first_caveats
    assert study.contrast == {"images": 8, "classes": ["cats", "dogs"]}
    (tmp_path / "figures").mkdir()
    assert write_study(study, tmp_path) == []
    for file in ("report.html", "card.md", "study.json"):
        assert "images have no contrast" in (tmp_path / file).read_text()


@pytest.mark.slow
def test_white_drawings_on_a_clear_ground_need_another_background(tmp_path: Path) -> None:
    for label, side in (("left", slice(0, 20)), ("right", slice(20, 40))):
        (tmp_path / label).mkdir()
        for number in range(12):
            pixels = np.full((40, 40, 4), 255, dtype=np.uint8)
            pixels[:, :, 3] = 0
            pixels[number : number + 20, side, 3] = 255
            Image.fromarray(pixels).save(tmp_path / label / f"{number}.png")
    catalogue = load_catalogue(tmp_path, pair="none")
    flat = []

    def stop(progress: StudyProgress) -> None:
        flat.append(progress.study.contrast["images"])
        raise ZeroDivisionError  # before any training

    # Those of the user's own have a background of their own.
    settings = QUICK | {"contenders": "report", "n_candidates": 2, "epochs": 5}
    settings |= {"final_epochs": 20, "final_batch_size": 4}
    with pytest.raises(ZeroDivisionError):
        run_study(catalogue, **settings, on_progress=stop)
    assert flat == [24]
    study = run_study(catalogue, **settings, background="auto")
    assert study.contrast == {"images": 0, "classes": []}
    assert study.pipeline["vectorize"].background == "auto"
    assert study.test["f_score"] > 0.8


def test_nets_that_learned_nothing_are_called_so(faces: pd.DataFrame) -> None:
    study = run_study(faces, contenders=few_contenders("pixels", "hog"), **QUICK)
    zeros = study.candidates.assign(validation_f_score=[0.0, np.nan])
    study.candidates = zeros
    study.test = study.test | {"f_score": 0.4}
    study.baselines[0]["f_score"] = 0.5
    caveats = "\n".join(study.caveats)
    assert "Every contender of the stage 'search' has a validation F-score of 0" in caveats
    assert "is not better (F-score 0.4000) than DummyClassifier (0.5000)" in caveats
    study.candidates = zeros.assign(validation_f_score=[0.1, np.nan])
    study.test = study.test | {"f_score": 0.6}
    study.sizes = study.sizes.assign(validation_f_score=0.7)
    caveats = "\n".join(study.caveats)
    assert "has a validation F-score of 0" not in caveats
    assert "not better" not in caveats


def test_baselines_have_an_end(faces: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    images = faces[["path", "label"]]

    def make_fits(max_seconds: float | None) -> list[TimedFit]:
        baselines = make_baselines(ImageVectorizer(16), seed=0, in_chunks=False)
        assert [name for name, _ in baselines] == ["DummyClassifier", "LogisticRegression"]
        return [TimedFit(baseline, max_seconds) for _, baseline in baselines]

    dummy, linear = fits = make_fits(None)
    assert all(train_baseline(fit, images) > 0 for fit in fits)
    right = linear.ask(linear.make_rows(images.path)).predicted == images.label
    assert right.mean() > 0.8 > (dummy.ask(images.path).predicted == images.label).mean()

    monkeypatch.setattr(skcomic.study.baselines, "_ITERATIONS_AT_ONCE", 2)
    _, linear = make_fits(1000)
    train_baseline(linear, images)
    assert linear.contender[-1].n_iter_[0] == 2  # of each of five fits
    _, linear = make_fits(1e-6)
    with pytest.raises(TimeoutError, match=r"training took longer than 1e-06 s"):
        train_baseline(linear, images)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("labels", "contender"),
    [((np.int64(3), np.int64(5)), "8_max_1"), ((True, False), "pixels")],
)
def test_numbers_are_plain_whatever_the_labels(
    faces: pd.DataFrame, tmp_path: Path, labels: tuple, contender: str
) -> None:
    first, second = labels
    renamed = faces.assign(
        label=np.where(faces.label == "faces", np.array(first), np.array(second))
    )
    study = run_study(
        renamed, contenders=few_contenders(contender), **QUICK,
        positive=first, random_state=np.int64(1),
    )  # fmt: skip
    (tmp_path / "figures").mkdir()
    assert write_study(study, tmp_path) == []
    numbers = study.to_dict()
    assert_plain(numbers)
    assert numbers["settings"]["positive"] == first
    assert sorted(row["label"] for row in numbers["classes"]) == sorted(labels)


def assert_plain(value: object) -> None:
    if type(value) is dict:
        for key, part in value.items():
            assert type(key) is str
            assert_plain(part)
    elif type(value) is list:
        for part in value:
            assert_plain(part)
    else:
        assert type(value) in (str, int, float, bool, type(None)), repr(value)
