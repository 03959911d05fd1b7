"""Images are classified in a stream, from Python and from the command line."""

import csv
import io
import os
import pickle
import subprocess
import sys
import tracemalloc
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from skcomic import load, predict_files, save
from skcomic.cli import app
from skcomic.models.streaming import find_images

SKCOMIC = [sys.executable, "-m", "skcomic"]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        return load(Path(__file__).parent / "data" / "model_format_1.skcomic")


@pytest.fixture(scope="module")
def file(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.skcomic"
    save(pipeline, path)
    return path


def test_answers_are_those_of_the_pipeline(pipeline: Pipeline, faces: pd.DataFrame) -> None:
    paths = faces.path.tolist()
    with_bad = ["nowhere.jpg", *paths[:7], __file__, *paths[7:], "nowhere.jpg"]
    answers = list(predict_files(pipeline, iter(with_bad), batch_size=5, n_jobs=1))
    assert [answer.path for answer in answers] == with_bad
    bad = [i for i, answer in enumerate(answers) if answer.error]
    assert bad == [0, 8, len(with_bad) - 1]
    assert answers[0].error == "no such file"
    assert answers[0].label is answers[0].probabilities is None
    good = [answer for answer in answers if not answer.error]
    np.testing.assert_allclose(
        [answer.probabilities for answer in good], pipeline.predict_proba(paths), atol=1e-6
    )
    assert [answer.label for answer in good] == pipeline.predict(paths).tolist()
    assert pipeline["vectorize"].n_jobs is None  # the model itself is left as it was
    assert len(set(pipeline.predict(paths))) == 2


def test_a_threshold_around_the_pipeline_counts(pipeline: Pipeline, faces: pd.DataFrame) -> None:
    paths = faces.path.tolist()
    model = FixedThresholdClassifier(
        FrozenEstimator(pipeline), threshold=1.01, pos_label="faces"
    ).fit(faces.path, faces.label)
    answers = list(predict_files(model, paths))
    assert {answer.label for answer in answers} == {"comics"} == set(model.predict(paths))


def test_a_classifier_of_rows_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="takes rows of pixels, not image files"):
        predict_files(pipeline["classify"], [])


def test_paths_are_taken_as_they_come(pipeline: Pipeline, faces: pd.DataFrame) -> None:
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield faces.path.iloc[0]

    answers = predict_files(pipeline, endless(), batch_size=16)
    tracemalloc.start()
    for _ in range(160):
        next(answers)
    assert taken == 160
    assert tracemalloc.get_traced_memory()[0] < 500_000
    tracemalloc.stop()


def test_what_a_path_stands_for(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "b/10.PNG", "a.jpg", "notes.txt", ".hidden.jpg", ".git/x.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    names = ["a.jpg", "b/10.PNG", "b/2.jpg"]

    def found(where: str) -> list[str]:
        return [os.path.relpath(path, tmp_path) for path in find_images(str(tmp_path / where))]

    assert found("") == names
    assert found("*.jpg") == ["a.jpg"]
    assert found("**/*.jpg")[:1] == ["a.jpg"]
    assert found("[ab]*") == [*names, "b/up/a.jpg"]  # the link leads to no folder that it is in
    assert found("none*") == []
    assert found("none.jpg") == ["none.jpg"]  # its prediction will report that it does not exist
    (tmp_path / "[ab].jpg").touch()
    assert found("[ab].jpg") == ["[ab].jpg"]  # a file of this very name


def answer(*arguments: object, code: int) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["predict", *map(str, arguments)])
    assert ended.value.code == code


def test_a_table_of_all_images(
    file: Path, pipeline: Pipeline, faces: pd.DataFrame, faces_dir: Path, tmp_path: Path, capfd
) -> None:
    out = tmp_path / "answers.csv"
    answer(file, faces_dir, "--out", out, "--batch-size", 7, code=0)
    table = pd.read_csv(out, keep_default_na=False)
    columns = ["path", "label", "probability_comics", "probability_faces", "error"]
    assert table.columns.tolist() == columns
    assert table.path.tolist() == sorted(faces.path)
    assert table.label.tolist() == pipeline.predict(table.path).tolist()
    np.testing.assert_allclose(
        table[columns[2:4]].astype(float), pipeline.predict_proba(table.path), atol=1e-6
    )
    assert capfd.readouterr() == ("", "")

    odd = tmp_path / 'a "odd",\nname.jpg'
    odd.write_bytes(Path(faces.path[0]).read_bytes())
    bad = tmp_path / "bad.jpg"
    bad.write_text("a text")
    answer(file, odd, bad, code=1)
    printed, errors = capfd.readouterr()
    rows = list(csv.reader(io.StringIO(printed)))
    assert rows[1][:2] == [str(odd), pipeline.predict([faces.path[0]])[0]]
    assert rows[2][:4] == [str(bad), "", "", ""]
    assert rows[2][4].startswith("not an image in any of the formats")
    assert errors == "skcomic: 1 of 2 images cannot be read\n"


def test_a_full_disk_or_a_mistake_leaves_the_former_table(
    file: Path, faces_dir: Path, tmp_path: Path, largest_file, capfd
) -> None:
    out = tmp_path / "answers.csv"
    out.write_text("former")
    with largest_file(1_000):
        answer(file, faces_dir, "--out", out, code=1)
    assert "cannot write it" in capfd.readouterr().err
    answer(file, faces_dir, "--out", file, code=1)
    assert "is the model; name another file" in capfd.readouterr().err
    answer(file, faces_dir, "--out", tmp_path, code=1)
    assert [path.name for path in tmp_path.iterdir()] == ["answers.csv"]
    assert out.read_text() == "former"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.skcomic", "FACES"], "cannot load 'nowhere.skcomic': there is no such file"),
        (["face.jpg", "FACES"], "not a model file but a JPEG image"),
        (["empty", "FACES"], "it is empty"),
        (["pickle", "FACES"], "not a model file but a pickle, which can run any code"),
        (["face.jpg", "FILE"], "is the model file, and the first: skcomic predict"),
        (["FACES", "FILE"], "is the model file, and the first: skcomic predict"),
        (["FILE", "none"], "found no images in 'none'; give image files"),
        (["FILE", "FACES/*.png"], "found no images in"),
        (
            ["FILE", "FACES", "--out", "not/there.csv"],
            "cannot write --out 'not/there.csv': there is no folder 'not'",
        ),
        (
            ["FILE", "FACES", "--jobs", "0"],
            "--jobs must be 1 or more, or -1 for one on each core, not 0",
        ),
    ],
)
def test_mistakes_are_answered_in_a_sentence(
    arguments: list[str], message: str, file: Path, faces_dir: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "face.jpg").symlink_to(next((faces_dir / "faces").iterdir()))
    (tmp_path / "empty").touch()
    (tmp_path / "none").mkdir()
    (tmp_path / "pickle").write_bytes(pickle.dumps({}))
    monkeypatch.chdir(tmp_path)
    names = {"FACES": str(faces_dir), "FILE": str(file), "FACES/*.png": f"{faces_dir}/*.png"}
    answer(*(names.get(argument, argument) for argument in arguments), code=1)
    errors = capfd.readouterr().err
    assert errors.startswith("skcomic: ")
    assert message in errors
    assert errors.count("\n") == 1


def test_a_list_on_standard_input_and_a_closed_pipe(
    file: Path, faces: pd.DataFrame, tmp_path: Path
) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff.jpg"
    Path(os.fsdecode(odd)).write_bytes(Path(faces.path[0]).read_bytes())
    listed = odd + b"\n" + "\r\n\n".join([*faces.path, ""]).encode()
    command = [*SKCOMIC, "predict", str(file), "-", "--batch-size", "8"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(listed)
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(4)]  # before the list has ended
        process.stdout.close()
        with suppress(BrokenPipeError):
            process.stdin.write(listed)
            process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141
    assert lines[0].startswith(b"path,label,probability_comics")
    assert lines[1].startswith(odd + b",")
    assert lines[2].startswith(faces.path[0].encode() + b",")


def test_one_path_and_a_catalogue_are_taken(pipeline, faces: pd.DataFrame) -> None:
    (one,) = predict_files(pipeline, faces.path[3])
    (again,) = predict_files(pipeline, Path(faces.path[3]))
    assert one.path == again.path == faces.path[3]
    assert [row.path for row in predict_files(pipeline, faces)] == faces.path.tolist()


def test_what_is_skipped_in_folders_is_counted(tmp_path: Path) -> None:
    Image.new("L", (40, 40)).save(tmp_path / "an image", format="PNG")
    (tmp_path / ".hidden.png").touch()
    (tmp_path / "notes.txt").write_text("a text")
    skipped: Counter[str] = Counter()
    assert list(find_images(str(tmp_path), skipped)) == [str(tmp_path / "an image")]
    assert skipped == {"hidden file": 1, "not an image": 1}
