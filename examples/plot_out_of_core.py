"""
More images than fit into memory
================================

A million rows of 64x64 pixels are 16 GB. :func:`~skcomic.fit_in_chunks` trains on any number of
images with the memory of a few chunks; this example shows with few images what that costs in
passes over them, and :func:`~skcomic.rasterize` decodes each only once.
"""

# %%
# Drawn pairs of a face and its comic, in a training part and a test. Their rows of 32 pixels are
# written into a store on disk, sixty-four to a chunk. The paths of its catalogue are those of its
# rows, and everything that takes paths of images takes these.

import tempfile

import pandas as pd

from skcomic import load_catalogue, rasterize, split_catalogue
from skcomic.datasets import make_comic_faces

folder = tempfile.mkdtemp()
make_comic_faces(300, size=64, out_dir=f"{folder}/faces", random_state=0)
catalogue = load_catalogue(f"{folder}/faces")
stored = rasterize(catalogue, f"{folder}/rows.zarr", size=32, chunk_images=64)
parts = split_catalogue(stored, random_state=0)
train = pd.concat([parts.train, parts.validation])
len(train), len(parts.test)

# %%
# A logistic regression of histograms of gradients, trained by stochastic gradient descent: on all
# 400 images as one chunk, on chunks of 100, and on chunks of 25.

from sklearn.linear_model import SGDClassifier
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from skcomic import HogVectorizer, ImageVectorizer, fit_in_chunks, score_interval

sgd = SGDClassifier(loss="log_loss", average=True, random_state=0)
model = make_pipeline(ImageVectorizer(32), HogVectorizer(), sgd)
passes = (1, 2, 3, 4, 6, 8, 12)
curves = {}
for chunk_images in (400, 100, 25):
    curves[chunk_images] = []
    for epochs in passes:
        fitted = fit_in_chunks(
            model, train, epochs=epochs, chunk_images=chunk_images, random_state=0
        )
        answers = fitted.predict(parts.test.path)
        curves[chunk_images].append(f1_score(parts.test.label, answers, pos_label="comics"))

# %%
# For comparison, the same model with all rows in memory, trained until it converges:

answers = model.fit(train.path, train.label).predict(parts.test.path)
whole = score_interval(parts.test.label, answers, parts.test.pair, positive="comics")
print(whole)

# %%
# After some passes, chunks of any size come to where that model is (broken line, with its interval
# of 95 %), with a sixteenth of the memory. No more than four chunks of rows are in memory at once.

import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
ax.axhspan(whole.low, whole.high, color="0.92", zorder=0)
ax.axhline(whole.score, color="0.4", linestyle="--", label="all rows in memory")
styles = {400: ("#0072b2", "o"), 100: ("#d55e00", "s"), 25: ("#009e73", "D")}
for chunk_images, (colour, marker) in styles.items():
    megabytes = chunk_images * 32 * 32 * 4 / 1e6
    label = f"chunks of {chunk_images} images, {megabytes:.1f} MB"
    ax.plot(passes, curves[chunk_images], f"{marker}-", color=colour, label=label)
ax.set(xlabel="Passes over the training images", ylabel="F-score on the test images")
ax.set_xticks(passes)
ax.set_ylim(top=1)
ax.spines[["top", "right"]].set_visible(False)
legend = ax.legend(frameon=False, loc="lower right")

# %%
# A study does so by itself where rows do not fit into memory; its setting ``chunk_images`` asks
# for it.
