"""Each input of hostile.py has its expected outcome, in threads and with any settings."""

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

import fuzz_images
import hostile
import numpy as np
import pytest
from hostile import Case, Failure, Levels
from image_files import png
from PIL import Image, ImageFile

from skcomic import ImageReadError, ImageVectorizer, read_raster
from skcomic.images.decoding import decoder_version
from skcomic.images.loading import try_rasters

MEMORY_ALLOWED = 1_500_000_000


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(hostile.every_case())


@pytest.fixture(scope="module")
def paths(cases: list[Case], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [case.make(tmp_path_factory.mktemp("case")) for case in cases]


def n_open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_every_input_has_its_outcome(cases: list[Case], tmp_path: Path) -> None:
    before, slowest = n_open_files(), 0.0
    faults = []
    for number, case in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        start = time.perf_counter()
        _, fault = hostile.outcome_of(case, folder)
        slowest = max(slowest, time.perf_counter() - start)
        if fault:
            faults.append(f"{case.group}, {case.name}: {fault}")
    assert not faults
    assert len(cases) > 250
    assert n_open_files() == before
    assert slowest < 5


def test_the_table_of_outcomes_in_little_memory() -> None:
    """A decompression bomb would exceed the limit of memory."""
    result = subprocess.run(
        [sys.executable, hostile.__file__],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_ALLOWED,) * 2),
    )
    assert result.stdout.endswith("every outcome is the expected one\n"), result
    assert result.returncode == 0


@pytest.mark.parametrize("action", ["error", "ignore"])
def test_threads_give_the_same_outcomes_whatever_the_filter_of_warnings(
    cases: list[Case], paths: list[str], action: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        _, failures = try_rasters(paths, [(2, 2)], n_jobs=4)
    bad = [row for row, case in enumerate(cases) if isinstance(case.outcome, Failure)]
    assert list(failures) == bad
    for row in bad:
        assert cases[row].outcome.kind in failures[row].kind
        assert cases[row].outcome.reason in failures[row].reason


def test_a_stream_continues_after_each_of_them(cases: list[Case], paths: list[str]) -> None:
    with warnings.catch_warnings(record=True) as caught:  # Pillow warns of damaged tags
        warnings.simplefilter("always")
        rows = ImageVectorizer(2, on_error="nan", n_jobs=2).transform(paths)
    n_bad = sum(isinstance(case.outcome, Failure) for case in cases)
    expected = f"{n_bad} of {len(cases)} images cannot be read; their rows are NaN. The first is "
    assert sum(str(warning.message).startswith(expected) for warning in caught) == 1
    for row, case in zip(rows, cases, strict=True):
        if isinstance(case.outcome, Failure):
            assert np.isnan(row).all()
        elif case.outcome.levels.shape == (2, 2):
            levels = case.outcome.levels.ravel()
            assert np.abs(row * 255 - levels).max() <= case.outcome.tolerance + 0.01


def test_no_permission() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder, "image.png")
        Image.new("L", (8, 8)).save(path)
        path.chmod(0)
        is_root = os.geteuid() == 0
        if is_root:  # root may read any file
            os.seteuid(65_534)
        try:
            with pytest.raises(ImageReadError) as caught:
                read_raster(path, (2, 2))
        finally:
            if is_root:
                os.seteuid(0)
    assert caught.value.failures == [(str(path), "permission", "no permission to read it")]


@pytest.mark.parametrize(
    "kind",
    ["PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "JPEG2000", "WEBP", "AVIF", "PCX", "SGI", "DDS"],
)
def test_the_limit_of_pixels_is_the_one_that_is_given(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image"
    Image.new("L", (100, 100)).save(path, kind)

    assert read_raster(path, (2, 2), max_pixels=10_000).tolist() == [[0, 0]] * 2
    reason = "100 x 100 pixels are more than the limit of 9999"
    with pytest.raises(ImageReadError, match=reason):
        read_raster(path, (2, 2), max_pixels=9_999)
    with pytest.raises(ImageReadError, match=reason):
        ImageVectorizer(2, max_pixels=9_999).transform([path])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "JPEG2000", "AVIF",
                                  "PCX", "SGI", "DDS"])  # fmt: skip
@pytest.mark.parametrize("limit", [6_000, 1_000])
def test_the_global_of_pillow_does_not_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, limit: int
) -> None:
    # Pillow would warn of the image, which is an error here, or refuse it.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    path = tmp_path / "image"
    Image.new("L", (100, 100), 50).save(path, kind)
    assert abs(read_raster(path, (2, 2)).astype(int) - 50).max() <= 1
    assert limit == Image.MAX_IMAGE_PIXELS


def test_a_global_that_changes_pixels_changes_the_keys_of_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = decoder_version()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert decoder_version() != before


def test_only_the_first_frame_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "image.gif"
    frames = [Image.new("L", (64, 64), 90), *[hostile.noise(64)] * 2]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert read_raster(path, (1, 1)).tolist() == [[90]]


def test_a_pipe_in_the_place_of_a_file_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may replace the file after its status was read and before it is opened."""
    path, pipe = tmp_path / "image.png", tmp_path / "pipe"
    path.write_bytes(png(8, 8))
    os.mkfifo(pipe)
    os_open = os.open
    monkeypatch.setattr(os, "open", lambda name, *args: os_open(pipe, *args))
    failed = []
    thread = threading.Thread(
        target=lambda: failed.extend(try_rasters([path], [(2, 2)])[1].values()), daemon=True
    )
    thread.start()
    thread.join(5)
    assert [failure.kind for failure in failed] == ["not an image"]


@pytest.mark.slow
def test_mutated_images(tmp_path: Path) -> None:
    found = fuzz_images.try_mutations(range(400))
    assert found.faults == []
    assert set(found.outcomes) >= {"raster", "truncated", "unreadable", "not an image"}
    assert min(found.outcomes["raster"], found.outcomes["truncated"]) > 40


def test_the_mutations_of_a_number_are_always_the_same() -> None:
    mutations = [fuzz_images.mutation(number) for number in range(50)]
    assert mutations == [fuzz_images.mutation(number) for number in range(50)]
    assert Counter(mutations).most_common(1)[0][1] < 3


def test_what_is_expected_is_not_taken_from_the_code(cases: list[Case]) -> None:
    """The levels of the four squares are those of ITU-R 601."""
    expected = {tuple(case.outcome.levels.ravel()) for case in cases if _is_golden(case)}
    assert tuple(hostile.luma(hostile.COLOURS).ravel()) in expected
    np.testing.assert_allclose(
        hostile.luma(np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]])),
        [76.245, 149.685, 29.07],
    )


def _is_golden(case: Case) -> bool:
    return isinstance(case.outcome, Levels)
