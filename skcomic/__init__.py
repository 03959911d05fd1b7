"""Cheap, proven image classifiers inside scikit-learn.

Public names load when they are first used, so that ``import skcomic`` costs nothing:
TensorFlow alone takes some three seconds.
"""

import lazy_loader

from skcomic._version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["datasets"],
    submod_attrs={
        "cache": ["cache_info", "clear_cache"],
        "card": ["render_card"],
        "catalogue": ["Footprint", "estimate_footprint", "load_catalogue", "split_catalogue"],
        "checking": ["check_catalogue"],
        "classifier": ["ConvNetClassifier"],
        "convnet": ["build_convnet", "count_multiply_adds", "net_name"],
        "displays": ["TimeScoreDisplay"],
        "duplicates": ["join_duplicates"],
        "halving": ["BalancedHalvingSearchCV"],
        "images": ["ImageReadError", "read_raster"],
        "modelfile": ["ModelFileError"],
        "persistence": ["load", "save"],
        "prediction": ["Prediction", "predict_files"],
        "results": ["Study", "StudyProgress", "StudySettings"],
        "scoring": ["CostScorer", "select_parsimonious"],
        "search": ["ARCHITECTURES", "BalancedRandomizedSearchCV", "make_comic_pipeline"],
        "study": ["run_study"],
        "vectorizer": ["ImageVectorizer"],
        "workers": ["start_workers"],
    },
)
__all__ += ["__version__"]
