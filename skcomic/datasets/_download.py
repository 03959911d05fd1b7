"""Downloads that resume where they were interrupted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skcomic._files import write_file

CHUNK_BYTES = 2**16
TIMEOUT = (10.0, 60.0)  # seconds to connect, and to wait for the next bytes
RETRIED_STATUSES = {408, 416, 429}  # of the 4xx ones, which are final otherwise

# Called with the name of the file, the bytes so far, and the bytes in all if they are known.
OnProgress = Callable[[str, int, int | None], None]


def download(
    url: str, path: Path, *, n_retries: int, delay: float, on_progress: OnProgress | None = None
) -> None:
    """Download a file by pooch, or the rest of it where ``{name}.part`` exists."""
    try:
        import pooch  # noqa: F401
        import requests
    except ImportError as error:
        raise ImportError(
            f'to download data sets install pooch: pip install "skcomic[study]" ({error})'
        ) from error

    part = path.with_name(f"{path.name}.part")
    for attempt in range(1, n_retries + 1):
        try:
            _download_rest(url, part, on_progress)
            break
        except requests.RequestException as error:
            status = 0 if error.response is None else error.response.status_code
            is_permanent = 400 <= status < 500 and status not in RETRIED_STATUSES
            if is_permanent or attempt == n_retries:
                raise OSError(
                    f"could not download {url} (try {attempt} of {n_retries}: {error}); check "
                    "the connection and run again, which resumes the download, or save the file "
                    f"yourself as {path}"
                ) from error
        time.sleep(delay)
    part.replace(path)


def _download_rest(url: str, part: Path, on_progress: OnProgress | None) -> None:
    """Append the missing bytes to `part` in one request; on failure it keeps what was received."""
    import pooch
    import requests

    # The ETag of the file that the part belongs to, so that no other version is appended to it.
    etag_file = part.with_suffix(".etag")
    with named_errors(part), part.open("ab") as file:
        start = file.tell()
        responses: list[requests.Response] = []

        def on_response(response: requests.Response, **_: Any) -> None:
            responses.append(response)
            resumes = response.status_code == 206 and _range(response)[0] == start
            if response.status_code in {200, 206, 416} and not resumes:
                file.seek(0)
                file.truncate()
            if response.status_code == 200:
                write_file(etag_file, response.headers.get("ETag", ""))
            if response.status_code == 206 and not resumes:
                raise requests.ConnectionError(
                    "the server sent another range than the requested one"
                )
            if response.status_code in {200, 206}:
                report()

        def report() -> None:
            if on_progress is not None:
                on_progress(part.stem, file.tell(), _total(responses[-1]))

        headers = {"Accept-Encoding": "identity"}  # so that lengths count the bytes of the file
        if start:
            headers["Range"] = f"bytes={start}-"
            if etag_file.exists() and (etag := etag_file.read_text()):
                headers["If-Range"] = etag
        fetch_rest = pooch.HTTPDownloader(
            progressbar=_PoochBar(report),
            chunk_size=CHUNK_BYTES,
            timeout=TIMEOUT,
            headers=headers,
            hooks={"response": on_response},
        )
        try:
            fetch_rest(url, file, None)
        finally:
            for response in responses:
                response.close()
        # Not every version of requests raises when a connection ends early.
        if (total := _total(responses[-1])) not in {None, file.tell()}:
            raise requests.ConnectionError(f"got {file.tell()} of {total} bytes")
    etag_file.unlink(missing_ok=True)


def _range(response: Any) -> tuple[int, int] | tuple[None, None]:
    """(first byte, length of the whole file) from the header Content-Range."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    return (int(found[1]), int(found[2])) if found else (None, None)


def _total(response: Any) -> int | None:
    if response.status_code == 206:
        return _range(response)[1]
    length = response.headers.get("Content-Length")
    return int(length) if length else None


class _PoochBar:
    """The progress bar that pooch expects; it calls a function after each chunk.

    The function gets no count, because pooch counts from zero when a download is resumed.
    """

    total = 0  # set by pooch to the number of remaining bytes

    def __init__(self, report: Callable[[], None]) -> None:
        self.report = report

    def update(self, n_bytes: int) -> None:  # noqa: ARG002
        self.report()

    def reset(self) -> None:
        """Do nothing: pooch calls it only to set the bar to its end."""

    def close(self) -> None:
        """Do nothing: the last chunk is reported."""


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Add the path to an OSError that has none, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
