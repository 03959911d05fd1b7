"""The folders, tables and frames that users bring."""

import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skcomic import (
    check_catalogue,
    estimate_footprint,
    join_duplicates,
    load_catalogue,
    run_study,
    split_catalogue,
)


def draw(root: Path, *names: str, format: str | None = None) -> None:
    """Draw images that differ."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(list(os.fsencode(name)))
        levels = random.integers(0, 256, (40, 40), dtype=np.uint8)
        Image.fromarray(levels).save(path, format=format or "PNG")


def test_images_in_sub_folders_belong_to_the_class(tmp_path: Path) -> None:
    draw(tmp_path, "cats/1.png", "cats/2023/1.png", "cats/2023/may/2.png", "dogs/2023/1.png")
    (tmp_path / "dogs" / "again").symlink_to(tmp_path / "dogs")  # a loop
    (tmp_path / "dogs" / "more").symlink_to(tmp_path / "cats" / "2023")
    draw(tmp_path, "cats/@eaDir/1.png", "@eaDir/x/1.png", "__MACOSX/cats/1.png")
    catalogue = load_catalogue(tmp_path)
    assert list(zip(catalogue.label, catalogue.pair, strict=True)) == [
        ("cats", "1"), ("cats", "2023/1"), ("cats", "2023/may/2"),
        ("dogs", "2023/1"), ("dogs", "more/1"), ("dogs", "more/may/2"),
    ]  # fmt: skip
    assert catalogue.attrs["skipped"] == {"folder of the system": 3}


def test_images_are_found_by_their_content(tmp_path: Path) -> None:
    draw(tmp_path, "cats/1.jfif", "cats/2.jpe", "cats/3.dat", "cats/4", format="JPEG")
    draw(tmp_path, "dogs/1.jfif", "dogs/2.avif", format="AVIF")
    (tmp_path / "dogs" / "3.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (tmp_path / "dogs" / "4.bin").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (tmp_path / "dogs" / "notes.txt").write_text("a text")
    (tmp_path / "dogs" / "empty").touch()
    catalogue = load_catalogue(tmp_path)
    assert [Path(path).name for path in catalogue.path] == [
        "1.jfif", "2.jpe", "3.dat", "4", "1.jfif", "2.avif", "3.heic", "4.bin",
    ]  # fmt: skip
    assert catalogue.attrs["skipped"] == {"not an image": 2}
    problems = check_catalogue(catalogue)
    of_heic = problems[problems.kind == "not an image"]
    assert [Path(path).name for path in of_heic.path] == ["3.heic", "4.bin"]
    assert set(of_heic.detail) == {
        "is of the format HEIC, which is not read here; Pillow does so with the plug-in "
        "pillow-heif; convert it to JPEG or PNG"
    }
    assert len(load_catalogue(tmp_path, extensions=[".JFIF"])) == 2


def test_a_folder_without_permission_is_reported_with_the_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(tmp_path, "cats/1.png", "cats/locked/2.png", "dogs/1.png")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    catalogue = load_catalogue(tmp_path)
    assert str(tmp_path / "cats" / "locked") in catalogue.path.tolist()
    assert "is a folder" in check_catalogue(catalogue).detail.tolist()


def test_names_are_compared_in_one_unicode_form(tmp_path: Path) -> None:
    """macOS writes an accent as a character of its own."""
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    for number in range(9):
        draw(tmp_path, f"faces/{composed}{number}.png", f"comics/{decomposed}{number}.png")
    draw(tmp_path, f"{composed}/1.png", f"{decomposed}/2.png")
    catalogue = load_catalogue(tmp_path)
    assert sorted(set(catalogue.label)) == ["comics", "faces", composed]
    split = split_catalogue(catalogue[catalogue.label != composed], random_state=0)
    assert not set(split.train.pair) & set(split.test.pair)
    assert set(split.test.pair.value_counts()) == {2}
    assert sum(decomposed in path for path in catalogue.path) == 10  # as they are on the disk

    table = tmp_path / "labels.csv"
    table.write_text(
        f"path,label\nfaces/{decomposed}0.png,{decomposed}\ncomics/{composed}0.png,b\n"
    )
    catalogue = load_catalogue(table)
    assert catalogue.label.tolist() == [composed, "b"]
    assert all(Path(path).exists() for path in catalogue.path)


PARTS = [f"{part}/{label}/{i}.png" for part, n in (("train", 8), ("val", 3), ("test", 4))
         for label in ("cats", "dogs") for i in range(n)]  # fmt: skip


def test_a_split_that_is_given_is_taken(tmp_path: Path) -> None:
    draw(tmp_path, *PARTS)
    catalogue = load_catalogue(tmp_path)
    assert catalogue.columns.tolist() == ["path", "label", "pair", "split"]
    assert set(catalogue.label) == {"cats", "dogs"}
    split = split_catalogue(catalogue, random_state=0)
    for part, folder in (("train", "train"), ("validation", "val"), ("test", "test")):
        assert {Path(path).parts[-3] for path in split[part].path} == {folder}
    assert [len(split[part]) for part in ("train", "validation", "test")] == [16, 6, 8]
    together = load_catalogue(tmp_path, ignore_split=True)
    assert "split" not in together.columns
    assert len(together) == 30


@pytest.mark.parametrize("names", ["Train valid TEST", "training validation testing"])
def test_a_part_that_is_not_given_is_drawn_from_the_training_images(
    tmp_path: Path, names: str
) -> None:
    train, _, test = names.split()
    draw(tmp_path, *(name.replace("train", train).replace("test", test)
                     for name in PARTS if not name.startswith("val")))  # fmt: skip
    catalogue = load_catalogue(tmp_path)
    split = split_catalogue(catalogue, random_state=0)
    assert {Path(path).parts[-3] for path in split.test.path} == {test}
    assert len(split.test) == 8
    assert (len(split.train), len(split.validation)) == (10, 6)
    assert not set(split.train.pair) & set(split.validation.pair)
    drawn = split_catalogue(catalogue[catalogue.split == "train"], random_state=0)
    assert {len(part) > 1 for part in drawn.values()} == {True}
    with pytest.raises(ValueError, match="there is nothing to learn from"):
        split_catalogue(catalogue[catalogue.split == "test"])


def test_layouts_that_are_probably_meant_otherwise(tmp_path: Path) -> None:
    draw(tmp_path, *PARTS)
    shutil.rmtree(tmp_path / "val" / "dogs")
    with pytest.raises(ValueError, match=r"the part 'validation' of .* no images of \['dogs'\]"):
        load_catalogue(tmp_path)
    flat = tmp_path / "flat"
    draw(flat, "train/1.png", "train/2.png", "test/1.png")
    with pytest.raises(ValueError, match=r"as if it were split .* no class folders in 'test'"):
        load_catalogue(flat)
    draw(tmp_path / "ok", "train/1.png", "bus/1.png")  # classes of vehicles
    assert set(load_catalogue(tmp_path / "ok").label) == {"train", "bus"}


def test_labels_from_a_table(tmp_path: Path) -> None:
    draw(tmp_path / "photos", "a/1.png", "a/2.png", "b/1.png", "2.png")
    table = tmp_path / "labels.csv"
    rows = ["file;kind;person;split", "a/1.png;NA;007;train", "a/2.png;NA;8;Val",
            "b/1.png;x;007;test", "2.png;x;9;train", "2.png;x;9;train"]  # fmt: skip
    table.write_text("\n".join(rows), encoding="utf-8-sig")
    given = {"path": "file", "label": "kind", "root": tmp_path / "photos"}
    catalogue = load_catalogue(table, **given, pair="person")
    assert catalogue.path.tolist() == [
        str(tmp_path / "photos" / name) for name in ("a/1.png", "a/2.png", "b/1.png", "2.png")
    ]
    assert catalogue.label.tolist() == ["NA", "NA", "x", "x"]
    assert catalogue.split.tolist() == ["train", "validation", "test", "train"]
    assert catalogue.pair.tolist() == ["train/007", "validation/8", "test/007", "train/9"]
    catalogue = load_catalogue(table, **given, pair="person", ignore_split=True)
    assert catalogue.pair.tolist() == ["007", "8", "007", "9"]
    assert load_catalogue(table, **given, ignore_split=True).pair.tolist() == [
        "a/1", "a/2", "b/1", "2",
    ]  # fmt: skip
    table.write_text("\n".join(rows).replace(";8;", ";;").replace(";9;", ";;"))
    assert load_catalogue(table, **given, pair="person", ignore_split=True).pair.tolist() == [
        "007", str(tmp_path / "photos" / "a" / "2.png"), "007", str(tmp_path / "photos" / "2.png"),
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"no column 'path', only \['file', .*--path-column"):
        load_catalogue(table)
    with pytest.raises(ValueError, match="root, path and label are for tables"):
        load_catalogue(tmp_path, root="photos")
    with pytest.raises(NotADirectoryError, match="is a file that cannot be read as a table"):
        load_catalogue(tmp_path / "photos" / "2.png")


def test_mistakes_in_a_table_are_listed(tmp_path: Path) -> None:
    draw(tmp_path, *(f"{i}.png" for i in range(4)))
    table = tmp_path / "labels.csv"
    table.write_text("path,label\n0.png,a\n1.png,\n2.png,a\n2.png,b\nnone.png,b\n3.png,b\n")
    with pytest.raises(ValueError, match="files that do not exist") as refused:
        load_catalogue(table)
    assert str(refused.value) == (
        f"{str(table)!r} has 1 files that do not exist: 'none.png'; 1 rows without a label: "
        "'1.png'; 1 files with two labels: '2.png'"
    )
    table.write_text("path,label\n0.png,a\n1.png,a\n")
    with pytest.raises(ValueError, match="images of two or more classes"):
        load_catalogue(table)
    table.write_text("path,label,split\n0.png,a,holdout\n1.png,b,train\n")
    with pytest.raises(ValueError, match="not train, val or test: 'holdout'"):
        load_catalogue(table)


def test_rules_for_pairs(tmp_path: Path) -> None:
    draw(tmp_path, "cats/anna_1.png", "cats/anna_2.png", "dogs/ben_1.png", "dogs/x.png")
    catalogue = load_catalogue(tmp_path, pair=r"(.*)_[0-9]+")
    assert catalogue.pair.tolist() == ["anna", "anna", "ben", catalogue.path[3]]
    for rule in ("none", None):
        assert load_catalogue(tmp_path, pair=rule).pair.nunique() == 4
    for rule, message in (
        ("[a-z]+", "must have a group, in parentheses"),
        ("(", "neither 'stem' nor 'none' nor a regular expression"),
        ("(never)", "matches none of the 4 paths, such as 'anna_1.png'"),
        (3, "pair must be 'stem', 'none', a regular expression or a function"),
    ):
        with pytest.raises(ValueError, match=message):
            load_catalogue(tmp_path, pair=rule)


def test_numbers_are_probably_no_pairs(tmp_path: Path) -> None:
    draw(tmp_path, *(f"cats/{i}.png" for i in range(9)), *(f"dogs/{i}.png" for i in range(6)))
    (problem,) = check_catalogue(load_catalogue(tmp_path)).itertuples()
    assert problem.kind == "names are numbers"
    assert problem.detail.startswith("3 of 9 pairs have no image of some class; if images of the")
    assert check_catalogue(load_catalogue(tmp_path, pair="none")).empty


FUNCTIONS = {
    "split": lambda frame: split_catalogue(frame, random_state=0),
    "join": join_duplicates,
    "check": check_catalogue,
    "study": lambda frame: run_study(frame, sizes=(12,), contenders="report", n_candidates=2),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_frames_that_are_no_catalogue(faces: pd.DataFrame, function: str) -> None:
    call = FUNCTIONS[function]
    for frame, message in (
        (faces.drop(columns="label"), r"no column 'label', only \['path', 'pair'\]"),
        (faces[:0], "has no rows"),
        (
            faces.assign(pair=[None, *faces.pair[1:]]),
            "1 of 48 rows .* have no pair .*first: row 0",
        ),
        (faces.assign(label=[*faces.label[1:], np.nan]), "have no label .*: row 47"),
        (faces.assign(split="holdout"), "the column split holds 'holdout'"),
    ):
        with pytest.raises(ValueError, match=message):
            call(frame)
    with pytest.raises(TypeError, match="must be a DataFrame as load_catalogue returns it"):
        call(faces.path.tolist())


def test_frames_of_other_kinds_are_catalogues(faces: pd.DataFrame) -> None:
    expected = split_catalogue(faces, random_state=0).test.index
    for frame in (faces.astype({"pair": "category", "label": "category"}),
                  faces.assign(pair=faces.pair.factorize()[0])):  # fmt: skip
        assert split_catalogue(frame, random_state=0).test.index.equals(expected)
        assert check_catalogue(frame).empty
    alone = faces.drop(columns="pair")
    assert len(split_catalogue(alone, random_state=0).test) == 16
    assert check_catalogue(alone).empty
    assert join_duplicates(alone).pair.tolist() == faces.path.tolist()
    assert estimate_footprint(alone, 16).n_images == 48


def test_a_share_that_is_too_large_is_blamed_itself(faces: pd.DataFrame) -> None:
    with pytest.raises(
        ValueError, match=r"validation_size leave it a share of 0\.00667 of 24 pairs"
    ):
        split_catalogue(faces, test_size=0.99, random_state=0)
    with pytest.raises(ValueError, match="has only 2 pairs, too few"):
        split_catalogue(faces[faces.pair.isin(faces.pair[:2])], random_state=0)
