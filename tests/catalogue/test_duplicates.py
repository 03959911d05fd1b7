"""Duplicates and near-duplicates are found, and never in two parts of a split."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

import skcomic.catalogue.hashing
import skcomic.catalogue.near_hashes
from skcomic import join_duplicates, load_catalogue, split_catalogue
from skcomic.catalogue.duplicates import Duplicates, find_duplicates, join_groups, join_pairs
from skcomic.catalogue.hashing import perceptual_hashes
from skcomic.catalogue.near_hashes import MAX_DISTANCE
from skcomic.images.loading import load_rasters

PARTS = ("train", "validation", "test")


@pytest.fixture
def folder(faces_dir: Path, tmp_path: Path) -> Path:
    """A copy of the drawn pairs that a test may change."""
    return Path(shutil.copytree(faces_dir, tmp_path / "images"))


def part_of(split, *names: str) -> set[str]:
    return {part for part in PARTS for path in split[part].path if path.endswith(names)}


def connected_rows(n_rows: int, links: set[tuple[int, int]]) -> list[set[int]]:
    """For each row, the set of all rows that are linked to it, directly or through others."""
    groups = [{row} for row in range(n_rows)]
    for _ in range(n_rows):
        for row, other in links:
            groups[row] |= groups[other]
            groups[other] |= groups[row]
    return groups


@pytest.mark.slow
@given(
    links=st.sets(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=30),
    n_blocks=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_linked_images_straddle_a_split(
    links: set[tuple[int, int]], n_blocks: int, seed: int
) -> None:
    n_pairs = 60  # links are between these; 24 others are never linked
    catalogue = pd.DataFrame(
        [(f"{label}/{i}", label, i % n_pairs) for label in "ab" for i in range(n_pairs)]
        + [(f"{label}/{i}", label, i) for label in "ab" for i in range(100, 124)],
        columns=["path", "label", "pair"],
    )
    rows = np.array(sorted(links), dtype=int).reshape(-1, 2)
    blocks = [(block[:, 0], block[:, 1]) for block in np.array_split(rows, n_blocks)]
    nothing = np.full(len(catalogue), -1)
    group = join_groups(np.arange(len(catalogue)), blocks)

    joined = join_pairs(catalogue, Duplicates(nothing, nothing, nothing, group))
    split = split_catalogue(joined, random_state=seed, duplicates="ignore")

    part = pd.concat([split[name].assign(part=name) for name in PARTS]).part
    groups = connected_rows(n_pairs, links)
    for row in range(n_pairs):  # rows of the first class come first: row i is pair i
        together = [*groups[row], *(i + n_pairs for i in groups[row])]
        assert len(set(part[together])) == 1
        assert set(joined.pair[together]) == {min(groups[row])}
    assert joined.pair[120:].tolist() == catalogue.pair[120:].tolist()


@pytest.mark.parametrize("change", ["copy", "encode"])
def test_a_copy_of_another_name_class_and_pair_never_straddles(folder: Path, change: str) -> None:
    for i in range(6):  # enough that some are in different parts by chance if they are not joined
        original = folder / "faces" / f"pair_000{i}.jpg"
        for other in (folder / "comics" / f"x{i}.png", folder / "faces" / f"y{i}.jpg"):
            if change == "copy":
                shutil.copy(original, other)
            else:
                with Image.open(original) as image:
                    ImageEnhance.Brightness(image).enhance(1.1).save(other)
    catalogue = load_catalogue(folder)
    catalogue.index = [f"row {i}" for i in range(len(catalogue))]
    split = split_catalogue(catalogue, random_state=0)

    for i in range(6):
        assert len(part_of(split, f"pair_000{i}.jpg", f"x{i}.png", f"y{i}.jpg")) == 1
    rows = pd.concat([split[name] for name in PARTS]).loc[catalogue.index]
    assert rows.path.tolist() == catalogue.path.tolist()
    assert rows.label.tolist() == catalogue.label.tolist()
    assert rows.pair.nunique() == 24
    assert rows.pair[catalogue.path.str.endswith("y3.jpg")].tolist() == ["pair_0003"]
    for name in PARTS:
        order = catalogue.index.get_indexer(split[name].index)
        assert (np.diff(order) > 0).all()
    ignored = split_catalogue(catalogue, random_state=0, duplicates="ignore")
    assert max(len(part_of(ignored, f"pair_000{i}.jpg", f"x{i}.png")) for i in range(6)) > 1
    with pytest.raises(ValueError, match="duplicates must be 'together' or 'ignore', not 'no'"):
        split_catalogue(catalogue, duplicates="no")


def test_drawn_faces_are_all_different(faces: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(join_duplicates(faces), faces)
    alone = faces.assign(pair=faces.path)
    assert join_duplicates(alone).pair.nunique() == 48  # also the two images of each pair


def test_names_do_not_depend_on_the_order(folder: Path) -> None:
    for other in ("pair_0009", "pair_0002", "pair_0005"):
        shutil.copy(folder / "faces" / "pair_0003.jpg", folder / "faces" / f"{other}.jpg")
    catalogue = load_catalogue(folder)
    joined = join_duplicates(catalogue)
    mixed = join_duplicates(catalogue.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(mixed.sort_index(), joined)
    assert set(joined.pair) == set(catalogue.pair) - {"pair_0003", "pair_0005", "pair_0009"}


def test_files_that_cannot_be_read_are_skipped_with_a_warning(folder: Path) -> None:
    for name in ("pair_0000", "pair_0001"):
        (folder / "faces" / f"{name}.jpg").write_text("the same text")
    (folder / "comics" / "pair_0002.jpg").unlink()
    (folder / "comics" / "pair_0002.jpg").symlink_to("nowhere")
    catalogue = load_catalogue(folder)
    with pytest.warns(UserWarning, match=r"3 files cannot be read.*the first: .*pair_0002\.jpg"):
        joined = join_duplicates(catalogue)
    pd.testing.assert_frame_equal(joined, catalogue)


def test_leftovers_in_the_rows_of_bad_files_join_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = load_catalogue(folder)
    Path(catalogue.path[40]).write_text("a text")
    real = skcomic.catalogue.hashing.try_rasters

    def with_leftovers(*arguments, **settings):
        rasters, failures = real(*arguments, **settings)
        for array in rasters:
            array[list(failures)] = array[3]  # not initialised: a row may be any image
        return rasters, failures

    monkeypatch.setattr(skcomic.catalogue.hashing, "try_rasters", with_leftovers)
    with pytest.warns(UserWarning, match="1 files cannot be read"):
        pd.testing.assert_frame_equal(join_duplicates(catalogue), catalogue)


def test_images_without_a_pattern_are_compared_by_content(tmp_path: Path) -> None:
    for label in ("black", "white"):
        (tmp_path / label).mkdir()
        for i in range(2):
            level = 255 * (label == "white")
            Image.new("L", (40 + i, 40), level).save(tmp_path / label / f"{label}{i}.png")
    shutil.copy(tmp_path / "black" / "black0.png", tmp_path / "white" / "copy.png")
    pairs = join_duplicates(load_catalogue(tmp_path)).pair.tolist()
    assert pairs == ["black0", "black1", "black0", "white0", "white1"]


def test_comparing_by_blocks_is_comparing_each_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    centres = random.integers(0, 2, (12, 256), dtype=np.uint8)
    centres[1] = 1 - centres[0]  # all bits differ: more than a byte can count
    bits = centres[random.integers(0, 12, 150)]
    bits ^= random.random(bits.shape) < random.uniform(0, 0.12, (150, 1))
    bits[20:25] = 0  # without a pattern
    hashes = np.packbits(bits, axis=1).view(np.uint64)
    catalogue = pd.DataFrame({"path": ["none"] * 150, "pair": random.integers(0, 90, 150)})
    distance = (bits[:, None] != bits[None]).sum(axis=-1)
    near = (distance <= MAX_DISTANCE) & (catalogue.pair.values[:, None] != catalogue.pair.values)
    near[20:25], near[:, 20:25] = False, False
    near = np.triu(near, 1)
    links = set(zip(*(rows.tolist() for rows in np.nonzero(near)), strict=True))
    assert 100 < len(links) < 2000
    groups = connected_rows(150, links)

    for block in (1, 1000, 2**18):
        monkeypatch.setattr(skcomic.catalogue.near_hashes, "_BLOCK", block)
        found = find_duplicates(catalogue, hashes, np.zeros(150, dtype=bool))
        first = np.where(near.any(axis=0), near.argmax(axis=0), -1)
        assert found.similar_to.tolist() == first.tolist()
        repeats = np.flatnonzero(first >= 0)
        assert found.distance[repeats].tolist() == distance[first[repeats], repeats].tolist()
        for row in range(150):
            assert set(np.flatnonzero(found.group == found.group[row])) == groups[row]


def test_only_files_of_one_length_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = load_catalogue(folder)
    sizes = pd.Series([Path(path).stat().st_size for path in catalogue.path])
    expected = catalogue.path[sizes.duplicated(keep=False)].tolist()
    read = []
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *a: read.append(str(path)) or real(path, *a))
    find_duplicates(catalogue, np.zeros((48, 4), np.uint64), np.ones(48, dtype=bool))
    assert sorted(read) == sorted(expected)


def test_real_images_are_distinguished_and_found_again(real_dir: Path, tmp_path: Path) -> None:
    catalogue = load_catalogue(real_dir)
    assert join_duplicates(catalogue, n_jobs=2).pair.nunique() == 180
    paths = catalogue.path.tolist()[::6]
    for row, path in enumerate(paths):
        with Image.open(path) as image:
            half = image.resize((image.width // 2, image.height // 2))
            half.save(tmp_path / f"{row:02}.jpg", quality=40)
    again = [str(path) for path in sorted(tmp_path.iterdir())]
    hashes = [perceptual_hashes(load_rasters(files, [(32, 32)])[0]) for files in (paths, again)]
    distance = np.bitwise_count(hashes[0] ^ hashes[1]).sum(axis=1)
    assert distance.max() <= MAX_DISTANCE
