from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from skcomic import ImageReadError, estimate_footprint, load_catalogue, split_catalogue
from skcomic.catalogue.footprint import available_memory


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_one_row_per_image_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "faces/2.jpg", "comics/10.PNG", "faces/10.jpeg", "comics/2.webp")

    catalogue = load_catalogue(tmp_path)

    assert list(catalogue.columns) == ["path", "label", "pair"]
    assert [Path(path).relative_to(tmp_path).as_posix() for path in catalogue.path] == [
        "comics/10.PNG",
        "comics/2.webp",
        "faces/10.jpeg",
        "faces/2.jpg",
    ]
    assert catalogue.label.tolist() == ["comics", "comics", "faces", "faces"]
    assert catalogue.pair.tolist() == ["10", "2", "10", "2"]
    pd.testing.assert_frame_equal(catalogue, load_catalogue(str(tmp_path)))


def test_other_things_are_passed_over_and_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/1.jpg", "a/.DS_Store", ".git/x", "a/notes.txt", "README.md")
    touch(tmp_path, "b/deeper/2.jpg")
    (tmp_path / "empty").mkdir()

    catalogue = load_catalogue(tmp_path)

    assert len(catalogue) == 2
    assert catalogue.attrs == {
        "root": str(tmp_path),
        "hidden_files": 2,
        "other_files": 3,
        "empty_folders": 1,
    }


def test_extensions_and_pairs_are_the_users(tmp_path: Path) -> None:
    touch(tmp_path, "a/1_x.jpg", "a/2_x.png", "b/1_y.jpg", "b/2_y.png")

    assert len(load_catalogue(tmp_path, extensions=[".PNG"])) == 2
    assert load_catalogue(tmp_path, pair=None).pair.nunique() == 4
    by_number = load_catalogue(tmp_path, pair=lambda path: path.stem.partition("_")[0])
    assert by_number.pair.tolist() == ["1", "2", "1", "2"]


def test_wrong_folders_say_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder '.*nowhere'"):
        load_catalogue(tmp_path / "nowhere")
    touch(tmp_path, "1.jpg")
    with pytest.raises(NotADirectoryError, match="is a file"):
        load_catalogue(tmp_path / "1.jpg")
    with pytest.raises(ValueError, match=r"found no class folder .* 1 other files"):
        load_catalogue(tmp_path)
    touch(tmp_path, "faces/1.jpg")
    with pytest.raises(ValueError, match=r"two or more sub-folders.*found one class, 'faces'"):
        load_catalogue(tmp_path)


def catalogue_of(pairs: list[tuple[int, ...]]) -> pd.DataFrame:
    """A catalogue from the number of images that each pair has of each class."""
    rows = [
        (f"{label}/{pair}_{i}.jpg", f"class {label}", str(pair))
        for pair, counts in enumerate(pairs)
        for label, count in enumerate(counts)
        for i in range(count)
    ]
    return pd.DataFrame(rows, columns=["path", "label", "pair"])


@given(
    pairs=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)), max_size=80
    ),
    test_size=st.floats(0.2, 0.5),
    seed=st.integers(0, 2**32 - 1),
)
def test_splits_hold_each_row_once_and_pairs_together(
    pairs: list[tuple[int, ...]], test_size: float, seed: int
) -> None:
    # Enough pairs of each class that every part gets some.
    catalogue = catalogue_of([*pairs, *[(1, 1, 1)] * 12])

    split = split_catalogue(catalogue, test_size=test_size, random_state=seed, duplicates="ignore")

    assert list(split) == ["train", "validation", "test"]
    assert sorted(np.concatenate([part.index for part in split.values()])) == list(catalogue.index)
    parts_of_pair = pd.concat(split.values(), keys=split).reset_index(level=0)
    assert parts_of_pair.groupby("pair")["level_0"].nunique().max() == 1
    shares = {"train": (1 - test_size) * 2 / 3, "validation": (1 - test_size) / 3}
    shares["test"] = test_size
    for name, part in split.items():
        wanted = catalogue.label.value_counts() * shares[name]
        # A pair holds up to 2 of a class and 5 images: that is how finely it can be dealt.
        assert (part.label.value_counts() - wanted).abs().max() <= 5


@pytest.mark.parametrize("n_pairs", [180, 300, 1000])
def test_whole_pairs_are_split_evenly(n_pairs: int) -> None:
    split = split_catalogue(catalogue_of([(1, 1)] * n_pairs), random_state=0, duplicates="ignore")
    n_test, n_rest = n_pairs / 3, n_pairs * 2 / 3
    for part, wanted in (("test", n_test), ("validation", n_rest / 3), ("train", n_rest * 2 / 3)):
        counts = split[part].label.value_counts()
        assert counts.min() == counts.max()
        assert abs(counts.iloc[0] - wanted) < 1


def test_splits_follow_the_seed() -> None:
    catalogue = catalogue_of([(1, 1)] * 60)
    first, again, other = (
        split_catalogue(catalogue, random_state=seed, duplicates="ignore").test.index.tolist()
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_splits_that_cannot_be_are_refused() -> None:
    catalogue = catalogue_of([(1, 0)] * 9 + [(0, 1)] * 2)
    with pytest.raises(ValueError, match="class 'class 1' has only 2 pairs"):
        split_catalogue(catalogue, random_state=0, duplicates="ignore")
    with pytest.raises(ValueError, match=r"test_size must be a share between 0 and 1, not 1\.5"):
        split_catalogue(catalogue, test_size=1.5)


def test_footprint_counts_bytes_and_scales_time(faces: pd.DataFrame) -> None:
    footprint = estimate_footprint(faces, (16, 8), n_sample=5)

    assert footprint.n_bytes == len(faces) * 16 * 8 * 4
    assert footprint.n_sample == 5
    assert 0 < footprint.seconds < 60
    assert "48 images at 16x8" in str(footprint)
    report = estimate_footprint(pd.concat([faces] * 88).iloc[:4200], 64)
    assert report.n_bytes == 68_812_800  # the report's 4,200 images are 69 MB


def test_footprint_lists_bad_files(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/1.jpg")
    Image.new("L", (8, 8)).save(tmp_path / "a/2.jpg")
    with pytest.raises(ImageReadError, match="2 of 3 images cannot be read"):
        estimate_footprint(load_catalogue(tmp_path), 8)


def test_available_memory_is_that_of_a_machine() -> None:
    assert 10**8 < available_memory() < 10**13
