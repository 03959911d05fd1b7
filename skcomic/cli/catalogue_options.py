"""The options that say what is an image, what its class is and what belongs together."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skcomic.images.listing import list_counts
from skcomic.images.urls import is_url

if TYPE_CHECKING:
    import pandas as pd

Images = Annotated[
    str,
    typer.Argument(
        help="Folder with one sub-folder of images per class, also within train, val and test; a "
        "CSV file with a row for each image; a store that skcomic rasterize wrote; or the URL of "
        "one of these, such as s3://bucket/faces."
    ),
]
Pair = Annotated[
    str,
    typer.Option(
        help="Which images belong together: stem (the same name), none, or a regular expression "
        "whose first group is the same.",
    ),
]
IgnoreSplit = Annotated[
    bool, typer.Option("--ignore-split", help="Split images of train, val and test again.")
]
Root = Annotated[
    str | None,
    typer.Option(
        metavar="PATH", help="Folder, or its URL, that the paths of a CSV file are relative to."
    ),
]
PathColumn = Annotated[str, typer.Option(help="Column of a CSV file.")]
LabelColumn = Annotated[str, typer.Option(help="Column of a CSV file.")]
PairColumn = Annotated[str | None, typer.Option(help="Column of a CSV file.")]


def load_images(
    images: str,
    *,
    pair: str,
    ignore_split: bool,
    root: str | None,
    path_column: str,
    label_column: str,
    pair_column: str | None,
    min_classes: int = 2,
) -> "pd.DataFrame":
    """Load a catalogue as the options say.

    Parameters
    ----------
    images, pair, ignore_split, root, path_column, label_column, pair_column
        The values of the options.
    min_classes : int, default=2
        As for `load_catalogue`.

    Returns
    -------
    catalogue : DataFrame
        As from `load_catalogue`.

    Raises
    ------
    OSError, ValueError
        As for `load_catalogue`, in the words of the options.
    """
    from skcomic.catalogue.loading import load_catalogue
    from skcomic.catalogue.pairs import make_pair_rule

    is_of_table = root, pair_column, (path_column, label_column) != ("path", "label")
    if not is_url(images) and Path(images).is_dir() and any(is_of_table):
        raise ValueError(
            "--root, --path-column, --label-column and --pair-column are for a CSV file, but "
            f"{images!r} is a folder"
        )
    if root is not None and not is_url(root) and not Path(root).is_dir():
        raise FileNotFoundError(f"--root: there is no folder {root!r}")
    try:
        make_pair_rule(pair)
    except ValueError as error:
        raise ValueError(f"--pair: {error}") from None
    return load_catalogue(
        images,
        pair=pair_column or pair,
        ignore_split=ignore_split,
        root=root,
        path=path_column,
        label=label_column,
        min_classes=min_classes,
    )


def load_further(
    option: str, images: str, *, pair: str = "stem", min_classes: int = 2
) -> "pd.DataFrame":
    """Load the images of an option, which are others than those that a command is about.

    Parameters
    ----------
    option : str
        As it is typed.
    images : str
        A folder, or a CSV file with the columns `path` and `label`.
    pair : str, default="stem"
        As for `load_images`.
    min_classes : int, default=2
        As for `load_catalogue`.

    Returns
    -------
    catalogue : DataFrame
        As from `load_catalogue`.

    Raises
    ------
    ValueError
        If they cannot be loaded; the message names the option.
    """
    try:
        return load_images(
            images, pair=pair, ignore_split=True, root=None, path_column="path",
            label_column="label", pair_column=None, min_classes=min_classes,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise ValueError(f"{option}: {error}") from error


def describe_skipped(catalogue: "pd.DataFrame") -> str:
    """Count what was skipped, in a sentence; empty if nothing was.

    Parameters
    ----------
    catalogue : DataFrame
        As from `load_catalogue`.

    Returns
    -------
    sentence : str
        Such as "Skipped: not an image: 3."
    """
    listed = list_counts(catalogue.attrs.get("skipped", {}))
    return f"Skipped: {listed}." if listed else ""
