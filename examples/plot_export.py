"""
A model as a page, as C, as ONNX: what each costs
=================================================

A model is of use where it can run. The same classifier is written as a web page that needs no
server, as C source and for ONNX and TensorFlow Lite; each file is compared with the model before
it is written, and then measured.
"""

# %%
# A linear model of whitened patches, trained on drawn faces and comics of 32 pixels, in one file
# that holds no pickle:

import tempfile
from pathlib import Path

from skcomic import export, load_catalogue, make_contenders, save
from skcomic.datasets import make_comic_faces

folder = Path(tempfile.mkdtemp())
make_comic_faces(80, size=64, out_dir=folder / "faces", random_state=0)
catalogue = load_catalogue(folder / "faces")
train, test = catalogue[::2], catalogue[1::2]
model = make_contenders(32, families=["classic"], random_state=0)["patches"]
model.fit(train.path, train.label)
save(model, folder / "model.skcomic")

# %%
# A page for people, who drop images on it; nothing leaves their browser. By default, a hundred
# drawn images are first given to the model and to the file, which is not written if it answers
# otherwise; of a page, that needs Chromium, and is left out here. ONNX is checked:

page = export(folder / "model.skcomic", folder / "model.html", "html", check=None)
onnx = export(folder / "model.skcomic", folder / "model.onnx", "onnx", check=test)
print(f"{page.path.name}: {page.n_bytes / 1000:.0f} kB")
print(f"{onnx.path.name}: {onnx.n_bytes / 1000:.0f} kB, {onnx.parity}")

# %%
# :func:`~skcomic.profile_model` writes every format, and runs each in a process of its own. "full"
# and "light" are the model file, opened with scikit-learn and without. What the machine lacks a
# compiler, a package or a browser for is not measured, and ``missing`` has the reason.

from skcomic import profile_model

profile = profile_model(folder / "model.skcomic", test, calibration=train)
profile.drop(columns=["missing", "multiply_adds"]).round(2)

# %%
# The bytes of the file, the time from the start of a process to the first answer, and that of an
# image among a hundred, on one core; all scales are logarithmic. Eight bits instead of 32 save
# most of the bytes; whether they cost answers is told by the column ``f_score`` of the table.

import matplotlib.pyplot as plt
import numpy as np

names = profile.format + profile.precision.map({"float32": "", "int8": ", 8 bits"})
measures = {
    "file_bytes": ("File (kB)", 1e-3, "#0072b2"),
    "start_ms": ("To the first answer (s)", 1e-3, "#d55e00"),
    "predict_ms": ("An image (ms)", 1, "#009e73"),
}
fig, axes = plt.subplots(1, 3, figsize=(8.5, 3.8), sharey=True, layout="constrained")
heights = np.arange(len(names))[::-1]
for ax, (column, (title, unit, colour)) in zip(axes, measures.items(), strict=True):
    values = profile[column] * unit
    low, high = values.min() / 2, values.max() * 4
    ax.hlines(heights, low, values, color=colour, linewidth=4, alpha=0.35)
    ax.plot(values, heights, "o", color=colour)
    for value, height in zip(values, heights, strict=True):
        if not np.isnan(value):
            ax.annotate(f"{value:.2g}", (value, height), (7, 0), textcoords="offset points",
                        va="center", fontsize=9)  # fmt: skip
    ax.set(xscale="log", xlim=(low, high), title=title)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
labels = axes[0].set_yticks(heights, names)
