from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.utils import get_tags

from skcomic import ImageReadError, ImageVectorizer, read_raster

NO_IMAGE = (
    "not an image in any of the formats AVIF, BMP, DDS, GIF, JPEG, JPEG2000, PCX, PNG, PPM, PSD, "
    "SGI, TIFF, WEBP"
)


@pytest.mark.parametrize(
    "container",
    [
        list,
        np.array,
        lambda paths: np.array(paths).reshape(-1, 1),
        pd.Series,
        lambda paths: pd.Series(paths, dtype="string"),
        lambda paths: pd.DataFrame({"path": paths}),
        lambda paths: [Path(path) for path in paths],
    ],
)
def test_rows_from_any_column_of_paths(faces: pd.DataFrame, container) -> None:
    paths = faces.path.tolist()[:5]

    rows = ImageVectorizer(size=(12, 16)).transform(container(paths))

    assert rows.shape == (5, 12 * 16)
    assert rows.dtype == np.float32
    expected = [read_raster(path, (12, 16)).ravel() / 255 for path in paths]
    np.testing.assert_allclose(rows, expected, rtol=1e-6)


def test_white_is_one_and_black_is_zero(tmp_path: Path) -> None:
    for level in (0, 225, 255):
        Image.new("L", (9, 9), level).save(tmp_path / f"{level}.png")
    rows = ImageVectorizer(2).transform([tmp_path / f"{level}.png" for level in (0, 225, 255)])
    np.testing.assert_allclose(rows[:, 0], [0, 225 / 255, 1], rtol=1e-6)


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
def test_order_is_the_inputs_whatever_n_jobs(faces: pd.DataFrame, n_jobs: int) -> None:
    shuffled = faces.sample(frac=1, random_state=0)
    rows = ImageVectorizer(16, n_jobs=n_jobs).transform(shuffled.path)
    alone = [ImageVectorizer(16).transform([path])[0] for path in shuffled.path]
    np.testing.assert_array_equal(rows, alone)


def test_all_bad_files_are_listed(faces: pd.DataFrame, tmp_path: Path) -> None:
    text, missing = tmp_path / "text.jpg", tmp_path / "missing.jpg"
    text.write_text("no image")
    paths = [str(text), *faces.path[:70], str(missing)]

    with pytest.raises(ImageReadError) as caught:
        ImageVectorizer(8, n_jobs=2).transform(paths)

    assert caught.value.failures == [
        (str(text), "not an image", NO_IMAGE),
        (str(missing), "missing", "no such file"),
    ]
    assert "2 of 50 images cannot be read" in str(caught.value)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("has_cache", [False, True])
def test_bad_files_become_rows_of_nan(
    faces: pd.DataFrame, tmp_path: Path, n_jobs: int, has_cache: bool
) -> None:
    text, missing = tmp_path / "two\nlines.jpg", tmp_path / "missing.jpg"
    text.write_text("no image")
    good = faces.path[:4].tolist()
    paths = [good[0], str(text), *good[1:], str(missing)]
    cache = tmp_path / "cache" if has_cache else None
    vectorizer = ImageVectorizer(8, n_jobs=n_jobs, cache=cache, on_error="nan")

    for _ in range(2):
        with pytest.warns(UserWarning, match="cannot be read") as caught:
            rows = vectorizer.transform(paths)
        assert [str(warning.message) for warning in caught] == [
            f"2 of 6 images cannot be read; their rows are NaN. The first is {str(text)!r}: "
            f"{NO_IMAGE}"
        ]
        assert caught[0].filename == __file__
        assert np.isnan(rows).all(axis=1).tolist() == [False, True, False, False, False, True]
        np.testing.assert_array_equal(rows[[0, 2, 3, 4]], ImageVectorizer(8).transform(good))
        assert rows.dtype == np.float32


def test_good_files_cause_no_warning(faces: pd.DataFrame) -> None:
    rows = ImageVectorizer(8, on_error="nan").transform(faces.path)
    np.testing.assert_array_equal(rows, ImageVectorizer(8).transform(faces.path))


def test_stateless(faces: pd.DataFrame) -> None:
    vectorizer = ImageVectorizer(8)
    rows = vectorizer.transform(faces.path)
    np.testing.assert_array_equal(clone(vectorizer).fit_transform(faces.path), rows)
    tags = get_tags(vectorizer)
    assert not tags.requires_fit
    assert tags.input_tags.string
    assert vars(vectorizer.fit(faces.path)) == vars(ImageVectorizer(8))


def test_pixels_are_named(faces: pd.DataFrame) -> None:
    frame = ImageVectorizer((2, 3)).set_output(transform="pandas").transform(faces.path)
    assert list(frame.columns) == [
        f"pixel_{row}_{column}" for row in range(2) for column in range(3)
    ]
    assert list(frame.index) == list(faces.index)


@pytest.mark.parametrize("size", [0, -3, (64,), (8, 0), (4, 4, 3), "64", 1.5])
def test_senseless_sizes_are_refused(faces: pd.DataFrame, size) -> None:
    with pytest.raises(ValueError, match="size"):
        ImageVectorizer(size).fit(faces.path)
    with pytest.raises(ValueError, match="size"):
        ImageVectorizer(size).transform(faces.path)
    with pytest.raises(ValueError, match="size"):
        ImageVectorizer(size).get_feature_names_out()


def test_what_is_no_column_of_paths_is_refused(faces: pd.DataFrame) -> None:
    vectorizer = ImageVectorizer(8)
    with pytest.raises(ValueError, match="put a single path into a list"):
        vectorizer.transform(faces.path[0])
    with pytest.raises(ValueError, match=r"it has shape \(48, 2\)"):
        vectorizer.transform(faces[["label", "pair"]])
    with pytest.raises(ValueError, match="row 1 of X is not a path but 3 of int"):
        vectorizer.transform([faces.path[0], 3])
    assert vectorizer.transform([]).shape == (0, 64)


def test_a_catalogue_is_taken(faces: pd.DataFrame) -> None:
    vectorizer = ImageVectorizer(size=12)
    rows = vectorizer.fit_transform(faces.path)
    np.testing.assert_array_equal(vectorizer.fit_transform(faces), rows)
    np.testing.assert_array_equal(vectorizer.transform(faces[["label", "path"]]), rows)
