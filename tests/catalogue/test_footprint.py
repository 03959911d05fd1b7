"""What `estimate_footprint` and `available_memory` report."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from skcomic import ImageReadError, estimate_footprint, load_catalogue
from skcomic.catalogue.footprint import available_memory


def test_footprint_counts_bytes_and_scales_time(faces: pd.DataFrame) -> None:
    footprint = estimate_footprint(faces, (16, 8), n_sample=5)

    assert footprint.n_bytes == len(faces) * 16 * 8 * 4
    assert footprint.n_sample == 5
    assert 0 < footprint.seconds < 60
    assert "48 images at 16x8" in str(footprint)
    report = estimate_footprint(pd.concat([faces] * 88).iloc[:4200], 64)
    assert report.n_bytes == 68_812_800  # the report's 4,200 images are 69 MB


def test_footprint_lists_bad_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    Image.new("L", (8, 8)).save(tmp_path / "a/2.jpg")
    with pytest.raises(ImageReadError, match="2 of 3 images cannot be read"):
        estimate_footprint(load_catalogue(tmp_path), 8)


def test_available_memory_is_that_of_a_machine() -> None:
    assert 10**8 < available_memory() < 10**13
