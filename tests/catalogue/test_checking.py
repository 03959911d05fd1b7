"""What `check_catalogue` finds, and that it changes nothing."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from skcomic import check_catalogue, load_catalogue
from skcomic.catalogue.checking import FORMATS_OF_EXTENSIONS, KINDS
from skcomic.images.decoding import EXTENSIONS


@pytest.fixture
def folder(faces_dir: Path, tmp_path: Path) -> Path:
    """A copy of the drawn pairs that a test may change."""
    return Path(shutil.copytree(faces_dir, tmp_path / "images"))


def problems_of(folder: Path, **settings) -> dict[tuple[str, str], str]:
    catalogue = load_catalogue(folder)
    problems = check_catalogue(catalogue, **settings)
    assert list(problems.columns) == ["path", "kind", "detail"]
    assert set(problems.kind) <= set(KINDS)
    order = [catalogue.path.tolist().index(path) for path in problems.path]
    assert order == sorted(order)
    names = [Path(path).relative_to(folder).as_posix() for path in problems.path]
    return dict(zip(zip(names, problems.kind, strict=True), problems.detail, strict=True))


def test_nothing_is_wrong_with_drawn_faces(faces: pd.DataFrame) -> None:
    problems = check_catalogue(faces, n_jobs=2)
    assert problems.empty
    assert list(problems.columns) == ["path", "kind", "detail"]


def test_every_file_that_cannot_be_read_is_listed(folder: Path) -> None:
    faces = folder / "faces"
    (faces / "pair_0000.jpg").unlink()
    (faces / "pair_0000.jpg").symlink_to("nowhere")
    (faces / "pair_0001.jpg").write_bytes(b"")
    (faces / "pair_0002.jpg").write_text("a text")
    whole = (faces / "pair_0003.jpg").read_bytes()
    (faces / "pair_0003.jpg").write_bytes(whole[: len(whole) * 9 // 10])
    found = problems_of(folder, n_jobs=2)
    assert [name for name, _ in found] == [f"faces/pair_000{i}.jpg" for i in range(4)]
    kinds = [kind for _, kind in found]
    assert kinds[:3] == ["missing", "empty", "not an image"]
    assert kinds[3] in ("truncated", "unreadable")
    assert "truncated" in list(found.values())[3]


def test_a_wrong_checksum_is_damage(folder: Path) -> None:
    path = folder / "faces" / "pair_0000.png"
    with Image.open(folder / "faces" / "pair_0000.jpg") as image:
        image.save(path)
    (folder / "faces" / "pair_0000.jpg").unlink()
    content = bytearray(path.read_bytes())
    end_of_data = content.rindex(b"IEND") - 4
    content[end_of_data - 1] ^= 1  # the last byte of the checksum of the pixels
    path.write_bytes(content)
    ((name, kind),) = problems_of(folder)
    assert (name, kind) == ("faces/pair_0000.png", "unreadable")


def test_odd_files_are_reported_and_read(folder: Path) -> None:
    faces, comics = folder / "faces", folder / "comics"
    with Image.open(faces / "pair_0000.jpg") as image:
        image.save(folder / "image.png")
        image.resize((64, 31)).save(faces / "pair_0001.jpg")
    (folder / "image.png").rename(faces / "pair_0000.jpg")
    frames = [Image.open(comics / f"pair_000{i}.jpg") for i in (2, 3)]
    frames[0].save(comics / "pair_0002.gif", save_all=True, append_images=frames[1:])
    (comics / "pair_0002.jpg").unlink()
    found = problems_of(folder)
    assert found == {
        ("comics/pair_0002.gif", "animated"): "2 frames, of which the first is used",
        ("faces/pair_0000.jpg", "extension does not match the content"): "is a PNG image",
        ("faces/pair_0001.jpg", "tiny"): "64 x 31 pixels",
        ("faces/pair_0001.jpg", "near-duplicate"): found[
            ("faces/pair_0001.jpg", "near-duplicate")
        ],
    }
    assert "looks like faces/pair_0000.jpg (" in found[("faces/pair_0001.jpg", "near-duplicate")]


def test_every_extension_has_a_format() -> None:
    assert set(FORMATS_OF_EXTENSIONS) == set(EXTENSIONS)


def test_duplicates_are_reported_with_the_conflict_of_classes(folder: Path) -> None:
    faces, comics = folder / "faces", folder / "comics"
    shutil.copy(faces / "pair_0000.jpg", faces / "pair_0001.jpg")
    shutil.copy(faces / "pair_0002.jpg", comics / "pair_0003.jpg")
    shutil.copy(faces / "pair_0004.jpg", comics / "pair_0004.jpg")  # within a pair
    with Image.open(comics / "pair_0006.jpg") as image:
        image.save(faces / "pair_0005.jpg", quality=60)
    found = problems_of(folder)
    near = found.pop(("faces/pair_0005.jpg", "near-duplicate"))
    assert near.startswith("looks like comics/pair_0006.jpg, which is of another class (")
    assert near.endswith(" of 256 bits differ)")
    other = ", which is of another class"
    assert found == {
        ("faces/pair_0001.jpg", "duplicate"): "the same as faces/pair_0000.jpg",
        ("faces/pair_0002.jpg", "duplicate"): f"the same as comics/pair_0003.jpg{other}",
        ("faces/pair_0004.jpg", "duplicate"): f"the same as comics/pair_0004.jpg{other}",
    }


def test_incomplete_pairs_are_reported_where_most_are_complete(folder: Path) -> None:
    (folder / "comics" / "pair_0007.jpg").unlink()
    (folder / "faces" / "pair_0009.jpg").unlink()
    assert problems_of(folder) == {
        ("comics/pair_0009.jpg", "pair incomplete"): "no image of faces in pair pair_0009",
        ("faces/pair_0007.jpg", "pair incomplete"): "no image of comics in pair pair_0007",
    }
    assert check_catalogue(load_catalogue(folder, pair=None)).empty


def test_threads_change_nothing_and_no_file_is_touched(folder: Path) -> None:
    shutil.copy(folder / "faces" / "pair_0000.jpg", folder / "faces" / "copy.jpg")
    (folder / "faces" / "pair_0002.jpg").write_text("a text")
    before = {path: path.read_bytes() for path in folder.rglob("*.jpg")}
    catalogue = load_catalogue(folder).sample(frac=1, random_state=0)
    one, two = (check_catalogue(catalogue, n_jobs=n_jobs) for n_jobs in (1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert len(one) == 3
    assert {path: path.read_bytes() for path in folder.rglob("*.jpg")} == before
    with pytest.raises(ValueError, match="the catalogue has no rows"):
        check_catalogue(catalogue[:0])
