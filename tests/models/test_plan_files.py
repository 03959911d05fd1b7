"""Plans in model files: what was written is read, and what is hostile is refused by name."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from model_files import members_of, repacked
from untrained import ready_classifier

from skcomic import ModelFileError, load, make_contenders, save
from skcomic.models.archive import PLAN, zip_members
from skcomic.models.interpreter import run_plan
from skcomic.models.plan_files import plan_from_bytes, plan_to_bytes
from skcomic.models.planning import make_plan


@pytest.fixture(scope="module")
def files(faces: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model file of each kind of plan."""
    folder = tmp_path_factory.mktemp("models")
    made = make_contenders(16, random_state=0)
    for name in ("small_3_2_1_mirrored", "patches", "hog"):
        if "epochs" in made[name][-1].get_params():
            made[name].set_params(classify__epochs=1)
        save(made[name].fit(faces.path, faces.label), folder / name)
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize("name", make_contenders(12))
def test_a_plan_is_read_as_it_was_written(name: str) -> None:
    rows = np.random.default_rng(0).random((24, 144), dtype=np.float32)
    plan = make_plan(ready_classifier(name, rows, np.array(["a", "b", "c"] * 8), size=12))
    again = plan_from_bytes(plan_to_bytes(plan))
    assert again._replace(steps=[]) == plan._replace(steps=[])
    for one, other in zip(plan.steps, again.steps, strict=True):
        assert one[:2] == other[:2]
        assert all(np.array_equal(array, other.arrays[key]) for key, array in one.arrays.items())
    # Nearly the same: some products depend on where an array lies in memory.
    assert run_plan(again, rows) == pytest.approx(run_plan(plan, rows), abs=1e-6)


Change = Callable[[dict[str, Any]], Any]


def edited(change: Change, weights: Callable[[bytes], bytes] = bytes) -> Callable[[bytes], bytes]:
    """Change the JSON of a plan, or its weights, as an attacker could."""

    def edit(content: bytes) -> bytes:
        members = members_of(content)
        tree = json.loads(members["plan.json"])
        change(tree)
        text = json.dumps(tree).encode()
        return zip_members({"plan.json": text, "weights.npy": weights(members["weights.npy"])})

    return edit


def put(value: Any, *where: Any) -> Callable[[bytes], bytes]:
    def change(tree: Any) -> None:
        for key in where[:-1]:
            tree = tree[key]
        tree[where[-1]] = value

    return edited(change)


def with_member(content: bytes) -> bytes:
    return zip_members(members_of(content) | {"a.py": b""})


def with_json(text: bytes) -> Callable[[bytes], bytes]:
    return lambda _: zip_members({"plan.json": text, "weights.npy": b""})


def as_array(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[bytes], bytes]:
    """Change the weights, written as numpy writes them."""

    def edit(content: bytes) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, change(np.load(io.BytesIO(content))))
        return buffer.getvalue()

    return edit


def with_nan(weights: np.ndarray) -> np.ndarray:
    weights[0] = np.nan
    return weights


SMALL, PATCHES, HOG = "small_3_2_1_mirrored", "patches", "hog"
ATTACKS = {
    "no zip": (SMALL, lambda _: b"plan", "its plan is damaged: it is not a zip archive"),
    "another member": (SMALL, with_member, "has the members"),
    "no JSON": (SMALL, with_json(b"{"), "not valid JSON"),
    "a list": (SMALL, with_json(b"[]"), "has other entries"),
    "no steps": (SMALL, put([], "steps"), "no valid steps"),
    "many steps": (SMALL, edited(lambda t: t.update(steps=t["steps"] * 99)), "no valid steps"),
    "unknown step": (SMALL, put("exec", "steps", 1, "kind"), "step 1 of its plan is of no known"),
    "kind is a list": (SMALL, put(["relu"], "steps", 1, "kind"), "step 1 .* no known kind"),
    "step is a number": (SMALL, put(3, "steps", 1), "step 1 of its plan has other entries"),
    "another number": (SMALL, put({"height": 16}, "steps", 0, "numbers"), "step 0 .* other parts"),
    "negative": (SMALL, put(-16, "steps", 0, "numbers", "height"), "invalid 'height'"),
    "a text": (SMALL, put("16", "steps", 0, "numbers", "height"), "invalid 'height'"),
    "true": (SMALL, put(True, "steps", 0, "numbers", "height"), "invalid 'height'"),
    "overflow": (SMALL, put(10**30, "steps", 0, "numbers", "height"), "invalid 'height'"),
    "too large": (SMALL, put(2**30, "steps", 0, "numbers", "height"), "takes too much memory"),
    "1e9 weights": (SMALL, put([1000, 1000, 1, 1000], "steps", 1, "arrays", "kernel"), "more"),
    "shape of 2 axes": (SMALL, put([3, 3], "steps", 1, "arrays", "kernel"), "invalid shape of"),
    "empty shape": (SMALL, put([0, 3, 1, 18], "steps", 1, "arrays", "kernel"), "invalid shape"),
    "other shape": (SMALL, put([3, 1, 3, 18], "steps", 1, "arrays", "kernel"), "not fit the one"),
    "less weights": (SMALL, edited(lambda _: 0, as_array(lambda w: w[:-1])), "more weights"),
    "more weights": (SMALL, edited(lambda _: 0, as_array(lambda w: np.append(w, w[:1]))), "other"),
    "odd bytes": (SMALL, edited(lambda _: 0, lambda w: w + b"a"), "no array of float32"),
    "no array": (SMALL, edited(lambda _: 0, lambda _: b""), "no array of float32"),
    "doubles": (SMALL, edited(lambda _: 0, as_array(np.float64)), "no array of float32"),
    "objects": (SMALL, edited(lambda _: 0, as_array(lambda w: w.astype(object))), "no array of"),
    "NaN": (SMALL, edited(lambda _: 0, as_array(with_nan)), "weights that are not finite"),
    "same is 7": (SMALL, put(7, "steps", 1, "numbers", "same"), "does not fit the one before"),
    "pools all": (SMALL, put(99, "steps", 2, "numbers", "side"), "does not fit the one before"),
    "a cycle": (SMALL, edited(lambda t: t["steps"].insert(3, t["steps"][0])), "does not fit"),
    "no end": (SMALL, edited(lambda t: t["steps"].pop()), "does not end with a probability"),
    "two ends": (SMALL, edited(lambda t: t["steps"].append(t["steps"][-1])), "does not fit"),
    "one class": (SMALL, put(["a"], "classes"), "invalid classes"),
    "three classes": (SMALL, put(["a", "b", "c"], "classes"), "does not end with a probability"),
    "a class twice": (SMALL, put(["a", "a"], "classes"), "a class twice"),
    "class is a list": (SMALL, put([["a"], "b"], "classes"), "invalid classes"),
    "mirrored is text": (SMALL, put("yes", "is_mirrored"), "invalid 'is_mirrored'"),
    "mirrored rows": (HOG, edited(lambda t: (t.update(is_mirrored=True), t["steps"][0].update(
        numbers={"height": 17, "width": 16}))), "mirrors what is no image"),
    "pixels": (SMALL, put(255, "n_pixels"), "its images have another number of pixels"),
    "size": (SMALL, put(0, "images", "height"), "its images have an invalid size"),
    "resample": (SMALL, put("__class__", "images", "resample"), "resized in no known way"),
    "background": (SMALL, put(256, "images", "background"), "invalid background"),
    "max_pixels": (SMALL, put(1.5, "images", "max_pixels"), "invalid 'max_pixels'"),
    "images": (SMALL, put([], "images"), "its images are invalid"),
    "large patches": (PATCHES, put([16, 48, 3], "steps", 1, "arrays", "filters"), "does not fit"),
    "grid": (PATCHES, put(12, "steps", 1, "numbers", "grid"), "does not fit the one before"),
    "scale of 0": (PATCHES, edited(lambda _: 0, as_array(np.zeros_like)), "does not fit the one"),
    "orientations": (HOG, put(2**30, "steps", 1, "numbers", "orientations"), "too much memory"),
    "cells": (HOG, put(17, "steps", 1, "numbers", "cell_size"), "does not fit the one before"),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_on_a_plan(attack: str, files: dict[str, Path], tmp_path: Path) -> None:
    name, edit, message = ATTACKS[attack]
    path = repacked(files[name], PLAN, edit, tmp_path / "attacked")
    with pytest.raises(ModelFileError, match=message) as refused:
        load(path, runtime="light")
    assert refused.value.path == str(path)


def test_an_edit_that_changes_nothing_is_read(files: dict[str, Path], tmp_path: Path) -> None:
    path = repacked(files[SMALL], PLAN, edited(lambda _: 0), tmp_path / "same")
    assert load(path, runtime="light").classes_.tolist() == ["comics", "faces"]
