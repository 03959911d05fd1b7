"""Catalogues that are decoded into stores, and stores that are catalogues."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import zarr

from skcomic import (
    ImageReadError,
    check_catalogue,
    join_duplicates,
    load_catalogue,
    rasterize,
)
from skcomic.images.loading import load_rasters
from skcomic.models.streaming import find_images


def contents(store: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file()
    }


def pixels(catalogue: pd.DataFrame, size: int) -> np.ndarray:
    return load_rasters(catalogue.path.tolist(), [(size, size)])[0]


@pytest.fixture
def mine(faces_dir: Path, tmp_path: Path) -> pd.DataFrame:
    """The catalogue of a copy of the faces, which a test may change."""
    shutil.copytree(faces_dir, tmp_path / "faces")
    return load_catalogue(tmp_path / "faces")


def test_killed_five_times_it_becomes_the_store_of_one_go(
    faces_dir: Path, faces: pd.DataFrame, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("killed_rasterize.py")
    command = [sys.executable, str(script), str(faces_dir), str(tmp_path / "killed.zarr")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert result.returncode == 0, result.stderr
    finished = json.loads(result.stdout)
    assert 4 <= len(finished) < 24
    for name, inode in finished.items():  # not written again
        assert (tmp_path / f"killed.zarr/rasters/c/{name}/0/0").stat().st_ino == inode
    rasterize(faces, tmp_path / "whole.zarr", size=16, chunk_images=2)
    assert contents(tmp_path / "killed.zarr") == contents(tmp_path / "whole.zarr")


def test_a_store_is_the_catalogue_it_was_made_of(faces: pd.DataFrame, tmp_path: Path) -> None:
    shuffled = faces.sample(frac=1, random_state=0, ignore_index=True)
    shuffled["split"] = np.resize(["train", "test", "validation"], len(faces))
    rows = rasterize(shuffled, tmp_path / "rows.zarr", size=32, chunk_images=5, n_jobs=2)
    assert rows.drop(columns="path").equals(shuffled.drop(columns="path").astype(str))
    assert rows.path.tolist() == [f"{tmp_path}/rows.zarr/{row:02}" for row in range(len(faces))]
    assert np.array_equal(pixels(rows, 32), pixels(shuffled, 32))
    loaded = load_catalogue(tmp_path / "rows.zarr")
    assert loaded.equals(rows)
    assert loaded.attrs == {
        "source": str(tmp_path / "rows.zarr"), "skipped": {}, "quarantine": []
    }  # fmt: skip
    without = load_catalogue(tmp_path / "rows.zarr", ignore_split=True, pair="none")
    assert without.columns.tolist() == ["path", "label", "pair"]
    assert without.pair.is_unique
    group = zarr.open_group(tmp_path / "rows.zarr", mode="r")
    assert group["paths"][:].tolist() == shuffled.path.tolist()
    assert list(find_images(str(tmp_path / "rows.zarr"))) == rows.path.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pair": "(.*)_"}, "pair='(.*)_' is not for a store"),
        ({"root": "."}, "extensions, root, path and label are not for stores"),
        ({"min_classes": 3}, "must have images of two or more classes"),
    ],
)
def test_what_a_store_does_not_take_is_refused(
    faces: pd.DataFrame, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    rasterize(faces[:4], tmp_path / "rows.zarr", size=8)
    with pytest.raises(ValueError, match=message.translate({ord(c): f"\\{c}" for c in "(.*)"})):
        load_catalogue(tmp_path / "rows.zarr", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be 1 or more, not 0"),
        ({"chunk_images": 0}, "chunk_images must be an int of 1 or more, not 0"),
        ({"background": 256}, "background must be .* not 256"),
        ({"on_bad": "delete"}, "on_bad must be 'raise' or 'quarantine', not 'delete'"),
    ],
)
def test_a_wrong_parameter_is_refused(
    faces: pd.DataFrame, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        rasterize(faces, tmp_path / "rows.zarr", **options)
    assert not list(tmp_path.iterdir())


def test_another_store_is_refused_and_not_changed(faces: pd.DataFrame, tmp_path: Path) -> None:
    store = tmp_path / "rows.zarr"
    rasterize(faces, store, size=16)
    before = contents(store)
    relabelled = faces.assign(label=faces.label[::-1].tolist())
    for catalogue in (faces[:-1], faces[::-1], relabelled, faces.assign(pair="1")):
        with pytest.raises(ValueError, match="is a store of other images; name another one"):
            rasterize(catalogue, store, size=16)
    for options, what in (
        ({"size": 32}, r"size=\[16, 16\], not \[32, 32\]"),
        ({"size": 16, "chunk_images": 7}, "chunk_images=4096, not 7"),
        ({"size": 16, "background": "black"}, "background='white', not 'black'"),
    ):
        with pytest.raises(ValueError, match=f"is a store of {what}; name another one"):
            rasterize(faces, store, **options)
    assert contents(store) == before
    zarr.open_group(store, mode="r+").update_attributes({"decoder": "1"})
    with pytest.raises(ValueError, match=r"is a store of decoder='1', not '.*Pillow"):
        rasterize(faces, store, size=16)


def test_what_is_no_store_is_refused(faces: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "folder.zarr").mkdir()
    (tmp_path / "folder.zarr/mine").write_text("mine")
    (tmp_path / "file.zarr").write_text("mine")
    zarr.create_group(tmp_path / "group.zarr")
    zarr.create_array(tmp_path / "array.zarr", shape=(2,), dtype="u1")
    for name in ("folder", "file", "group", "array"):
        with pytest.raises(FileExistsError, match=f"{name}.zarr' is no store of rows; name"):
            rasterize(faces, tmp_path / f"{name}.zarr", size=16)
    for name in ("group", "array"):
        with pytest.raises(ValueError, match=f"{name}.zarr' is no store of rows: skcomic"):
            load_catalogue(tmp_path / f"{name}.zarr")
    with pytest.raises(ValueError, match=r"name of a store must end in '\.zarr'"):
        rasterize(faces, tmp_path / "rows", size=16)


def test_only_the_chunk_of_a_changed_file_is_decoded_again(
    mine: pd.DataFrame, tmp_path: Path
) -> None:
    store = tmp_path / "rows.zarr"
    before = pixels(rasterize(mine, store, size=16, chunk_images=8), 16)
    inodes = [path.stat().st_ino for path in sorted(store.glob("rasters/c/*/0/0"))]
    shutil.copy(mine.path[30], mine.path[10])
    after = pixels(rasterize(mine, store, size=16, chunk_images=8), 16)
    assert np.array_equal(after, pixels(mine, 16))
    assert not np.array_equal(after[10], before[10])
    again = [path.stat().st_ino for path in sorted(store.glob("rasters/c/*/0/0"))]
    assert [new != old for new, old in zip(again, inodes, strict=True)] == [
        number == 1 for number in range(6)
    ]


@pytest.mark.parametrize("name", ["labels", "pairs", "split"])
def test_wrong_labels_are_never_read(faces: pd.DataFrame, tmp_path: Path, name: str) -> None:
    store = tmp_path / "rows.zarr"
    split = np.resize(["train", "train", "test", "validation"], len(faces))
    rows = rasterize(faces.assign(split=split), store, size=16)
    for damage in ("missing", "empty", "another", "array"):
        chunk = store / name / "c/0"
        content = chunk.read_bytes()
        chunk.unlink()
        if damage == "empty":
            chunk.write_bytes(b"")
        elif damage == "another":
            chunk.write_bytes((store / "paths/c/0").read_bytes())
        elif damage == "array":
            shutil.rmtree(store / name)
        with pytest.raises(OSError, match="labels, pairs or parts of a split are missing or dam"):
            load_catalogue(store)
        assert rasterize(faces.assign(split=split), store, size=16).equals(rows)
        assert chunk.read_bytes() == content


def test_bad_images_are_all_listed_or_left_out(mine: pd.DataFrame, tmp_path: Path) -> None:
    store = tmp_path / "rows.zarr"
    Path(mine.path[3]).write_bytes(b"")
    Path(mine.path[40]).unlink()
    with pytest.raises(ImageReadError, match="2 of 48 images cannot be read") as caught:
        rasterize(mine, store, size=16, chunk_images=8)
    assert [failure.path for failure in caught.value.failures] == [mine.path[3], mine.path[40]]
    assert len(list(store.glob("rasters/c/*/0/0"))) == 6  # others are done first
    with pytest.raises(ValueError, match="is not finished: call rasterize again"):
        load_catalogue(store)
    rows = rasterize(mine, store, size=16, chunk_images=8, on_bad="quarantine")
    good = mine.drop(index=[3, 40])
    assert rows.label.tolist() == good.label.tolist()
    assert rows.pair.tolist() == good.pair.tolist()
    assert np.array_equal(pixels(rows, 16), pixels(good, 16))
    assert rows.attrs["skipped"] == {"empty": 1, "missing": 1}
    assert rows.attrs["quarantine"] == [
        {"row": 3, "path": mine.path[3], "label": "comics", "kind": "empty",
         "reason": "is empty"},
        {"row": 40, "path": mine.path[40], "label": "faces", "kind": "missing",
         "reason": "no such file"},
    ]  # fmt: skip
    with pytest.raises(ImageReadError, match="no such"):
        load_rasters([f"{store}/03"], [(16, 16)])


def test_a_full_disk_is_one_sentence_and_the_same_call_goes_on(
    faces: pd.DataFrame,
    tmp_path: Path,
    largest_file: Callable[[int], AbstractContextManager[None]],
) -> None:
    store = tmp_path / "rows.zarr"
    with (
        largest_file(4000),
        pytest.raises(OSError, match=r"cannot write the store: File too large: '.*/rows\.zarr'$"),
    ):
        rasterize(faces, store, size=32, chunk_images=8)
    rows = rasterize(faces, store, size=32, chunk_images=8)
    assert np.array_equal(pixels(rows, 32), pixels(faces, 32))
    assert not list(store.rglob("*.partial"))


def test_copies_of_rows_are_found(mine: pd.DataFrame, tmp_path: Path) -> None:
    shutil.copy(mine.path[30], mine.path[10])
    rows = rasterize(mine, tmp_path / "rows.zarr", size=32, chunk_images=8, background="black")
    (problem,) = check_catalogue(rows).itertuples(index=False)
    assert (problem.path, problem.kind) == (rows.path[30], "duplicate")
    assert problem.detail == "the same as comics/10, which is of another class"
    assert join_duplicates(rows).pair.tolist() == join_duplicates(mine).pair.tolist()


def test_without_zarr_one_sentence_says_what_to_install(
    faces: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r'with: pip install "skcomic\[distributed\]"$'):
        rasterize(faces, tmp_path / "rows.zarr")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket of a server in this process."""
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    monkeypatch.setattr(logging.getLogger("werkzeug"), "disabled", True)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("s3").create_bucket(Bucket="bucket")
    yield "s3://bucket"
    server.stop()


def test_a_store_may_be_in_a_bucket(faces: pd.DataFrame, bucket: str) -> None:
    check_at(f"{bucket}/rows.zarr", faces)


def test_a_store_may_be_in_any_file_system_of_fsspec(faces: pd.DataFrame, tmp_path: Path) -> None:
    place = "memory://folder/rows.zarr"
    check_at(place, faces)
    # Its rows have paths of URLs, which are no files of the working directory.
    rows = load_catalogue(place)
    smaller = rasterize(rows, tmp_path / "smaller.zarr", size=8)
    assert np.array_equal(pixels(smaller, 8), pixels(rows, 8))


def check_at(place: str, faces: pd.DataFrame) -> None:
    rows = rasterize(faces, place, size=16, chunk_images=30)
    assert rows.path[47] == f"{place}/47"
    assert load_catalogue(place).equals(rows)
    order = np.random.default_rng(0).permutation(len(faces))
    assert np.array_equal(pixels(rows.iloc[order], 16), pixels(faces.iloc[order], 16))
    with pytest.raises(ValueError, match="is a store of other images"):
        rasterize(faces[:40], place, size=16, chunk_images=30)


def test_the_workers_of_a_cluster_decode_a_chunk_each(faces: pd.DataFrame, tmp_path: Path) -> None:
    from dask.distributed import Client

    with Client(processes=False, n_workers=2, dashboard_address=":0") as client:
        with joblib.parallel_config(backend="dask"):
            rows = rasterize(faces, tmp_path / "rows.zarr", size=16, chunk_images=6)
        tasks = client.cluster.scheduler.task_prefixes
        n_done = sum(
            prefix.state_counts["released"] + prefix.state_counts["forgotten"]
            for name, prefix in tasks.items()
            if "_finish_chunk" in name
        )
    assert n_done >= 1
    assert np.array_equal(pixels(rows, 16), pixels(faces, 16))


def test_rows_of_relative_paths_are_found_from_elsewhere(
    mine: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = mine.assign(path=[os.path.relpath(path) for path in mine.path])
    rows = rasterize(relative, "rows.zarr", size=16)
    assert rasterize(mine, "rows.zarr", size=16).equals(rows)
    assert np.array_equal(load_rasters(["rows.zarr/07"], [(16, 16)])[0], pixels(rows[7:8], 16))
    monkeypatch.chdir("/")
    assert np.array_equal(pixels(rows, 16), pixels(mine, 16))
