"""Rows of stores in the place of image files."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skcomic import ImageReadError, ImageVectorizer, cache_info, load_catalogue, rasterize
from skcomic.catalogue.footprint import estimate_footprint
from skcomic.images import raster_store
from skcomic.images.cache import file_state
from skcomic.images.decoding import Rendering, examine_image, read_grey, read_raster, resize_grey
from skcomic.images.inspecting import inspect_files
from skcomic.images.loading import load_rasters, try_rasters
from skcomic.images.thumbnails import read_thumbnail


@pytest.fixture(scope="module")
def rows(faces: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The faces in a store of 32x32 pixels, in chunks of 7; no test may change it."""
    return rasterize(faces, tmp_path_factory.mktemp("rows") / "rows.zarr", size=32, chunk_images=7)


@pytest.fixture
def mine(rows: pd.DataFrame, tmp_path: Path) -> list[str]:
    """The paths of a copy of the store, which a test may change."""
    shutil.copytree(Path(rows.path[0]).parent, tmp_path / "rows.zarr")
    return load_catalogue(tmp_path / "rows.zarr").path.tolist()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_rows_are_the_rasters_that_were_stored(
    rows: pd.DataFrame, faces: pd.DataFrame, n_jobs: int
) -> None:
    (expected,) = load_rasters(faces.path.tolist(), [(32, 32)])
    order = np.random.default_rng(0).choice(len(faces), 100)
    paths = rows.path.iloc[order].tolist()
    assert np.array_equal(load_rasters(paths, [(32, 32)], n_jobs=n_jobs)[0], expected[order])
    of_both = [(rows if row % 3 else faces).path[row] for row in order]
    large, small = load_rasters(of_both, [(32, 32), (16, 8)], n_jobs=n_jobs)
    assert np.array_equal(large, expected[order])
    assert small.shape == (100, 16, 8)
    vectors = ImageVectorizer(32, n_jobs=n_jobs).transform(rows.path)
    assert np.array_equal(vectors, ImageVectorizer(32).transform(faces.path))


def test_one_row_is_read_like_many(rows: pd.DataFrame) -> None:
    for size in ((32, 32), (16, 16), (12, 20)):
        (expected,) = load_rasters(rows.path.tolist(), [size])
        assert np.array_equal([read_raster(path, size) for path in rows.path], expected)


def test_smaller_rasters_are_resized_from_the_stored_ones(rows: pd.DataFrame) -> None:
    (stored,) = load_rasters(rows.path.tolist(), [(32, 32)])
    for size in ((16, 16), (12, 20)):
        (smaller,) = load_rasters(rows.path.tolist(), [size])
        images = map(Image.fromarray, stored)
        assert np.array_equal(smaller, [resize_grey(image, size) for image in images])
    assert np.array_equal(np.asarray(read_grey(rows.path[5])), stored[5])


def test_smaller_rasters_are_those_of_files_up_to_rounding(
    faces: pd.DataFrame, tmp_path: Path
) -> None:
    """If each side of the image, 48, is a multiple of those of the store, and these of others."""
    rows = rasterize(faces, tmp_path / "rows.zarr", size=24)
    (of_files,) = load_rasters(faces.path.tolist(), [(12, 12)])
    (of_rows,) = load_rasters(rows.path.tolist(), [(12, 12)])
    assert np.abs(of_files.astype(int) - of_rows).max() <= 1


def test_rasters_that_cannot_be_made_are_refused(rows: pd.DataFrame) -> None:
    paths = rows.path.tolist()
    for size in ((33, 32), (16, 33)):
        sentence = rf"has 32x32 pixels, not {size[0]}x{size[1]}: rasterize again with size=33$"
        with pytest.raises(ValueError, match=sentence):
            load_rasters(paths, [(16, 16), size])
        with pytest.raises(ValueError, match=sentence):
            read_raster(paths[0], size)
    for name, value in (("background", "black"), ("resample", "lanczos")):
        rendering = Rendering(**{name: value})
        with pytest.raises(ValueError, match=f"was made with {name}='.*', not '{value}'"):
            try_rasters(paths, [(16, 16)], rendering)
        with pytest.raises(ValueError, match=f"was made with {name}='.*', not '{value}'"):
            read_grey(paths[0], rendering)


def test_a_chunk_is_read_once_for_all_its_rows(
    mine: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    read_rows = raster_store.read_rows

    def read_and_count(group, number):
        read.append(number)
        return read_rows(group, number)

    monkeypatch.setattr(raster_store, "read_rows", read_and_count)
    monkeypatch.setattr(raster_store, "_MAX_KEPT_BYTES", 0)  # keep one chunk
    shuffled = np.random.default_rng(0).permutation(mine).tolist()
    load_rasters(shuffled, [(32, 32), (16, 16)])
    assert sorted(read) == list(range(7))
    read.clear()
    for start in range(0, 48, 3):  # of batches in order, too
        load_rasters(mine[start : start + 3], [(32, 32)])
    assert read == list(range(7))


def test_rows_are_not_put_into_the_cache(rows: pd.DataFrame, tmp_path: Path) -> None:
    ImageVectorizer(32, cache=tmp_path).transform(rows.path)
    estimate_footprint(rows, 32, cache=tmp_path)
    ImageVectorizer(32, cache=tmp_path).transform(rows.path[:0])
    assert cache_info(tmp_path)["rasters"] == 0


def test_the_state_of_a_row_changes_with_the_content(
    faces: pd.DataFrame, tmp_path: Path, mine: list[str]
) -> None:
    before = [file_state(path) for path in mine]
    assert len(set(before)) == len(mine)
    store = Path(mine[0]).parent
    shutil.rmtree(store)
    assert file_state(mine[0]) is None
    rasterize(faces, store, size=32, chunk_images=7)
    assert [file_state(path) for path in mine] == before
    shutil.rmtree(store)
    changed = faces.copy()
    changed.loc[20, "path"] = faces.path[21]
    rasterize(changed, store, size=32, chunk_images=7)
    assert [
        state == file_state(path) for state, path in zip(before, mine, strict=True)
    ] == [row // 7 != 2 for row in range(48)]  # fmt: skip
    (expected,) = load_rasters(changed.path.tolist(), [(32, 32)])
    assert np.array_equal(load_rasters(mine, [(32, 32)])[0], expected)


@pytest.mark.parametrize("damage", ["missing", "empty", "shorter", "another", "one byte"])
def test_a_damaged_chunk_is_never_read(faces: pd.DataFrame, mine: list[str], damage: str) -> None:
    (expected,) = load_rasters(mine, [(32, 32)])
    store = Path(mine[0]).parent
    chunk = store / "rasters/c/3/0/0"
    content = chunk.read_bytes()
    chunk.unlink()
    if damage == "empty":
        chunk.write_bytes(b"")
    elif damage == "shorter":
        chunk.write_bytes(content[:-1])
    elif damage == "another":
        shutil.copy(store / "rasters/c/2/0/0", chunk)
    elif damage == "one byte":
        chunk.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    raster_store.RasterStore._instances.clear()
    with pytest.raises(OSError, match="chunk 3 is missing, damaged or was written again; call"):
        load_rasters(mine, [(32, 32)])
    with pytest.raises(ImageReadError, match="1 of 1 images cannot be read"):
        read_raster(mine[21], (16, 16))
    assert np.array_equal(load_rasters(mine[:21], [(32, 32)])[0], expected[:21])
    rasterize(faces, store, size=32, chunk_images=7)
    assert chunk.read_bytes() == content
    assert np.array_equal(load_rasters(mine, [(32, 32)])[0], expected)


def test_a_damaged_record_is_not_believed(faces: pd.DataFrame, mine: list[str]) -> None:
    store = Path(mine[0]).parent
    record = store / "records/c/4"
    content = record.read_bytes()
    for part in (b"", content[: len(content) // 2]):
        record.write_bytes(part)
        rasterize(faces, store, size=32, chunk_images=7)
        assert record.read_bytes() == content


def test_damaged_digests_are_not_believed(faces: pd.DataFrame, mine: list[str]) -> None:
    store = Path(mine[0]).parent
    digests = store / "digests/c/0/0"
    content = digests.read_bytes()
    for part in (b"", content[:-1], bytes(len(content)), None):
        digests.write_bytes(part or b"")
        if part is None:
            shutil.rmtree(store / "digests")
        raster_store.RasterStore._instances.clear()
        with pytest.raises(OSError, match="is missing, damaged or was written again"):
            load_rasters(mine, [(32, 32)])
        rasterize(faces, store, size=32, chunk_images=7)
        assert digests.read_bytes() == content


def test_a_file_is_not_mistaken_for_a_row(
    faces: pd.DataFrame, mine: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "class.zarr"
    folder.mkdir()
    shutil.copy(faces.path[0], folder / "17")
    (expected,) = load_rasters(faces.path[:1].tolist(), [(32, 32)])
    assert np.array_equal(load_rasters([folder / "17"], [(32, 32)])[0], expected)
    assert np.array_equal(read_raster(folder / "17", (32, 32)), expected[0])
    assert file_state(folder / "17")[1] == (folder / "17").stat().st_ino
    shutil.copy(faces.path[0], Path(mine[0]).parent / "17")
    with pytest.raises(ValueError, match="'17' in it could be a row or a file: move that file"):
        load_rasters(mine, [(32, 32)])


def test_rows_that_are_not_there_are_listed(rows: pd.DataFrame) -> None:
    store = Path(rows.path[0]).parent
    paths = [f"{store}/48", rows.path[3], f"{store.parent}/other.zarr/0", "nowhere.jpg"]
    _, failures = try_rasters(paths, [(8, 8)])
    assert [(row, failure.kind) for row, failure in failures.items()] == [
        (0, "missing"), (2, "missing"), (3, "missing")
    ]  # fmt: skip
    with pytest.raises(ImageReadError, match="no such file"):
        read_raster(f"{store}/48", (8, 8))


def test_a_store_that_is_written_again_is_read_anew(faces: pd.DataFrame, tmp_path: Path) -> None:
    shown = []
    for half in (faces[:24], faces[24:]):
        shutil.rmtree(tmp_path / "rows.zarr", ignore_errors=True)
        paths = rasterize(half, tmp_path / "rows.zarr", size=16).path.tolist()
        shown.append(load_rasters(paths, [(16, 16)])[0])
        assert np.array_equal(shown[-1], load_rasters(half.path.tolist(), [(16, 16)])[0])
    assert not np.array_equal(*shown)


def test_rows_are_shown_and_described_like_files(rows: pd.DataFrame) -> None:
    facts = examine_image(rows.path[0], (32, 32))
    assert (facts.width, facts.height, facts.n_frames) == (32, 32, 1)
    assert np.array_equal(facts.raster, read_raster(rows.path[0], (32, 32)))
    picture = read_thumbnail(rows.path[0])
    assert np.array_equal(np.asarray(picture)[..., 0], facts.raster)
    (described,) = inspect_files(rows.path.tolist())
    assert (described["format"], described["n"], described["median"]) == (
        "row of a store", 48, [32, 32]
    )  # fmt: skip
