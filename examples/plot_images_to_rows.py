"""
From images to rows of pixels
=============================

A classifier of scikit-learn takes rows of numbers. :class:`~skcomic.ImageVectorizer` makes them
from the paths of images: grey pixels between 0 and 1, of one size.
"""

# %%
# Ten pairs of a face and its comic, drawn into one folder per class, and their catalogue: a
# DataFrame with one row per image. The two images of a pair have the same ``pair``.

import tempfile

from skcomic import load_catalogue
from skcomic.datasets import make_comic_faces

folder = tempfile.mkdtemp()
make_comic_faces(10, out_dir=folder, random_state=0)
catalogue = load_catalogue(folder)
catalogue[["label", "pair"]].head()

# %%
# How much of an image is left at each size:

from skcomic import RasterDisplay

display = RasterDisplay.from_path(catalogue.path[0], sizes=(64, 32, 16)).plot()

# %%
# The rows of all images, 32 pixels wide and high:

from skcomic import ImageVectorizer

rows = ImageVectorizer(size=32).fit_transform(catalogue.path)
rows.shape

# %%
# In a pipeline, the paths themselves are what is fitted on. Here, histograms of gradients stand
# between pixels and a linear classifier:

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skcomic import HogVectorizer

model = make_pipeline(ImageVectorizer(size=32), HogVectorizer(), LogisticRegression())
model.fit(catalogue.path, catalogue.label)
