"""Every contender on the same folds: how good it is, and what it costs.

    python benchmarks/contenders.py --root FOLDER [--sizes 32,64] [--folds 5] [--seeds 4]

FOLDER has a sub-folder of images for each class; ``drawn`` are 180 pairs of drawn faces and
comics, ``digits`` the digits of scikit-learn, written as files. Images that are the same, or look
the same, and those of a pair are on one side of every fold. All fits are of one process and on one
thread, from decoded rows; contenders take turns, so that what slows the machine down slows all of
them, and nets of more kinds than are kept compiled are traced in each fit (see
skcomic/nets/sharing.py). Prints a table
and writes it to ``--out``, with a figure of cost against F-score beside it.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold

from skcomic import ImageVectorizer, join_duplicates, load_catalogue, make_contenders
from skcomic.datasets import make_comic_faces
from skcomic.models.measuring import measure_model, measure_predictions

REFERENCE = "16_max_1"  # the report's choice
DIGIT_SIDE = 16


def write_digits(folder: Path) -> None:
    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / str(label) / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        grey = Image.fromarray(np.uint8(image / 16 * 255))
        grey.resize((DIGIT_SIDE, DIGIT_SIDE), Image.Resampling.BICUBIC).save(path)


def load_images(root: str, folder: Path) -> pd.DataFrame:
    if root == "digits":
        write_digits(folder)
    elif root == "drawn":
        make_comic_faces(180, size=64, out_dir=folder, random_state=0)
    catalogue = load_catalogue(folder if root in ("digits", "drawn") else root)
    # The digits 3 and 5, say, differ by fewer bits than near-duplicates do.
    return catalogue if root == "digits" else join_duplicates(catalogue)


def measure(classifier, rows, labels, train, test) -> dict[str, float]:
    start = time.process_time()
    classifier.fit(rows[train], labels[train])
    fit_cpu_seconds = time.process_time() - start
    predicted = classifier.predict(rows[test])
    # The first class of two as `positive`, such as comics; else the mean of all classes.
    f_scores = f1_score(labels[test], predicted, average=None, labels=np.unique(labels))
    return {
        "f_score": f_scores[0] if len(f_scores) == 2 else f_scores.mean(),
        "accuracy": np.mean(predicted == labels[test]),
        "cpu_seconds": fit_cpu_seconds,
        **measure_predictions(classifier.predict, rows[test]),
        "model_bytes": measure_model(classifier),
    }


def run(catalogue: pd.DataFrame, size: int, names: list[str], args) -> pd.DataFrame:
    rows = ImageVectorizer(size).fit_transform(catalogue.path)
    labels = catalogue.label.to_numpy()
    folds = StratifiedGroupKFold(args.folds, shuffle=True, random_state=0)
    splits = list(folds.split(rows, labels, catalogue.pair))
    results = []
    for seed in range(args.seeds):
        contenders = make_contenders(size, families=args.families, random_state=seed)
        for fold, (train, test) in enumerate(splits):
            train = np.random.default_rng(fold).permutation(train)[: args.max_train]
            for name in [name for name in contenders if not names or name in names]:
                classifier = clone(contenders[name]["classify"])
                measured = measure(classifier, rows, labels, train, test)
                results.append({"contender": name, "seed": seed, "fold": fold, **measured})
                print(size, seed, fold, name, f"{measured['f_score']:.4f}", flush=True)
    return pd.DataFrame(results)


def summarize(results: pd.DataFrame) -> pd.DataFrame:
    groups = results.groupby("contender", sort=False)
    table = groups.median(numeric_only=True).drop(columns=["seed", "fold"])
    by_fold = results.groupby(["contender", "fold"], sort=False).f_score.mean()
    table.insert(0, "mean_f_score", groups.f_score.mean())
    # Seeds of one fold share their test images: the folds are what is independent.
    table.insert(1, "se", by_fold.groupby("contender").sem())
    if REFERENCE in table.index:
        table.insert(2, "cost_ratio", table.cpu_seconds / table.cpu_seconds[REFERENCE])
    return table.sort_values("cpu_seconds")


def draw(tables: dict[int, pd.DataFrame], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6 * len(tables), 5), layout="constrained")
    for axes, (size, table) in zip(
        np.atleast_1d(figure.subplots(1, len(tables), sharey=True)), tables.items(), strict=True
    ):
        axes.errorbar(
            table.cpu_seconds, table.mean_f_score, table.se, fmt="o", color="0.6", capsize=2
        )
        front = table[table.mean_f_score.cummax().eq(table.mean_f_score)]
        axes.step(front.cpu_seconds, front.mean_f_score, where="post", color="tab:blue")
        # Names would lie on each other where contenders are alike; numbers do not.
        for number, (name, row) in enumerate(table.iterrows(), start=1):
            axes.annotate(
                number, (row.cpu_seconds, row.mean_f_score), textcoords="offset points",
                xytext=(5, 4), fontsize=8, color="tab:blue" if name in front.index else "0.4",
            )  # fmt: skip
        names = [f"{number} {name}" for number, name in enumerate(table.index, start=1)]
        axes.text(
            1.02, 1, "\n".join(names), transform=axes.transAxes, ha="left", va="top",
            fontsize=7,
        )  # fmt: skip
        axes.set(xscale="log", xlabel="CPU seconds of a fit", title=f"{size}x{size} pixels")
    figure.axes[0].set_ylabel("F-score, mean over folds and seeds")
    figure.savefig(path, dpi=150)


def compare(catalogue: pd.DataFrame, args: argparse.Namespace) -> None:
    tables = {}
    for size in map(int, args.sizes.split(",")):
        results = run(catalogue, size, [n for n in args.contenders.split(",") if n], args)
        results.to_csv(args.out / f"fits_{size}.csv", index=False)
        tables[size] = summarize(results)
        tables[size].to_csv(args.out / f"contenders_{size}.csv")
        print(f"\n{size}x{size} pixels, {len(catalogue)} images, {args.folds} folds, "
              f"{args.seeds} seeds; medians but for the mean F-score\n")  # fmt: skip
        print(tables[size].round(4).to_string())
    draw(tables, args.out / "contenders.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", required=True, help="folder of classes, or drawn, or digits")
    parser.add_argument("--sizes", default="32,64")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--max-train", type=int, default=10**9, help="images of each training")
    parser.add_argument("--families", default="report,small,classic")
    parser.add_argument("--contenders", default="", help="names; default: all")
    parser.add_argument("--out", type=Path, default=Path("contenders"), help="folder of results")
    args = parser.parse_args()
    args.families = args.families.split(",")
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        compare(load_images(args.root, Path(folder)), args)


if __name__ == "__main__":
    main()
