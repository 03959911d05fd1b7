"""
What 64, 32 and 16 pixels cost and give
=======================================

An image of half the size has a quarter of the pixels, and costs about a quarter of the time. How
much of the score does that cost? It depends on what looks at the pixels, so it has to be measured.
"""

# %%
# Drawn pairs of a face and its comic, and one of them at three sizes:

import tempfile

from skcomic import RasterDisplay, load_catalogue
from skcomic.datasets import make_comic_faces

folder = tempfile.mkdtemp()
make_comic_faces(60, size=128, out_dir=folder, random_state=0)
catalogue = load_catalogue(folder)
sizes = (64, 32, 16)
display = RasterDisplay.from_path(catalogue.path[3], sizes=sizes).plot()

# %%
# Three linear models, of pixels, of histograms of gradients and of whitened patches, answer for
# each image at each size, in five folds by pair. What that takes is measured in CPU seconds on one
# thread, without decoding: each image is decoded once per size, into a cache.

import time

import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from skcomic import make_contenders, score_interval

rows = []
for size in sizes:
    contenders = make_contenders(
        size, families=["classic"], random_state=0, vectorize__cache=f"{folder}/cache"
    )
    for name in ("pixels", "hog", "patches"):
        contenders[name][0].transform(catalogue.path)  # fills the cache
        with threadpool_limits(1):
            start = time.process_time()
            answers = cross_val_predict(
                contenders[name], catalogue.path, catalogue.label, groups=catalogue.pair,
                cv=StratifiedGroupKFold(5),
            )  # fmt: skip
            seconds = time.process_time() - start
        f_score = score_interval(catalogue.label, answers, catalogue.pair, positive="comics")
        rows.append([name, size, f_score.score, f_score.low, f_score.high, seconds])
table = pd.DataFrame(rows, columns=["model", "size", "f_score", "low", "high", "cpu_seconds"])
table.pivot_table(index="model", columns="size", values=["f_score", "cpu_seconds"]).round(3)

# %%
# Each line is a model, from 16 pixels on the left to 64 on the right; bars are intervals of 95 %.
# Where a line is flat, the larger size is for nothing.

import matplotlib.pyplot as plt

styles = {"pixels": ("#0072b2", "s"), "hog": ("#d55e00", "D"), "patches": ("#009e73", "o")}
fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, (colour, marker) in styles.items():
    line = table[table.model == name]
    ax.vlines(line.cpu_seconds, line.low, line.high, color=colour, linewidth=5, alpha=0.2)
    ax.plot(line.cpu_seconds, line.f_score, f"{marker}-", color=colour, label=name)
    for point in line.itertuples():
        ax.annotate(
            point.size, (point.cpu_seconds, point.f_score), (5, -12), textcoords="offset points",
            color=colour, fontsize=9,
        )  # fmt: skip
ax.set(xlabel="CPU seconds of five folds", ylabel="F-score in the folds")
ax.set_xlim(left=0)
ax.grid(visible=True, color="0.92")
ax.spines[["top", "right"]].set_visible(False)
legend = ax.legend(frameon=False, title="at 16, 32 and 64 pixels", loc="lower right")

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
