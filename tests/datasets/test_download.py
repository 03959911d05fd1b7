"""Downloading from a server that fails, and what is reported of its progress."""

import hashlib
import re
import time

import pytest
from release_server import COMICS, FACES, assert_whole, fetch, images, names, tar

from skcomic.datasets import _download, fetched


@pytest.mark.parametrize("sends_etag", [True, False])
def test_interrupted_download_is_resumed(release, tmp_path, sends_etag):
    release.cuts = 1
    release.sends_etag = sends_etag
    fetch(tmp_path)
    (_, first), (again, rest), (last, whole) = release.requested
    assert (first, again, last, whole) == (None, FACES, COMICS, None)
    start = int(re.fullmatch(r"bytes=(\d+)-", rest)[1])
    assert len(release.files[FACES]) // 4 < start <= len(release.files[FACES]) // 2
    assert_whole(tmp_path, release)


def test_redirected_download_is_resumed(release, tmp_path):
    release.cuts = 1
    release.moved = True
    fetch(tmp_path)
    assert [byte_range is None for _, byte_range in release.requested] == [True, False, True]
    assert_whole(tmp_path, release)


def test_next_call_resumes_where_the_last_one_failed(release, tmp_path):
    release.cuts = 1
    with pytest.raises(OSError, match="could not download"):
        fetch(tmp_path, n_retries=1)
    assert names(tmp_path) == {f"{FACES}.part", f"{FACES}.etag"}
    fetch(tmp_path, n_retries=1)
    assert release.requested[1][1].startswith("bytes=")
    assert_whole(tmp_path, release)


def test_part_of_another_archive_is_not_resumed(release, tmp_path):
    release.cuts = 1
    with pytest.raises(OSError, match="could not download"):
        fetch(tmp_path, n_retries=1)
    release.files[FACES] = tar(images("f"))
    fetch(tmp_path)
    assert len(release.requested) == 3
    archive = hashlib.sha256(release.files[FACES]).hexdigest()
    assert (tmp_path / f"{FACES}.sha256").read_text().startswith(archive)


@pytest.mark.parametrize("n_retries", [1, 3])
def test_download_fails_after_n_retries(release, tmp_path, n_retries):
    release.cuts = 1000
    with pytest.raises(OSError, match="could not download") as raised:
        fetch(tmp_path, n_retries=n_retries)
    assert f"{fetched.BASE_URL}/v2.0.0/{FACES}" in str(raised.value)
    assert f"try {n_retries} of {n_retries}" in str(raised.value)
    assert str(tmp_path / FACES) in str(raised.value)
    assert len(release.requested) == n_retries
    assert names(tmp_path) == {f"{FACES}.part", f"{FACES}.etag"}


def test_server_that_ignores_ranges_sends_all_again(release, tmp_path):
    release.cuts = 1
    release.supports_ranges = False
    fetch(tmp_path)
    assert len(release.requested) == 3
    assert_whole(tmp_path, release)


def test_server_that_sends_another_range_sends_all_again(release, tmp_path):
    release.cuts = 1
    release.shift = 100
    fetch(tmp_path)
    assert [byte_range is None for _, byte_range in release.requested] == [True, False, True, True]
    assert_whole(tmp_path, release)


def test_range_that_ends_early_is_noticed(release, tmp_path):
    release.cuts = 1
    release.longest_range = len(release.files[FACES]) // 3
    fetch(tmp_path)
    assert len([name for name, _ in release.requested if name == FACES]) == 3
    assert_whole(tmp_path, release)


def test_part_that_is_too_long_is_discarded(release, tmp_path):
    (tmp_path / f"{FACES}.part").write_bytes(bytes(len(release.files[FACES])))
    fetch(tmp_path)
    assert [byte_range is None for _, byte_range in release.requested] == [False, True, True]
    assert_whole(tmp_path, release)


def test_unknown_length_is_no_error(release, tmp_path):
    release.sends_length = False
    fetch(tmp_path)
    assert_whole(tmp_path, release)


def test_request_is_repeated_after_a_server_error(release, tmp_path):
    release.statuses = [500, 503]
    fetch(tmp_path)
    assert len(release.requested) == 4
    assert_whole(tmp_path, release)


def test_missing_release_is_not_requested_again(release, tmp_path):
    del release.files[FACES]
    with pytest.raises(OSError, match=rf"could not download .*/v2\.0\.0/{FACES} .*404"):
        fetch(tmp_path)
    assert release.requested == [(FACES, None)]


def test_silent_server_times_out(release, tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "TIMEOUT", (1.0, 0.1))
    release.stalls = True
    with pytest.raises(OSError, match="timed out"):
        fetch(tmp_path, n_retries=2)
    assert len(release.requested) == 2


def test_no_server_is_an_error_with_advice(release, tmp_path, monkeypatch):
    monkeypatch.setattr(fetched, "BASE_URL", "http://127.0.0.1:9")  # the port "discard"
    with pytest.raises(OSError, match=r"check the connection and run again"):
        fetch(tmp_path)


def test_waits_between_tries(release, tmp_path):
    release.statuses = [503, 503]
    start = time.perf_counter()
    fetch(tmp_path, delay=0.1)
    assert time.perf_counter() - start > 0.2


def test_progress_is_reported_per_archive(release, tmp_path):
    reports = []
    fetch(tmp_path, on_progress=lambda *report: reports.append(report))
    assert list(dict.fromkeys(name for name, _, _ in reports)) == [FACES, COMICS]
    for archive in (FACES, COMICS):
        size = len(release.files[archive])
        counts = [n_bytes for name, n_bytes, _ in reports if name == archive]
        assert {total for name, _, total in reports if name == archive} == {size}
        assert counts[0] == 0
        assert counts[-1] == size
        assert counts == sorted(counts)
        assert set(range(0, size, 512)) <= set(counts)  # after each chunk


def test_progress_of_a_resumed_download_starts_where_it_ended(release, tmp_path):
    reports = []
    release.cuts = 1
    fetch(tmp_path, on_progress=lambda *report: reports.append(report))
    start = int(release.requested[1][1].removeprefix("bytes=").removesuffix("-"))
    counts = [n_bytes for name, n_bytes, _ in reports if name == FACES]
    assert counts.count(start) == 2  # the last report of the first try, the first of the second
    assert counts == sorted(counts)
    assert {total for name, _, total in reports if name == FACES} == {len(release.files[FACES])}


def test_progress_falls_to_zero_if_the_download_starts_from_scratch(release, tmp_path):
    reports = []
    release.cuts = 1
    release.supports_ranges = False
    fetch(tmp_path, on_progress=lambda *report: reports.append(report))
    counts = [n_bytes for name, n_bytes, _ in reports if name == FACES]
    again = counts.index(0, 1)
    assert counts[again - 1] > 0
    assert counts[:again] == sorted(counts[:again])
    assert counts[again:] == sorted(counts[again:])
    assert counts[-1] == len(release.files[FACES])


def test_progress_without_a_known_length(release, tmp_path):
    reports = []
    release.sends_length = False
    fetch(tmp_path, on_progress=lambda *report: reports.append(report))
    assert {total for _, _, total in reports} == {None}
    assert reports[-1] == (COMICS, len(release.files[COMICS]), None)


def test_error_in_on_progress_keeps_the_part(release, tmp_path):
    def stop(name: str, n_bytes: int, total: int | None) -> None:
        if n_bytes >= 1024:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path, on_progress=stop)
    assert (tmp_path / f"{FACES}.part").stat().st_size == 1024
    fetch(tmp_path)
    assert release.requested[1] == (FACES, "bytes=1024-")
    assert_whole(tmp_path, release)


def test_full_disk_while_downloading_names_the_file(release, tmp_path, largest_file):
    with largest_file(4000), pytest.raises(OSError, match=rf"File too large.*{FACES}\.part"):
        fetch(tmp_path)
    assert (tmp_path / f"{FACES}.part").stat().st_size == 4000
    fetch(tmp_path)
    assert release.requested[1] == (FACES, "bytes=4000-")
    assert_whole(tmp_path, release)
