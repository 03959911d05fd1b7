import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from skcomic import make_contenders
from skcomic.images.vectorizer import ImageVectorizer


def test_names_and_their_order() -> None:
    contenders = make_contenders(32)
    assert list(contenders) == [
        "8_average_1", "8_average_2", "8_max_1", "8_max_2",
        "16_average_1", "16_average_2", "16_max_1", "16_max_2",
        "32_average_1", "32_average_2", "32_max_1", "32_max_2",
        "small_3_4_1", "small_3_4_1_mirrored", "small_3_4_2", "small_3_4_2_mirrored",
        "small_3_2_1", "small_3_2_1_mirrored", "small_3_2_2", "small_3_2_2_mirrored",
        "pixels", "pixels_mirrored", "hog", "hog_mirrored", "patches", "patches_mirrored",
    ]  # fmt: skip
    assert "small_3_4_2" not in make_contenders(15)
    assert list(make_contenders(7, families=["classic", "report"])) == [
        "pixels", "pixels_mirrored", *(f"{units}_{pooling}_1" for units in (8, 16, 32)
                                       for pooling in ("average", "max")),
    ]  # fmt: skip
    for name, pipeline in contenders.items():
        classifier = pipeline["classify"]
        assert [step for step, _ in pipeline.steps] == ["vectorize", "classify"]
        assert pipeline["vectorize"].size == 32
        is_mirrored = name.endswith("_mirrored")
        assert getattr(classifier, "mirror", hasattr(classifier, "estimator")) == is_mirrored
        plain_name = name.removesuffix("_mirrored")
        assert getattr(classifier, "net_name", plain_name) == plain_name


@pytest.mark.parametrize(
    "name", ["small_3_2_1", "small_3_2_1_mirrored", "pixels", "hog_mirrored", "patches"]
)
def test_learns_and_repeats(name: str, faces: pd.DataFrame, tmp_path) -> None:
    contenders = make_contenders(
        16, families=["small", "classic"], random_state=0, vectorize__cache=tmp_path
    )
    assert isinstance(contenders[name]["vectorize"], ImageVectorizer)
    if name.startswith("small"):  # so few images make few steps
        contenders[name].set_params(classify__batch_size=6)
    fitted = [clone(contenders[name]).fit(faces.path, faces.label) for _ in range(2)]
    assert fitted[0].score(faces.path, faces.label) > 0.8
    probabilities = [pipeline.predict_proba(faces.path) for pipeline in fitted]
    assert np.array_equal(*probabilities)
    assert probabilities[0].shape == (48, 2)


@pytest.mark.slow
def test_classic_contenders_need_no_tensorflow(faces: pd.DataFrame) -> None:
    code = f"""if True:
        import sys
        from skcomic import make_contenders
        for pipeline in make_contenders(16, families=["classic"]).values():
            pipeline.fit({faces.path.tolist()!r}, {faces.label.tolist()!r})
        sys.exit("tensorflow" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"families": ["report", "modern"]}, "families must be among .*, not 'modern'"),
        ({"vectorize__cahce": "x"}, "did you mean 'vectorize__cache'"),
        ({"classify__epochs": 3, "families": ["classic"]}, "Invalid parameter 'classify__epochs'"),
    ],
)
def test_what_cannot_be(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_contenders(32, **arguments)
