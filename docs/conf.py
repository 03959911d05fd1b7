"""How the site is built: ``sphinx-build -W --keep-going -n docs docs/_build/html``.

Nothing is fetched while it is built: the few foreign names that pages link to are listed, with
their addresses, in the inventories beside this file.
"""

import inspect
import os
import sys
from pathlib import Path

import numpydoc.xref
from sphinx.domains.python import PythonDomain, PyXRefRole
from sphinx_gallery.sorting import ExplicitOrder

# Before TensorFlow is imported by an example: nothing of what it says is for readers.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import skcomic
from skcomic._compat.sklearn import ReferenceLinks

sys.path.insert(0, str(Path(__file__).parent))
from rooms import draw_rooms

HERE = Path(__file__).parent
GENERATED = HERE / "generated"
CLASSES = {name: cls for name in skcomic.__all__ if inspect.isclass(cls := getattr(skcomic, name))}


def own_members(cls: type) -> dict[str, str]:
    """Name the public methods and properties that skcomic writes, and their kinds."""
    members = {}
    for owner in inspect.getmro(cls):
        for name, value in vars(owner).items():
            is_property = isinstance(value, property)
            function = value.fget if is_property else inspect.unwrap(getattr(cls, name, None))
            if name[0] != "_" and str(getattr(function, "__module__", "")).startswith("skcomic"):
                members[name] = "property" if is_property else "method"
    return dict(sorted(members.items()))


project = "skcomic"
author = "The skcomic developers"
copyright = author
version = release = skcomic.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]

# A name in single backticks is a link where the reference has it, and code where it has not; all
# other references must be found.
default_role = "py:name"
rst_prolog = ".. currentmodule:: skcomic"
nitpick_ignore_regex = [("py:name", ".*")]

smartquotes = False  # what stands in quotes is to be typed
toc_object_entries_show_parents = "hide"

autosummary_generate = True
autosummary_context = {"own_members": {name: own_members(cls) for name, cls in CLASSES.items()}}
autodoc_typehints = "none"  # the types are in the docstrings

numpydoc_show_class_members = False  # _templates/autosummary/class.rst does
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {name: f"skcomic.{name}" for name in CLASSES} | {
    "Bunch": "sklearn.utils.Bunch",
    "DataFrame": "pandas.DataFrame",
    "Pipeline": "sklearn.pipeline.Pipeline",
    "Series": "pandas.Series",
    "ndarray": "numpy.ndarray",
}
numpydoc.xref.DEFAULT_LINKS.clear()  # they are of names that the inventories do not have

intersphinx_mapping = {
    name: (address, str(HERE / "inventories" / f"{name}.txt"))
    for name, address in {
        "joblib": "https://joblib.readthedocs.io/en/stable/",
        "numpy": "https://numpy.org/doc/stable/",
        "pandas": "https://pandas.pydata.org/docs/",
        "sklearn": "https://scikit-learn.org/stable/",
    }.items()
}

# From what everybody needs to what few do; another example comes last.
EXAMPLES = [
    "first_study", "images_to_rows", "cross_validation_of_pairs", "own_contender", "sizes",
    "digits", "imbalanced_classes", "thresholds", "mistakes", "out_of_core", "export",
    "own_network", "*",
]  # fmt: skip
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "abort_on_example_error": True,
    "backreferences_dir": "generated/examples",
    "doc_module": "skcomic",
    "download_all_examples": False,
    "min_reported_time": 1,
    "show_signature": False,
    "within_subsection_order": ExplicitOrder(
        [name if name == "*" else f"plot_{name}.py" for name in EXAMPLES]
    ),
    "write_computation_times": False,
}
# The diagrams of estimators in the gallery.
ReferenceLinks._doc_link_template = "../generated/skcomic.{estimator_name}.html"

html_theme = "pydata_sphinx_theme"
html_title = f"skcomic {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/logo.svg"
html_show_sourcelink = False
html_context = {"default_mode": "auto"}  # light or dark, as the reader has it
html_sidebars = {"index": [], "development": [], "changes": []}
html_theme_options = {
    "logo": {
        "text": "skcomic",
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo.svg",
    },
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}


def setup(app):
    """Add the role of single backticks, and draw the rooms for development.rst."""
    app.add_role_to_domain("py", "name", PyXRefRole())
    for kind in PythonDomain.object_types.values():
        kind.roles += ("name",)
    GENERATED.mkdir(exist_ok=True)
    (GENERATED / "rooms.html").write_text(draw_rooms())
