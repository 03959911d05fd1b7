"""
A model as a page, as C, as ONNX
================================

A model is of use where it can run: in a browser without a server, on a device without Python, in
any program that reads ONNX. Here four models are written in each format, and the figure shows how
large the files are.
"""

# %%
# Three linear models and a small network, trained on drawn faces and comics of 32 pixels:

import tempfile
from pathlib import Path

from skcomic import export, load_catalogue, make_contenders, save
from skcomic.datasets import make_comic_faces

folder = Path(tempfile.mkdtemp())
make_comic_faces(80, size=64, out_dir=folder / "faces", random_state=0)
catalogue = load_catalogue(folder / "faces")
train, test = catalogue[::2], catalogue[1::2]
contenders = make_contenders(32, families=["small", "classic"], random_state=0)
models = {
    name: contenders[name].fit(train.path, train.label)
    for name in ("pixels", "hog", "patches", "small_3_4_1")
}

# %%
# :func:`~skcomic.export` first gives the same images to the model and to the file, and writes no
# file that answers otherwise; ``check`` says which images. How far an ONNX file is from its model:

exported = export(models["patches"], folder / "patches.onnx", "onnx", check=test)
print(exported.parity)

# %%
# A page has all that it needs in one file: people drop images on it, and nothing leaves their
# browser. To check one takes Chromium, and to check C a compiler, which is left out here. The
# file of :func:`~skcomic.save` is what skcomic itself reads; it holds no pickle.

formats = {
    "skcomic": None,
    "HTML page": ("html", {}),
    "ONNX": ("onnx", {}),
    "C source": ("c", {}),
    "C source, 8 bits": ("c", {"precision": "int8"}),
}
kilobytes = {}
for title, how in formats.items():
    for name, model in models.items():
        file = folder / "model"
        if how is None:
            save(model, file)
        else:
            export(model, file, how[0], check=None, **how[1])
        kilobytes[title, name] = file.stat().st_size / 1000

# %%
# C source is text: a compiled program is smaller. A page has code of its own, for the reading of
# images and for what one sees. With eight bits, weights are rounded.

import matplotlib.pyplot as plt

styles = {
    "pixels": ("#0072b2", "s"),
    "hog": ("#d55e00", "D"),
    "patches": ("#009e73", "o"),
    "small_3_4_1": ("#cc79a7", "^"),
}
fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
heights = range(len(formats))[::-1]
for name, (colour, marker) in styles.items():
    sizes = [kilobytes[title, name] for title in formats]
    ax.plot(sizes, heights, marker, color=colour, markersize=9, alpha=0.8, label=name)
ax.set_yticks(heights, formats)
ax.set(xlabel="Size of the file (kB)", ylim=(-0.5, len(formats) - 0.5))
ax.set_xlim(left=0)
ax.grid(visible=True, color="0.92")
ax.set_axisbelow(True)
ax.spines[["top", "right", "left"]].set_visible(False)
ax.tick_params(axis="y", length=0)
legend = fig.legend(loc="outside upper center", ncols=4, frameon=False)

# %%
# Times are measured by :func:`~skcomic.profile_model`, which runs each format in processes of its
# own, from the start to the first answer and for a hundred images, which takes longer than this
# example:
#
# .. code-block:: python
#
#    from skcomic import profile_model
#
#    save(models["patches"], "model.skcomic")
#    profile_model("model.skcomic", test)[["format", "file_bytes", "start_ms", "predict_ms"]]
