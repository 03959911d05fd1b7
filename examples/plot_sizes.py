"""
What 64, 32 and 16 pixels cost and give
=======================================

An image of half the width has a quarter of the pixels. How much time does that save, and how much
of the score does it cost? Both depend on what looks at the pixels, so they have to be measured.
"""

# %%
# Drawn pairs of a face and its comic, and one image at three sizes:

import tempfile

from skcomic import RasterDisplay, load_catalogue
from skcomic.datasets import make_comic_faces

folder = tempfile.mkdtemp()
make_comic_faces(60, size=128, out_dir=folder, random_state=0)
catalogue = load_catalogue(folder)
sizes = (64, 32, 16)
display = RasterDisplay.from_path(catalogue.path[3], sizes=sizes).plot()

# %%
# Three linear models, of pixels, of histograms of gradients (``hog``) and of whitened patches,
# answer for each image at each size, in five folds by pair. What that takes is measured in CPU
# seconds on one thread, without decoding: each image is decoded once per size, into a cache.

import time

import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from skcomic import make_contenders, score_interval


def measure(model):
    """Return the F-score of a model in five folds, with its interval, and its CPU seconds."""
    model[0].transform(catalogue.path)  # fills the cache
    with threadpool_limits(1):
        start = time.process_time()
        answers = cross_val_predict(
            model, catalogue.path, catalogue.label, groups=catalogue.pair,
            cv=StratifiedGroupKFold(5),
        )  # fmt: skip
        seconds = time.process_time() - start
    f_score = score_interval(
        catalogue.label, answers, catalogue.pair, positive="comics", random_state=0
    )
    return {"f_score": f_score.score, "low": f_score.low, "high": f_score.high, "cpu_s": seconds}


rows = []
for size in sizes:
    contenders = make_contenders(
        size, families=["classic"], random_state=0, vectorize__cache=f"{folder}/cache"
    )
    for name in ("pixels", "hog", "patches"):
        if not rows:
            measure(contenders[name])  # the first one takes longer, whichever it is
        rows.append({"model": name, "size": size} | measure(contenders[name]))
table = pd.DataFrame(rows)
table.pivot_table(index="model", columns="size", values=["f_score", "cpu_s"]).round(3)

# %%
# On the left, bars are intervals of 95 %: where a line is flat, the larger size is for nothing. On
# the right is what it costs.

import matplotlib.pyplot as plt

styles = {"pixels": ("#0072b2", "s"), "hog": ("#d55e00", "D"), "patches": ("#009e73", "o")}
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained")
for shift, (name, (colour, marker)) in zip((0.96, 1, 1.04), styles.items(), strict=True):
    line = table[table.model == name]
    left.vlines(line["size"] * shift, line.low, line.high, color=colour, linewidth=5, alpha=0.25)
    left.plot(line["size"] * shift, line.f_score, f"{marker}-", color=colour, label=name)
    right.plot(line["size"], line.cpu_s, f"{marker}-", color=colour)
for ax, title in ((left, "F-score in five folds"), (right, "CPU seconds of five folds")):
    ax.set_title(title, loc="left", fontsize=10)
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, sizes)
    ax.set(xlabel="Width and height in pixels")
    ax.grid(visible=True, axis="y", color="0.92")
    ax.spines[["top", "right"]].set_visible(False)
right.set_ylim(bottom=0)
legend = fig.legend(loc="outside upper center", ncols=3, frameon=False)

# %%
# A study compares sizes by itself: of the contender that it chose, and by the same rule, the
# cheapest that is about as good as the best.

from skcomic import run_study

contenders = make_contenders(64, families=["classic"], random_state=0)
contenders = {"patches": contenders["patches"]}
study = run_study(
    catalogue, contenders=contenders, sizes=sizes, validation=3, n_jobs=1, random_state=0
)
study.sizes[["net", "size", "validation_f_score", "cpu_seconds", "predict_ms", "model_bytes"]]

# %%
display = study.display("sizes").plot()

# sphinx_gallery_thumbnail_number = 2
