"""
A first study
=============

A folder of images, one sub-folder per class, goes in; out comes the cheapest classifier that is
good enough, and how sure one can be of it. Here seven contenders compete on drawn faces and
comics, with :func:`~skcomic.run_study`, and the figure shows which one is chosen and why.
"""

# %%
# Sixty pairs of a face and its comic, and their catalogue, a DataFrame with one row per image:

import tempfile

from skcomic import load_catalogue
from skcomic.datasets import make_comic_faces

folder = tempfile.mkdtemp()
make_comic_faces(60, size=64, out_dir=folder, random_state=0)
catalogue = load_catalogue(folder)
catalogue[["label", "pair"]].groupby("label").describe()

# %%
# The contenders are pipelines from paths to classes: linear models of pixels, of histograms of
# gradients and of whitened patches, each without and with mirror images, and a small network.
# Without ``contenders``, a study tries more nets, and takes minutes instead of seconds.

from skcomic import make_contenders, run_study

contenders = make_contenders(32, families=["classic"], random_state=0)
contenders["small_3_4_1"] = make_contenders(32, families=["small"], random_state=0)["small_3_4_1"]

study = run_study(catalogue, contenders=contenders, sizes=[32], n_jobs=1, random_state=0)

# %%
# A third of the images was kept for the test. On the others, the contenders were compared in five
# folds that never part a pair; one that a cheaper one clearly surpasses is not trained on those
# that are left. Filled points are F-scores on images that the contender was not trained on, with
# 95 % intervals; open points are those on its training images.
#
# The broken line joins those that none of lower cost is as good as. The choice (ringed) is the
# cheapest that is at most one standard error worse than the best.

display = study.display().plot()

# %%
# The choice was then trained on all of these images, and tested on the third that nothing was
# tuned on, beside other classifiers for comparison. In a notebook, a study shows that by itself:

study

# %%
# All numbers are in tables and dicts, such as the costs of all contenders. CPU seconds depend on
# the machine, and where two contenders are about as cheap, so do the folds and the choice.

columns = ["net", "folds", "validation_f_score", "cpu_seconds", "predict_ms", "model_bytes"]
study.candidates[columns].round(3)

# %%
# The pipeline that was tested is an estimator like any other. It takes paths:

study.pipeline.predict(catalogue.path[:3])
