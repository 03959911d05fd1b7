"""No image is decoded more often than needed: for several sizes, in studies and in searches."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.model_selection import StratifiedGroupKFold

import skcomic.images.decoding as images
import skcomic.images.loading
from skcomic import (
    ARCHITECTURES,
    BalancedRandomizedSearchCV,
    ImageVectorizer,
    cache_info,
    make_comic_pipeline,
    read_raster,
    run_study,
)
from skcomic.images.cache import file_state, is_settled
from skcomic.images.decoding import read_rasters
from skcomic.images.loading import load_rasters


def decodes(folder: Path) -> int:
    return cache_info(folder)["decodes"]


def test_one_decode_serves_two_sizes_where_it_does_so_exactly(tmp_path: Path) -> None:
    path = tmp_path / "noise.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    for sizes, n_decodes in (
        ([(64, 64), (32, 32)], 1),  # both of the same 1/8
        ([(64, 64), (32, 32), (128, 128)], 2),
        ([(100, 100), (64, 64)], 2),
    ):
        rasters, n = read_rasters(path, sizes)
        assert n == n_decodes
        for raster, size in zip(rasters, sizes, strict=True):
            np.testing.assert_array_equal(raster, read_raster(path, size))
    time.sleep(0.15)
    folder = tmp_path / "cache"
    load_rasters([path], [(64, 64), (32, 32)], cache=folder)
    ImageVectorizer(32, cache=folder).transform([path])
    assert decodes(folder) == 1
    assert cache_info(folder)["rasters"] == 2


def make_decode_counter() -> Callable[[str], None]:
    """Return a function that joblib can send to its workers, which cannot import this file."""

    def count_decodes_in(file: str) -> None:
        """Append process, file and size of each later decode in this process to a file."""
        import os

        from skcomic.images import decoding as images
        from skcomic.images import loading

        real = images.read_rasters

        def counted(path, sizes, *args, **kwargs):
            with open(file, "a") as counts:  # noqa: PTH123
                for size in sizes:
                    counts.write(f"{os.getpid()}\t{path}\t{size}\n")
            return real(path, sizes, *args, **kwargs)

        images.read_rasters = loading.read_rasters = counted

    return count_decodes_in


@pytest.mark.slow
def test_a_study_decodes_each_image_once_per_size(
    faces: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = [file_state(path) for path in faces.path]
    while not all(is_settled(state, state) for state in states):
        time.sleep(0.1)  # what was just written is not kept in the cache
    file = str(tmp_path / "decodes")
    count_decodes_in = make_decode_counter()
    for module in (images, skcomic.images.loading):
        monkeypatch.setattr(module, "read_rasters", module.read_rasters)  # restored afterwards
    count_decodes_in(file)
    settings = {"n_candidates": 2, "epochs": 1, "final_epochs": 1, "cost": "multiply_adds"}
    settings["contenders"] = "report"
    for n_decodes in (48 * 2, 48 * 2 + 32):  # the second time, to estimate the time of decoding
        with joblib.parallel_config(
            backend="loky", initializer=count_decodes_in, initargs=(file,)
        ):
            run_study(faces, sizes=(16, 12), n_jobs=2, cache=tmp_path / "cache", **settings)
        counted = [line.split("\t") for line in Path(file).read_text().splitlines()]
        assert len(counted) == n_decodes
        assert {int(pid) for pid, *_ in counted} == {os.getpid()}
        assert len({(path, size) for _, path, size in counted}) == 48 * 2
    assert decodes(tmp_path / "cache") == 48 * 2 + 32


@pytest.mark.slow
def test_a_search_in_workers_decodes_nothing_that_is_cached(
    faces: pd.DataFrame, tmp_path: Path
) -> None:
    pipeline = make_comic_pipeline(
        vectorize__size=16, vectorize__cache=tmp_path, classify__epochs=1, classify__filters=2
    )
    pipeline["vectorize"].transform(faces.path)
    search = BalancedRandomizedSearchCV(
        pipeline, ARCHITECTURES, n_iter=2, cv=StratifiedGroupKFold(2), n_jobs=2,
        return_train_score=True, error_score="raise",
    )  # fmt: skip
    search.fit(faces.path, faces.label, groups=faces.pair)
    search.predict(faces.path)
    assert decodes(tmp_path) == 48
