"""What a store says about the states of files, asked for with few requests."""

import os
import posixpath
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from skcomic.images.remote import Stores, in_parallel
from skcomic.images.urls import absolute_path, archive_of, is_http, is_url, parent_url

# What stores call the tag of a state of a file (S3 and HTTP; Google and Azure), and the time of
# its last change.
_TAGS = ("ETag", "etag")
_TIMES = ("LastModified", "Last-Modified", "last_modified", "updated", "mtime", "modified")

Facts = Mapping[str, Any]


class RemoteState(NamedTuple):
    """The state of a file in a store, which changes with it.

    Parameters
    ----------
    name : bytes
        Its URL.
    version : bytes
        Its tag, or its size and the time of its last change.
    changed : int
        That time, in nanoseconds since 1970, if a change soon after it could have the same
        `version`; else 0.
    """

    name: bytes
    version: bytes
    changed: int


def look_up(urls: Sequence[str]) -> list[Facts | OSError | None]:
    """Ask stores about files: by one listing of each folder, of a web server by one for each.

    Parameters
    ----------
    urls : sequence of str
        Files in stores, or archives.

    Returns
    -------
    answers : list of mapping, OSError or None
        What ``fsspec.AbstractFileSystem.info`` returns; None for a file that does not exist; the
        error if the store cannot be asked.
    """
    stores = Stores()
    rows_of_folder = defaultdict(list)
    for row, url in enumerate(urls):
        rows_of_folder[parent_url(url) if is_url(url) and not is_http(url) else ""].append(row)
    single = rows_of_folder.pop("", [])
    folders = [folder for folder, rows in rows_of_folder.items() if len(rows) > 1]
    answers: list[Facts | OSError | None] = [None] * len(urls)
    listings = in_parallel(lambda folder: _ask(stores, folder, "ls"), folders)
    for folder, listing in zip(folders, listings, strict=True):
        rows = rows_of_folder.pop(folder)
        if isinstance(listing, PermissionError):  # its files may be readable
            single += rows
            continue
        files = {} if isinstance(listing, OSError | None) else _files_by_name(listing)
        for row in rows:
            found = files.get(_last_part(urls[row].partition("::")[0]))
            answers[row] = listing if isinstance(listing, OSError) else found
    single += [row for rows in rows_of_folder.values() for row in rows]
    asked = in_parallel(lambda row: _ask(stores, urls[row], "info"), single)
    for row, facts in zip(single, asked, strict=True):
        is_folder = isinstance(facts, Mapping) and facts["type"] == "directory"
        answers[row] = None if is_folder else facts
    return answers


def remote_sizes(urls: Sequence[str]) -> list[int | None]:
    """Ask stores for the sizes of files, in bytes; None where one is not known."""
    return [facts.get("size") if isinstance(facts, Mapping) else None for facts in look_up(urls)]


def remote_states(urls: Sequence[str]) -> list[RemoteState | None]:
    """Ask stores for the states of files.

    Parameters
    ----------
    urls : sequence of str
        Files in stores; the state of a file in an archive is that of the archive.

    Returns
    -------
    states : list of RemoteState or None
        None for a file that does not exist, and where a store does not tell enough.
    """
    names = [absolute_path(url) for url in urls]
    asked = [_outermost(name) for name in names]
    distinct = list(dict.fromkeys(asked))
    versions = dict(zip(distinct, map(_version, distinct, look_up(distinct)), strict=True))
    return [
        None if (version := versions[url]) is None else RemoteState(os.fsencode(name), *version)
        for name, url in zip(names, asked, strict=True)
    ]


def _outermost(url: str) -> str:
    """Return the file in a store that a URL points to or into."""
    while archive := archive_of(url):
        url = archive
    return url


def _ask(stores: Stores, url: str, method: str) -> Any:
    arguments = {"detail": True} if method == "ls" else {}
    try:
        return stores.ask(url, method, **arguments)
    except FileNotFoundError:
        return None
    except OSError as error:
        return error
    except (ImportError, ValueError) as error:
        return OSError(str(error))


def _files_by_name(listing: list[Facts]) -> dict[str, Facts]:
    return {_last_part(facts["name"]): facts for facts in listing if facts["type"] == "file"}


def _last_part(path: str) -> str:
    return posixpath.basename(path)


def _version(url: str, facts: Facts | OSError | None) -> tuple[bytes, int] | None:
    """Return what names the state of a file, and since when, as `RemoteState` has them."""
    if facts is None or isinstance(facts, OSError):
        return None
    tag = next((str(facts[name]) for name in _TAGS if facts.get(name)), "")
    tag = tag.removeprefix("W/").strip('"')
    size = facts.get("size")
    if tag and not is_http(url):  # by listing and by asking for one, times differ in precision
        return f"{tag}|{size}".encode(), 0
    changed = next((_nanoseconds(facts[name]) for name in _TIMES if facts.get(name)), None)
    if changed is None or size is None:
        return (f"{tag}|{size}".encode(), 0) if tag else None
    # Web servers make tags of times, too, and these are of whole seconds.
    return f"{tag}|{size}|{changed}|{facts.get('ino', '')}".encode(), changed


def _nanoseconds(value: Any) -> int | None:
    """Return a time in nanoseconds since 1970; None if it is in a form that is not known."""
    from email.utils import parsedate_to_datetime

    try:
        if isinstance(value, str):
            is_iso = value[:4].isdigit()
            value = datetime.fromisoformat(value) if is_iso else parsedate_to_datetime(value)
        seconds = value.timestamp() if isinstance(value, datetime) else float(value)
    except (TypeError, ValueError):
        return None
    return int(seconds * 1_000_000_000)
