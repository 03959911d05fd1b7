"""What kinds of files images are."""

from pathlib import Path

from PIL import Image

from skcomic.images.inspecting import inspect_files


def test_formats_and_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    paths = []
    for number, (kind, size) in enumerate(
        [("jpg", (40, 20)), ("png", (9, 9)), ("jpg", (10, 10)), ("jpg", (30, 60))]
    ):
        paths.append(str(tmp_path / f"{number}.{kind}"))
        Image.new("L", size).save(paths[-1])
    Image.new("L", (8, 4)).save(tmp_path / "named_wrongly.png", format="WEBP")
    gone = str(tmp_path / "gone.png")
    assert inspect_files([*paths, str(tmp_path / "named_wrongly.png"), gone]) == [
        {"format": "JPEG", "n": 3, "smallest": [10, 10], "median": [40, 20], "largest": [30, 60]},
        {"format": "PNG", "n": 1, "smallest": [9, 9], "median": [9, 9], "largest": [9, 9]},
        {"format": "WEBP", "n": 1, "smallest": [8, 4], "median": [8, 4], "largest": [8, 4]},
    ]
    assert inspect_files([gone]) == []


def test_of_many_files_some_are_read(tmp_path: Path) -> None:
    path = str(tmp_path / "image.png")
    Image.new("L", (5, 5)).save(path)
    (row,) = inspect_files([path] * 3000)
    assert row["n"] == 500
