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
        "catalogue.checking": ["check_catalogue"],
        "catalogue.duplicates": ["join_duplicates"],
        "catalogue.footprint": ["Footprint", "estimate_footprint"],
        "catalogue.loading": ["load_catalogue"],
        "catalogue.rasterizing": ["rasterize"],
        "catalogue.splitting": ["split_catalogue"],
        "displays.abstention": ["AbstentionDisplay"],
        "displays.image_grid": ["ImageGridDisplay"],
        "displays.occlusion": ["OcclusionDisplay"],
        "displays.raster": ["RasterDisplay"],
        "displays.robustness": ["RobustnessDisplay"],
        "displays.time_score": ["TimeScoreDisplay"],
        "evidence.comparisons": ["PairedComparison", "compare_paired"],
        "evidence.intervals": ["ScoreInterval", "score_interval"],
        "evidence.temperature": ["TemperatureScaledClassifier"],
        "exports.exporting": ["Export", "export"],
        "exports.parity": ["Parity"],
        "exports.profiling": ["profile_model"],
        "features.hog": ["HogVectorizer"],
        "features.mirroring": ["MirroredClassifier"],
        "features.patches": ["PatchVectorizer"],
        "images.cache": ["cache_info", "clear_cache"],
        "images.decoding": ["ImageReadError", "read_raster"],
        "images.vectorizer": ["ImageVectorizer"],
        "models.archive": ["ModelFileError"],
        "models.card": ["render_card"],
        "models.evaluation": ["Evaluation", "evaluate"],
        "models.persistence": ["load", "save"],
        "models.light": ["LightClassifier"],
        "models.prediction": ["predict_files"],
        "models.streaming": ["Prediction"],
        "nets.convnet": ["ConvNetClassifier"],
        "nets.smallnet": ["SmallNetClassifier"],
        "nets.topology": ["build_convnet", "count_multiply_adds", "net_name"],
        "nets.workers": ["start_workers"],
        "selection.contenders": ["make_contenders"],
        "selection.halving": ["BalancedHalvingSearchCV"],
        "selection.out_of_core": ["fit_in_chunks"],
        "selection.scoring": ["CostScorer", "select_parsimonious"],
        "selection.pipelines": ["ARCHITECTURES", "make_comic_pipeline"],
        "selection.search": ["BalancedRandomizedSearchCV"],
        "study.results": ["Study", "StudyProgress"],
        "study.run": ["run_study"],
        "study.settings": ["StudySettings"],
    },
)
__all__ += ["__version__"]
