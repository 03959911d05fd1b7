"""Every contender in every format: how far its answers are from the model's.

    python benchmarks/parity.py --root FOLDER [--sizes 32,64] [--contenders hog,small_3_4_1]

FOLDER has real pairs in faces/ and comics/. Each contender is trained on two thirds of them, in
float32, and asked about all of them and 240 drawn images. "rows": all formats get the same pixels.
"real" and "drawn": each gets the image file as its user has it: ONNX the colours, C the
luma of the whole image, and the page the file itself, of which it gets 60. The model decodes JPEG
files in the package's own way, at a part of their size. Prints the largest difference of
probabilities and the number of other answers, and writes them to ``--out``.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from skcomic import ImageVectorizer, load_catalogue, make_contenders, split_catalogue
from skcomic.datasets import make_comic_faces
from skcomic.exports.c_source import plan_to_c
from skcomic.exports.formats import FORMATS
from skcomic.exports.html_page import plan_to_html, run_html_on_files
from skcomic.exports.onnx_file import open_onnx, plan_to_onnx
from skcomic.exports.source import ModelSource
from skcomic.models.interpreter import run_plan
from skcomic.models.plan import Plan
from skcomic.models.planning import make_plan

SOURCE = ModelSource("benchmark", "")
IN_BROWSER = 60
C_PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include "model.c"
int main(void)
{
    int sizes[2];
    float probabilities[SKCOMIC_N_CLASSES];
    while (fread(sizes, sizeof sizes, 1, stdin) == 1) {
        size_t n = (size_t)sizes[0] * (size_t)sizes[1];
        uint8_t *grey = malloc(n);
        if (fread(grey, 1, n, stdin) != n)
            return 1;
        if (skcomic_predict(grey, sizes[0], sizes[1], probabilities))
            return 1;
        fwrite(probabilities, sizeof probabilities, 1, stdout);
        free(grey);
    }
    return 0;
}
"""


def of_colours(plan: Plan, paths: list[str]) -> np.ndarray:
    predict = open_onnx(plan_to_onnx(plan, SOURCE, inputs="rgb"))
    answers = []
    for path in paths:
        image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        answers.append(predict(np.asarray(image)[np.newaxis]))
    return np.concatenate(answers)


def of_grey_in_c(plan: Plan, paths: list[str]) -> np.ndarray:
    given = []
    for path in paths:
        image = Image.open(path)
        image.draft("L", image.size)  # only the luma of a JPEG file is decoded, at its full size
        grey = ImageOps.exif_transpose(image).convert("L")
        given += [np.array(grey.size, np.int32).tobytes(), grey.tobytes()]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "model.c").write_bytes(plan_to_c(plan, SOURCE))
        Path(folder, "main.c").write_text(C_PROGRAM)
        subprocess.run(["cc", "-std=c99", "-O2", "main.c", "-lm"], cwd=folder, check=True)
        answers = subprocess.run(
            [Path(folder, "a.out")], input=b"".join(given), capture_output=True, check=True
        )
    return np.frombuffer(answers.stdout, np.float32).reshape(len(paths), -1)


def compare(expected: np.ndarray, computed: np.ndarray) -> tuple[float, int]:
    others = (expected.argmax(axis=1) != computed.argmax(axis=1)).sum()
    return float(np.abs(expected - computed).max()), int(others)


def measure(
    name: str, size: int, train: pd.DataFrame, paths: list[str], n_real: int
) -> list[dict]:
    model = make_contenders(size, random_state=0)[name]
    if "classify__precision" in model.get_params():
        model.set_params(classify__precision="float32")
    model.fit(train.path, train.label)
    plan = make_plan(model)
    rows = ImageVectorizer(size).transform(paths)
    expected = model[-1].predict_proba(rows)
    step = len(paths) // IN_BROWSER
    found = {("light", "rows"): compare(expected, run_plan(plan, rows))}
    for format_, (write, open_, *_) in FORMATS.items():
        some = slice(None, None, step if format_ == "html" else 1)
        computed = open_(write(plan, SOURCE))(rows[some])
        found[format_, "rows"] = compare(expected[some], computed)
    of_page = run_html_on_files(plan_to_html(plan, SOURCE), paths[::step])
    for kind, of_kind in (("real", slice(n_real)), ("drawn", slice(n_real, None))):
        answers = (of_colours(plan, paths[of_kind]), of_grey_in_c(plan, paths[of_kind]))
        for format_, computed in zip(("onnx", "c"), answers, strict=True):
            found[format_, kind] = compare(expected[of_kind], computed)
    is_real = np.arange(0, len(paths), step) < n_real
    for kind, these in (("real", is_real), ("drawn", ~is_real)):
        found["html", kind] = compare(expected[::step][these], of_page[these])
    return [
        {"contender": name, "size": size, "format": format_, "of": given,
         "difference": difference, "others": others}
        for (format_, given), (difference, others) in found.items()
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", required=True)
    parser.add_argument("--sizes", default="32,64")
    parser.add_argument("--contenders", default="")
    parser.add_argument("--out", default="parity.csv")
    args = parser.parse_args()
    real = load_catalogue(args.root)
    train = split_catalogue(real, random_state=0).train
    with tempfile.TemporaryDirectory() as folder:
        make_comic_faces(120, size=256, out_dir=folder, random_state=1)
        paths = [*real.path, *load_catalogue(folder).path]
        results = []
        for size in map(int, args.sizes.split(",")):
            for name in args.contenders.split(",") if args.contenders else make_contenders(size):
                results += measure(name, size, train, paths, len(real))
                print(size, name, flush=True)
    table = pd.DataFrame(results)
    table.to_csv(args.out, index=False)
    grouped = table.groupby(["format", "of"], sort=False)
    worst = table.loc[grouped.difference.idxmax()].set_index(["format", "of"])
    worst["all_others"] = grouped.others.sum()
    print(
        f"{len(paths)} images, {table.contender.nunique()} contenders, the worst of each format:"
    )
    print(worst.to_string(float_format="{:.2g}".format))


if __name__ == "__main__":
    main()
