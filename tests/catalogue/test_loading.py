"""What `load_catalogue` lists, skips and refuses."""

from pathlib import Path

import pandas as pd
import pytest

from skcomic import load_catalogue


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


def test_other_files_are_skipped_and_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/1.jpg", "a/.DS_Store", ".git/x", "a/notes.txt", "README.md")
    touch(tmp_path, "b/deeper/2.jpg")
    (tmp_path / "empty").mkdir()

    catalogue = load_catalogue(tmp_path)

    assert catalogue.pair.tolist() == ["1", "1", "deeper/2"]
    assert catalogue.attrs == {
        "source": str(tmp_path),
        "skipped": {
            "hidden file": 2, "not an image": 1, "file outside of the classes": 1,
            "folder without images": 1,
        },
    }  # fmt: skip


def test_extensions_and_pairs_are_the_users(tmp_path: Path) -> None:
    touch(tmp_path, "a/1_x.jpg", "a/2_x.png", "b/1_y.jpg", "b/2_y.png")

    assert len(load_catalogue(tmp_path, extensions=[".PNG"])) == 2
    assert load_catalogue(tmp_path, pair=None).pair.nunique() == 4
    by_number = load_catalogue(tmp_path, pair=lambda path: path.stem.partition("_")[0])
    assert by_number.pair.tolist() == ["1", "2", "1", "2"]


def test_wrong_folders_raise_with_the_expected_layout(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder '.*nowhere'"):
        load_catalogue(tmp_path / "nowhere")
    touch(tmp_path, "1.jpg")
    with pytest.raises(NotADirectoryError, match="is a file"):
        load_catalogue(tmp_path / "1.jpg")
    with pytest.raises(ValueError, match=r"found no class folder .*outside of the classes: 1"):
        load_catalogue(tmp_path)
    touch(tmp_path, "faces/1.jpg")
    with pytest.raises(ValueError, match=r"two or more sub-folders.*found one class, 'faces'"):
        load_catalogue(tmp_path)
