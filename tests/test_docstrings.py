"""The public names, and their docstrings, which contain all sections that numpydoc requires."""

import inspect

import pytest
from numpydoc.validate import validate

import skcomic
import skcomic.datasets

# Errors that the style of this project allows, by numpydoc's codes.
ALLOWED = {
    "GL01",  # the summary in the line of the quotes (an error before numpydoc 1.11)
    "ES01",  # no extended summary where the summary is enough
    "SA01",  # no See Also where nothing is related
    "RT02",  # a name for a single return value, which scikit-learn gives too
}
ALLOWED_FOR_METHODS = {"EX01"}  # the example is in the docstring of their class
# The example is in the docstring of the function that gives them.
WITHOUT_EXAMPLE = {
    "Evaluation",
    "PairedComparison",
    "ScoreInterval",
    "Study",
    "StudyProgress",
    "StudySettings",
}

# Methods as well, if skcomic itself defines them.
PUBLIC_NAMES = [
    "ARCHITECTURES",
    "AbstentionDisplay",
    "AbstentionDisplay.figsize",
    "AbstentionDisplay.from_predictions",
    "AbstentionDisplay.from_study",
    "AbstentionDisplay.plot",
    "BalancedHalvingSearchCV",
    "BalancedHalvingSearchCV.draw_candidates",
    "BalancedHalvingSearchCV.fit",
    "BalancedHalvingSearchCV.rounds",
    "BalancedRandomizedSearchCV",
    "BalancedRandomizedSearchCV.draw_candidates",
    "BalancedRandomizedSearchCV.fit",
    "ConvNetClassifier",
    "ConvNetClassifier.fit",
    "ConvNetClassifier.net_name",
    "ConvNetClassifier.partial_fit",
    "ConvNetClassifier.predict",
    "ConvNetClassifier.predict_proba",
    "ConvNetClassifier.score",
    "ConvNetClassifier.set_params",
    "CostScorer",
    "Evaluation",
    "Evaluation.describe_images",
    "Evaluation.to_dict",
    "Export",
    "Footprint",
    "HogVectorizer",
    "HogVectorizer.fit",
    "HogVectorizer.get_feature_names_out",
    "HogVectorizer.set_params",
    "HogVectorizer.transform",
    "ImageGridDisplay",
    "ImageGridDisplay.figsize",
    "ImageGridDisplay.from_predictions",
    "ImageGridDisplay.plot",
    "ImageReadError",
    "ImageVectorizer",
    "ImageVectorizer.fit",
    "ImageVectorizer.get_feature_names_out",
    "ImageVectorizer.set_params",
    "ImageVectorizer.transform",
    "LightClassifier",
    "LightClassifier.classes_",
    "LightClassifier.fit",
    "LightClassifier.n_features_in_",
    "LightClassifier.predict",
    "LightClassifier.predict_proba",
    "MirroredClassifier",
    "MirroredClassifier.fit",
    "MirroredClassifier.predict",
    "MirroredClassifier.set_params",
    "ModelFileError",
    "OcclusionDisplay",
    "OcclusionDisplay.figsize",
    "OcclusionDisplay.from_estimator",
    "OcclusionDisplay.plot",
    "PairedComparison",
    "PairedComparison.describe",
    "Parity",
    "PatchVectorizer",
    "PatchVectorizer.fit",
    "PatchVectorizer.get_feature_names_out",
    "PatchVectorizer.set_params",
    "PatchVectorizer.transform",
    "Prediction",
    "RasterDisplay",
    "RasterDisplay.figsize",
    "RasterDisplay.from_path",
    "RasterDisplay.plot",
    "RobustnessDisplay",
    "RobustnessDisplay.figsize",
    "RobustnessDisplay.from_rows",
    "RobustnessDisplay.plot",
    "ScoreInterval",
    "SmallNetClassifier",
    "SmallNetClassifier.fit",
    "SmallNetClassifier.net_name",
    "SmallNetClassifier.partial_fit",
    "SmallNetClassifier.predict",
    "SmallNetClassifier.predict_proba",
    "SmallNetClassifier.score",
    "SmallNetClassifier.set_params",
    "Study",
    "Study.caveats",
    "Study.compare_with_report",
    "Study.describe_abstention",
    "Study.describe_images",
    "Study.describe_repeats",
    "Study.display",
    "Study.display_abstention",
    "Study.display_occlusion",
    "Study.display_robustness",
    "Study.name_candidates",
    "Study.seconds",
    "Study.to_dict",
    "Study.to_frame",
    "StudyProgress",
    "StudySettings",
    "StudySettings.n_folds",
    "TemperatureScaledClassifier",
    "TemperatureScaledClassifier.fit",
    "TemperatureScaledClassifier.of_fitted",
    "TemperatureScaledClassifier.predict",
    "TemperatureScaledClassifier.predict_proba",
    "TemperatureScaledClassifier.set_params",
    "TimeScoreDisplay",
    "TimeScoreDisplay.figsize",
    "TimeScoreDisplay.from_cv_results",
    "TimeScoreDisplay.from_frame",
    "TimeScoreDisplay.pareto_front",
    "TimeScoreDisplay.plot",
    "__version__",
    "build_convnet",
    "cache_info",
    "check_catalogue",
    "clear_cache",
    "compare_paired",
    "count_multiply_adds",
    "datasets",
    "datasets.fetch_comic_faces",
    "datasets.make_comic_faces",
    "estimate_footprint",
    "evaluate",
    "export",
    "fit_in_chunks",
    "join_duplicates",
    "load",
    "load_catalogue",
    "make_comic_pipeline",
    "make_contenders",
    "net_name",
    "predict_files",
    "profile_model",
    "rasterize",
    "read_raster",
    "render_card",
    "run_study",
    "save",
    "score_interval",
    "select_parsimonious",
    "split_catalogue",
    "start_workers",
]


def documented_objects() -> dict[str, str]:
    """Place in the code of each public function, class and method."""
    places = {}
    for module, prefix in ((skcomic, ""), (skcomic.datasets, "datasets.")):
        for name in module.__all__:
            thing = getattr(module, name)
            if callable(thing):
                places[prefix + name] = f"{thing.__module__}.{thing.__qualname__}"
            if inspect.isclass(thing):
                places |= {f"{prefix}{name}.{m}": place for m, place in methods(thing).items()}
    return places


def methods(cls: type) -> dict[str, str]:
    """Place of each public method and property that skcomic defines for a class."""
    places = {}
    for owner in reversed(cls.__mro__):
        if owner.__module__.partition(".")[0] != "skcomic":
            continue
        for name, member in vars(owner).items():
            is_method = inspect.isfunction(member) or isinstance(member, property | classmethod)
            # scikit-learn adds the methods set_fit_request and so on.
            if is_method and not name.startswith("_") and not name.endswith("_request"):
                places[name] = f"{owner.__module__}.{owner.__qualname__}.{name}"
    return places


# A method that several classes inherit is checked once.
DOCUMENTED = {place: name for name, place in reversed(documented_objects().items())}


@pytest.mark.parametrize(("place", "name"), DOCUMENTED.items(), ids=DOCUMENTED.values())
def test_docstring_is_complete(place: str, name: str) -> None:
    is_method = "." in name.removeprefix("datasets.")
    allowed = ALLOWED | (ALLOWED_FOR_METHODS if is_method or name in WITHOUT_EXAMPLE else set())
    errors = [f"{code}: {text}" for code, text in validate(place)["errors"] if code not in allowed]
    assert not errors, "; ".join(errors)


def test_public_names_are_as_listed() -> None:
    names = set(skcomic.__all__) | set(documented_objects())
    changes = {"new": names - set(PUBLIC_NAMES), "lost": set(PUBLIC_NAMES) - names}
    assert changes == {"new": set(), "lost": set()}
    assert sorted(set(PUBLIC_NAMES)) == PUBLIC_NAMES
