"""The pipeline from paths to classes, and the twelve nets of the report as its parameters."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

#: The twelve nets of the report, as parameters of `make_comic_pipeline`.
ARCHITECTURES: dict[str, list[Any]] = {
    "classify__first_units": [8, 16, 32],
    "classify__pooling": ["average", "max"],
    "classify__n_conv": [1, 2],
}


def make_comic_pipeline(**parameters: Any) -> "Pipeline":
    """Make the pipeline from paths of images to classes.

    Parameters
    ----------
    **parameters
        Parameters of its two steps, `vectorize` (an `ImageVectorizer`) and `classify` (a
        `ConvNetClassifier`), written as for `Pipeline.set_params`:
        ``vectorize__size=32``, ``classify__epochs=30``.

    Returns
    -------
    pipeline : Pipeline
        Not fitted.

    Raises
    ------
    ValueError
        If there is no such parameter; the nearest valid name is offered.

    Examples
    --------
    >>> from skcomic import make_comic_pipeline
    >>> make_comic_pipeline(vectorize__size=32)["vectorize"]
    ImageVectorizer(size=32)
    """
    from sklearn.pipeline import Pipeline

    from skcomic._estimator import check_param_names
    from skcomic.images.vectorizer import ImageVectorizer
    from skcomic.nets.convnet import ConvNetClassifier

    pipeline = Pipeline([("vectorize", ImageVectorizer()), ("classify", ConvNetClassifier())])
    check_param_names(parameters, pipeline)
    return pipeline.set_params(**parameters)
