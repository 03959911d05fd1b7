"""
More images than fit into memory
================================

A million rows of 64x64 pixels are 16 GB. :func:`~skcomic.fit_in_chunks` trains on any number of
images with the memory of a few chunks; this example shows with few images what that costs in
passes over them, and :func:`~skcomic.rasterize` decodes each only once.
"""

# %%
# Drawn pairs of a face and its comic, in a training part and a test. Their rows of 32 pixels are
# written into a store on disk, one hundred to a chunk. The paths of its catalogue are those of its
# rows, and everything that takes paths of images takes these.

import tempfile

import pandas as pd

from skcomic import load_catalogue, rasterize, split_catalogue
from skcomic.datasets import make_comic_faces

folder = tempfile.mkdtemp()
make_comic_faces(300, size=64, out_dir=f"{folder}/faces", random_state=0)
catalogue = load_catalogue(f"{folder}/faces")
stored = rasterize(catalogue, f"{folder}/rows.zarr", size=32, chunk_images=100)
parts = split_catalogue(stored, random_state=0)
train = pd.concat([parts.train, parts.validation])
len(train), len(parts.test)

# %%
# A logistic regression of histograms of gradients, trained by stochastic gradient descent on
# chunks of 100 of the 400 images, and on chunks of 25. Each model is tested after some passes.

from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline

from skcomic import HogVectorizer, ImageVectorizer, fit_in_chunks, score_interval

sgd = SGDClassifier(loss="log_loss", alpha=0.01, average=True, random_state=0)
model = make_pipeline(ImageVectorizer(32), HogVectorizer(), sgd)


def score(fitted):
    """Return the area under the ROC curve on the test images, with its interval."""
    probabilities = fitted.predict_proba(parts.test.path)
    return score_interval(
        parts.test.label, probabilities, parts.test.pair, score="roc_auc", positive="comics",
        random_state=0,
    )  # fmt: skip


passes = (1, 2, 4, 8, 16)
curves = {}
for chunk_images in (100, 25):
    curves[chunk_images] = []
    for epochs in passes:
        fitted = fit_in_chunks(
            model, train, epochs=epochs, chunk_images=chunk_images, random_state=0
        )
        curves[chunk_images].append(score(fitted).score)

# %%
# For comparison, the same model with all rows in memory, trained until it converges:

whole = score(model.fit(train.path, train.label))
print(f"{whole} after {model[-1].n_iter_} passes")

# %%
# With every pass, both come nearer to that model: the broken line, with its interval of 95 %.
# Chunks of 25 are soon as good as those of 100, in a quarter of the memory. Whatever their size,
# no more than four chunks are in memory at once.

import matplotlib.pyplot as plt


def megabytes(n_images):
    """Return the size of rows of 32x32 pixels, of four bytes each."""
    return f"{n_images * 32 * 32 * 4 / 1e6:.1f} MB"


fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
ax.axhspan(whole.low, whole.high, color="0.94", zorder=0)
label = f"all {len(train)} images in memory, {megabytes(len(train))}"
ax.axhline(whole.score, color="0.4", linestyle="--", label=label)
styles = {100: ("#d55e00", "s"), 25: ("#0072b2", "o")}
for chunk_images, (colour, marker) in styles.items():
    label = f"chunks of {chunk_images} images, {megabytes(chunk_images)} each"
    ax.plot(passes, curves[chunk_images], f"{marker}-", color=colour, label=label)
ax.set_xscale("log", base=2)
ax.set_xticks(passes, passes)
ax.set(xlabel="Passes over the training images", ylabel="Area under ROC on the test images")
ax.spines[["top", "right"]].set_visible(False)
legend = ax.legend(frameon=False, loc="lower right")

# %%
# A study does so by itself where rows do not fit into memory; its setting ``chunk_images`` asks
# for it.
