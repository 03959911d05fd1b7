"""What a catalogue must be for all functions that take one."""

import unicodedata

import pandas as pd

#: The parts of a split, and what folders and columns may call them.
PARTS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
PART_OF_NAME = {name: part for part, names in PARTS.items() for name in names}


def normalize(text: str) -> str:
    """Return a name in the Unicode form that names are compared in (NFC)."""
    return unicodedata.normalize("NFC", text)


def validate_catalogue(catalogue: pd.DataFrame) -> pd.DataFrame:
    """Check a catalogue, and complete it.

    Parameters
    ----------
    catalogue : DataFrame
        With columns `path` and `label`, and perhaps `pair` and `split`.

    Returns
    -------
    catalogue : DataFrame
        With a column `pair`, in which each image is a pair of its own if there was none; no
        column is categorical.

    Raises
    ------
    TypeError
        If it is no DataFrame.
    ValueError
        If a column is missing, there are no rows, or a value is.
    """
    if not isinstance(catalogue, pd.DataFrame):
        raise TypeError(
            f"a catalogue must be a DataFrame as load_catalogue returns it, not a "
            f"{type(catalogue).__name__}"
        )
    for column in ("path", "label"):
        if column not in catalogue.columns:
            raise ValueError(
                f"the catalogue has no column {column!r}, only {catalogue.columns.tolist()}; it "
                "must have 'path' and 'label', and 'pair' for images that belong together"
            )
    if not len(catalogue):
        raise ValueError("the catalogue has no rows: there are no images in it")
    if "pair" not in catalogue.columns:
        catalogue = catalogue.assign(pair=catalogue.path.map(str))
    columns = [name for name in ("path", "label", "pair", "split") if name in catalogue.columns]
    for column in columns:
        is_missing = catalogue[column].isna().to_numpy()
        if is_missing.any():
            raise ValueError(
                f"{is_missing.sum()} of {len(catalogue)} rows of the catalogue have no {column} "
                f"(the first: row {catalogue.index[is_missing][0]}); fill them in or drop them"
            )
        if isinstance(catalogue[column].dtype, pd.CategoricalDtype):
            catalogue = catalogue.assign(**{column: catalogue[column].astype(object)})
    if "split" in catalogue.columns and (unknown := set(catalogue.split) - set(PARTS)):
        raise ValueError(
            f"the column split holds {sorted(map(str, unknown))[0]!r}; only {', '.join(PARTS)} "
            "are allowed"
        )
    return catalogue
