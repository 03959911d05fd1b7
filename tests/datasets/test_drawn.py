"""The drawn faces: reproducible files, complete pairs, and classes that tone does not separate."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from skcomic.datasets import make_comic_faces

N_PAIRS = 120


def contents(drawn: Bunch) -> dict[str, bytes]:
    """Bytes of every file below the data folder, hidden ones too, by relative name."""
    return {
        path.relative_to(drawn.data_dir).as_posix(): path.read_bytes()
        for path in drawn.data_dir.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Bunch:
    folder = tmp_path_factory.mktemp("drawn")
    return make_comic_faces(N_PAIRS, size=128, out_dir=folder, random_state=0)


@pytest.fixture(scope="module")
def grey(drawn: Bunch) -> np.ndarray:
    """Grey levels, shape (2, n_pairs, 32, 32): comics first."""
    images = []
    for path in drawn.paths:
        with Image.open(path) as image:
            images.append(image.convert("L").resize((32, 32), Image.Resampling.BOX))
    levels = np.stack([np.asarray(image, dtype=float) for image in images]) / 255
    return levels.reshape(2, N_PAIRS, 32, 32)


# --- Files ----------------------------------------------------------------------------------


def test_pairs_are_complete(drawn: Bunch) -> None:
    stems = [f"pair_{number:04d}" for number in range(N_PAIRS)]
    expected = [f"{label}/{stem}.jpg" for label in ("comics", "faces") for stem in stems]

    assert sorted(contents(drawn)) == expected
    assert drawn.paths == [str(drawn.data_dir / name) for name in expected]
    assert drawn.labels == ["comics"] * N_PAIRS + ["faces"] * N_PAIRS
    assert drawn.n_pairs == N_PAIRS
    assert isinstance(drawn.data_dir, Path)
    assert f"{N_PAIRS} pairs" in drawn.DESCR
    assert "128 x 128 pixels" in drawn.DESCR


@pytest.mark.parametrize(
    ("file_format", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp")]
)
@pytest.mark.parametrize("size", [32, 75])
def test_images_have_size_and_format(
    tmp_path: Path, file_format: str, suffix: str, size: int
) -> None:
    drawn = make_comic_faces(
        2, size=size, out_dir=str(tmp_path), random_state=1, format=file_format
    )

    assert [Path(path).suffix for path in drawn.paths] == [suffix] * 4
    for path in drawn.paths:
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == (file_format, "RGB", (size, size))
            assert np.ptp(np.asarray(image), axis=(0, 1)).min() > 40


def test_same_seed_gives_same_bytes(tmp_path: Path) -> None:
    seeds = {"first": 3, "again": np.int64(3), "other": 4}
    files = {
        name: contents(make_comic_faces(3, size=48, out_dir=tmp_path / name, random_state=seed))
        for name, seed in seeds.items()
    }

    assert files["first"] == files["again"]
    assert all(files["first"][name] != files["other"][name] for name in files["first"])
    assert len(set(files["first"].values())) == 6


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_random_state_may_be_a_generator(tmp_path: Path, kind: type) -> None:
    files = [
        contents(make_comic_faces(1, size=32, out_dir=tmp_path / name, random_state=state))
        for name, state in (("a", kind(5)), ("b", kind(5)))
    ]
    state = kind(5)
    one, two = (
        contents(make_comic_faces(1, size=32, out_dir=tmp_path / name, random_state=state))
        for name in ("c", "d")
    )

    assert files[0] == files[1] == one
    assert one != two  # the source has moved on


def test_seed_leaves_the_global_state_alone(tmp_path: Path) -> None:
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    make_comic_faces(1, size=32, out_dir=tmp_path, random_state=0)
    after = np.random.get_state(legacy=False)  # noqa: NPY002

    assert before["state"]["pos"] == after["state"]["pos"]
    np.testing.assert_array_equal(before["state"]["key"], after["state"]["key"])


@pytest.mark.parametrize(("n_pairs", "n_jobs"), [(5, 1), (3, 2)])
def test_pair_depends_on_neither_number_nor_jobs(
    tmp_path: Path, n_pairs: int, n_jobs: int
) -> None:
    few = contents(make_comic_faces(3, size=48, out_dir=tmp_path / "few", random_state=7))
    other = contents(
        make_comic_faces(
            n_pairs, size=48, out_dir=tmp_path / "other", random_state=7, n_jobs=n_jobs
        )
    )

    assert len(other) == 2 * n_pairs
    assert {name: other[name] for name in few} == few


# --- Errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_pairs": 0}, r"'n_pairs' parameter .* range \[1, inf\)\. Got 0"),
        ({"n_pairs": 2.5}, r"'n_pairs' parameter .* must be an int"),
        ({"size": 31}, r"'size' parameter .* range \[32, inf\)\. Got 31"),
        ({"format": "GIF"}, r"'format' parameter (?=.*'JPEG')(?=.*'PNG')(?=.*'WEBP').*Got 'GIF'"),
        ({"random_state": "seven"}, r"'random_state' parameter .* Got 'seven'"),
    ],
)
def test_bad_parameter_is_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    parameters = {"n_pairs": 1, "size": 32, "out_dir": tmp_path, "random_state": 0} | change
    with pytest.raises(ValueError, match=message):
        make_comic_faces(**parameters)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("existing", ["faces", "comics"])
def test_files_are_never_overwritten(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).mkdir()
    (tmp_path / existing / "pair_0000.jpg").write_bytes(b"mine")

    with pytest.raises(FileExistsError, match=f"{existing} already holds files.*another out_dir"):
        make_comic_faces(1, size=32, out_dir=tmp_path, random_state=0)
    assert [path.name for path in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing / "pair_0000.jpg").read_bytes() == b"mine"


def test_empty_folders_are_filled(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    drawn = make_comic_faces(1, size=32, out_dir=tmp_path, random_state=0)
    assert len(contents(drawn)) == 2


def test_a_full_disk_names_the_file_and_leaves_none(tmp_path: Path, largest_file) -> None:
    with largest_file(500), pytest.raises(OSError, match=r"cannot write it.*pair_0000\.jpg"):
        make_comic_faces(1, size=64, out_dir=tmp_path, random_state=0, n_jobs=1)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# --- What the classes have in common, and what separates them -------------------------------


def test_pair_shares_geometry(drawn: Bunch) -> None:
    def outlines(paths: list[str]) -> np.ndarray:
        rows = []
        for path in paths:
            with Image.open(path) as image:
                small = image.convert("L").filter(ImageFilter.GaussianBlur(4)).resize((24, 24))
            row = np.asarray(small, dtype=float).ravel()
            rows.append((row - row.mean()) / row.std())
        return np.stack(rows)

    comics, faces = outlines(drawn.paths[:N_PAIRS]), outlines(drawn.paths[N_PAIRS:])
    correlation = comics @ faces.T / faces.shape[1]
    own = np.diag(correlation)
    others = correlation[~np.eye(N_PAIRS, dtype=bool)]

    assert own.mean() > others.mean() + 0.4
    assert np.mean(correlation.argmax(1) == np.arange(N_PAIRS)) > 0.9


def test_tone_does_not_separate_the_classes(grey: np.ndarray) -> None:
    is_comic = np.repeat([1, 0], N_PAIRS)
    pair = np.tile(np.arange(N_PAIRS), 2)
    tone = np.stack([grey.mean((2, 3)), grey.std((2, 3))], axis=-1).reshape(-1, 2)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    together = cross_val_predict(
        model, tone, is_comic, groups=pair, cv=GroupKFold(5), method="decision_function"
    )

    for score in (*tone.T, together):
        auc = roc_auc_score(is_comic, score)
        assert max(auc, 1 - auc) < 0.75


def test_pixels_separate_the_classes_poorly(grey: np.ndarray) -> None:
    is_comic = np.repeat([1, 0], N_PAIRS)
    pair = np.tile(np.arange(N_PAIRS), 2)
    predicted = cross_val_predict(
        LogisticRegression(max_iter=2000),
        grey.reshape(2 * N_PAIRS, -1),
        is_comic,
        groups=pair,
        cv=GroupKFold(5),
    )
    assert f1_score(is_comic, predicted) < 0.9


def test_ink_separates_the_classes(grey: np.ndarray) -> None:
    """Thin dark lines are darker than their neighbours even at 32 pixels."""
    middle, sides = grey[..., 1:-1], (grey[..., :-2] + grey[..., 2:]) / 2
    lines = np.maximum(sides - middle, 0).mean((2, 3))
    is_comic = np.repeat([1, 0], N_PAIRS)
    assert roc_auc_score(is_comic, lines.ravel()) > 0.9
