"""Images in stores: S3, web servers, archives and memory, read as local files are."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import fsspec
import joblib
import numpy as np
import pandas as pd
import pytest
from stores import S3, draw, s3_server, settle, web_server

from skcomic import (
    ImageReadError,
    ImageVectorizer,
    cache_info,
    check_catalogue,
    join_duplicates,
    load_catalogue,
    read_raster,
)
from skcomic.images.cache import file_state, file_states
from skcomic.images.remote import START_BYTES
from skcomic.images.urls import absolute_path, file_path, join_url, parent_url, path_within


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that is not an image of a class beside those that are."""
    root = tmp_path_factory.mktemp("local")
    names = ["1.png", "a b#2.png", "100%.png", "ä.png", "2023/may/1.png", "no suffix"]
    for seed, name in enumerate(names):
        draw(root / "cats" / name, seed)
        draw(root / "dogs" / name, 100 + seed)
    shutil.copy(root / "cats" / "1.png", root / "dogs" / "again.png")
    (root / "cats" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (root / "cats" / "empty.png").touch()
    for name in ("notes.txt", "cats/.hidden.png", "cats/notes.txt", "cats/@eaDir/1.png"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("no image")
    settle(*root.rglob("*"))
    return root


@pytest.fixture(params=["memory", "zip", "tar", "file", "s3", "http"])
def copied(request: pytest.FixtureRequest, local: Path, tmp_path: Path) -> Iterator[str]:
    """The URL of a copy of that folder."""
    with ExitStack() as stack:
        match request.param:
            case "memory":
                fsspec.filesystem("memory").put(str(local), "/local", recursive=True)
                stack.callback(fsspec.filesystem("memory").rm, "/local", recursive=True)
                yield "memory://local"
            case "zip":
                with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
                    for path in local.rglob("*"):
                        archive.write(path, path.relative_to(local))
                yield f"zip://::{tmp_path / 'a.zip'}"
            case "tar":
                with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
                    archive.add(local, "top")
                yield f"tar://top::{tmp_path / 'a.tar.gz'}"
            case "file":
                yield f"file://{local}"
            case "s3":
                server = request.getfixturevalue("s3")
                server.files().put(str(local), "bucket/local", recursive=True)
                yield "s3://bucket/local"
            case "http":
                yield stack.enter_context(web_server(local)).url


def test_a_copied_folder_is_that_of_the_disk(copied: str, local: Path) -> None:
    there, here = load_catalogue(copied), load_catalogue(local)
    pd.testing.assert_frame_equal(there.drop(columns="path"), here.drop(columns="path"))
    assert there.attrs["skipped"] == here.attrs["skipped"]
    assert there.attrs["skipped"]["hidden file"] == 1
    by_name = {"pair": lambda path: f"{path.parent.name}/{path.stem}"}
    assert load_catalogue(copied, **by_name).pair.tolist()[0] == "cats/1"

    with joblib.parallel_config(backend="loky"):  # connections cannot be sent to processes
        problems = check_catalogue(there, n_jobs=2)
    expected = check_catalogue(here)
    pd.testing.assert_frame_equal(problems.drop(columns="path"), expected.drop(columns="path"))
    assert {"empty", "unreadable", "duplicate"} <= set(problems.kind)
    is_good = ~here.path.isin(expected.path[expected.kind.isin(["empty", "unreadable"])])
    joined = join_duplicates(there[is_good])
    assert joined.pair.tolist() == join_duplicates(here[is_good]).pair.tolist()
    rows = ImageVectorizer(16, n_jobs=2).transform(there[is_good])
    np.testing.assert_array_equal(rows, ImageVectorizer(16).transform(here[is_good]))


def test_a_second_reading_gets_no_object_and_a_changed_one_is_noticed(
    s3: S3, local: Path, tmp_path: Path
) -> None:
    files = s3.files()
    for number in range(30):
        path = draw(tmp_path / "images" / f"{number}.png", number)
        files.put(str(path), f"bucket/{'ab'[number % 2]}/{number}.png")
    urls = [f"s3://bucket/{'ab'[number % 2]}/{number}.png" for number in range(30)]
    vectorizer = ImageVectorizer(8, cache=tmp_path / "cache", n_jobs=2)
    here = [tmp_path / "images" / f"{number}.png" for number in range(30)]
    expected = ImageVectorizer(8).transform(here)

    s3.requests.clear()
    np.testing.assert_array_equal(vectorizer.transform(urls), expected)
    assert s3.count("GET", objects=True) == 30
    # The two folders, before and after.
    assert (s3.count("GET", objects=False), s3.count("HEAD", objects=True)) == (4, 0)

    s3.requests.clear()
    np.testing.assert_array_equal(vectorizer.transform(urls), expected)
    assert len(s3.requests) == s3.count("GET", objects=False) == 2

    files.put(str(draw(tmp_path / "images" / "7.png", 700)), "bucket/b/7.png")
    s3.requests.clear()
    changed = vectorizer.transform(urls)
    assert s3.count("GET", objects=True) == 1
    np.testing.assert_array_equal(changed, ImageVectorizer(8).transform(here))
    assert (changed[7] != expected[7]).any()


def test_bad_objects_fail_by_name_and_the_others_are_stored(s3: S3, tmp_path: Path) -> None:
    good = draw(tmp_path / "good.png").read_bytes()
    files = s3.files()
    contents = {"0": good, "1": b"a text", "2": good, "3": b"", "5": good[:-40], "6": good}
    for name, content in contents.items():
        files.pipe_file(f"bucket/{name}.png", content)
    urls = [f"s3://bucket/{name}.png" for name in range(7)]
    vectorizer = ImageVectorizer(8, cache=tmp_path / "cache", n_jobs=2)
    with pytest.raises(ImageReadError, match="4 of 7 images") as caught:
        vectorizer.transform(urls)
    assert [(failure.path, failure.kind) for failure in caught.value.failures] == [
        (urls[1], "not an image"), (urls[3], "empty"), (urls[4], "missing"),
        (urls[5], "truncated"),
    ]  # fmt: skip
    assert cache_info(tmp_path / "cache")["rasters"] == 3
    s3.requests.clear()
    vectorizer.transform([urls[0], urls[2], urls[6]])
    assert s3.count("GET", objects=True) == 0


def test_a_store_that_is_busy_is_asked_again(s3: S3, tmp_path: Path) -> None:
    s3.files().pipe_file("bucket/a.png", draw(tmp_path / "a.png").read_bytes())
    s3.n_busy = 1
    raster = read_raster("s3://bucket/a.png", (8, 8))
    np.testing.assert_array_equal(raster, read_raster(tmp_path / "a.png", (8, 8)))
    assert s3.n_busy == 0


def test_what_cannot_be_reached_is_named(s3: S3, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no 's3://no-bucket/a'"):
        load_catalogue("s3://no-bucket/a")
    with pytest.raises(ImageReadError) as caught:
        ImageVectorizer(8).transform(["s3://no-bucket/a.png"])
    assert caught.value.failures[0][:2] == ("s3://no-bucket/a.png", "missing")

    files = s3.files()
    files.pipe_file("bucket/cats/1.png", draw(tmp_path / "a.png").read_bytes())
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    files.call_s3("put_bucket_policy", Bucket="bucket", Policy=policy)
    with pytest.raises(ImageReadError) as caught:
        ImageVectorizer(8).transform(["s3://bucket/cats/1.png"])
    assert caught.value.failures[0][:2] == ("s3://bucket/cats/1.png", "permission")
    files.call_s3("delete_bucket_policy", Bucket="bucket")

    with pytest.raises(ValueError, match="'nowhere://a' cannot be read: Protocol not known"):
        load_catalogue("nowhere://a")


@pytest.mark.slow
def test_a_host_that_is_not_there_is_not_asked_for_every_image() -> None:
    urls = [f"http://127.0.0.1:9/{number}.png" for number in range(400)]
    with pytest.raises(ImageReadError, match="400 of 400 images") as caught:
        ImageVectorizer(8, n_jobs=2).transform(urls)
    assert {failure.kind for failure in caught.value.failures} == {"connection"}
    assert caught.value.failures[-1].reason.startswith("was not tried")
    with pytest.raises(ConnectionError, match=r"'http://127\.0\.0\.1:9/a' cannot be read"):
        load_catalogue("http://127.0.0.1:9/a")


def test_a_web_server_that_drops_connections_gives_all_images_in_order(tmp_path: Path) -> None:
    paths = [draw(tmp_path / f"{number}.png", number) for number in range(80)]
    with web_server(tmp_path, drop_every=10) as server:
        urls = [f"{server.url}/{path.name}" for path in paths]
        rows = ImageVectorizer(8, n_jobs=2).transform(urls)
        assert server.n_gets > 80
    np.testing.assert_array_equal(rows, ImageVectorizer(8).transform(paths))


def test_repetitions_are_bounded_and_refusals_final(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    with web_server(tmp_path, drop_every=1) as server:
        urls = [f"{server.url}/{name}" for name in ("a.png", "denied.png", "missing.png")]
        with pytest.raises(ImageReadError) as caught:
            ImageVectorizer(8).transform(urls)
        kinds = [failure.kind for failure in caught.value.failures]
        assert kinds == ["connection", "permission", "missing"]
        counts = [server.requests.count(("GET", f"/{file_path(url).name}")) for url in urls]
        assert counts == [5, 1, 1]


def test_what_a_web_server_does_not_tell_is_not_kept(tmp_path: Path) -> None:
    path = draw(tmp_path / "web" / "a.png")
    settle(path)
    vectorizer = ImageVectorizer(8, cache=tmp_path / "cache")
    with web_server(tmp_path / "web") as server:
        urls = [f"{server.url}/a.png"]

        def n_gets() -> int:
            server.requests.clear()
            np.testing.assert_array_equal(
                vectorizer.transform(urls), ImageVectorizer(8).transform([path])
            )
            return server.requests.count(("GET", "/a.png"))

        assert [n_gets(), n_gets()] == [1, 0]
        # Within the same second, of the same size: only its age could tell.
        for _ in range(2):
            draw(path, seed=1)
            assert n_gets() == 1
        server.hidden_headers.add("Last-Modified")
        assert [n_gets(), n_gets()] == [1, 1]
        assert file_state(urls[0]) is None


def test_another_archive_of_the_same_name_is_noticed(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    url = f"zip://cats/1.png::{archive}"
    vectorizer = ImageVectorizer(8, cache=tmp_path / "cache")
    n_decodes = []
    for seed in (1, 2):
        path = draw(tmp_path / "1.png", seed)
        with zipfile.ZipFile(archive, "w") as opened:
            opened.write(path, "cats/1.png")
        os.utime(archive, (time.time() - 100 + seed,) * 2)
        for _ in range(2):
            rows = vectorizer.transform([url])
            np.testing.assert_array_equal(rows, ImageVectorizer(8).transform([path]))
        n_decodes.append(cache_info(tmp_path / "cache")["decodes"])
    assert n_decodes == [1, 2]


def test_a_large_file_is_read_in_full_only_if_it_is_an_image(s3: S3, tmp_path: Path) -> None:
    from PIL import Image

    levels = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), dtype=np.uint8)
    Image.fromarray(levels).save(tmp_path / "large.bmp")
    assert (tmp_path / "large.bmp").stat().st_size > START_BYTES
    files = s3.files()
    files.put(str(tmp_path / "large.bmp"), "bucket/large.bmp")
    files.pipe_file("bucket/film.bmp", bytes(START_BYTES + 1))
    raster = read_raster("s3://bucket/large.bmp", (8, 8))
    np.testing.assert_array_equal(raster, read_raster(tmp_path / "large.bmp", (8, 8)))
    s3.requests.clear()
    with pytest.raises(ImageReadError, match="not an image"):
        read_raster("s3://bucket/film.bmp", (8, 8))
    assert s3.count("GET", objects=True) == 1


def test_another_server_in_the_environment_is_asked(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.files().pipe_file("bucket/a.png", draw(tmp_path / "a.png").read_bytes())
    read_raster("s3://bucket/a.png", (8, 8))
    with s3_server() as other:
        monkeypatch.setenv("AWS_ENDPOINT_URL", other.environment["AWS_ENDPOINT_URL"])
        s3.requests.clear()
        read_raster("s3://bucket/a.png", (8, 8))  # both servers hold the same objects
        assert (len(s3.requests), other.count("GET", objects=True)) == (0, 1)


def test_tables_name_files_in_stores(s3: S3, tmp_path: Path) -> None:
    files = s3.files()
    rows = ["path,label"]
    for number in range(4):
        path = draw(tmp_path / f"{number}.png", number)
        files.put(str(path), f"bucket/images/{number}.png")
        rows.append(f"../images/{number}.png,{'cats' if number < 2 else 'dogs'}")
    files.pipe_file("bucket/tables/a.csv", "\n".join(rows).encode())
    s3.requests.clear()
    catalogue = load_catalogue("s3://bucket/tables/a.csv")
    urls = [f"s3://bucket/images/{number}.png" for number in range(4)]
    assert catalogue.path.tolist() == urls
    assert catalogue.label.tolist() == ["cats", "cats", "dogs", "dogs"]
    assert not any("/images/" in path for _, path in s3.requests)  # one listing for all

    named = tmp_path / "a.csv"
    named.write_text("\n".join(["path,label", *(f"{url},{n % 2}" for n, url in enumerate(urls))]))
    assert load_catalogue(named).path.tolist() == urls
    named.write_text(named.read_text() + "\ns3://bucket/images/9.png,1\n")
    with pytest.raises(
        ValueError, match=r"1 files that do not exist: 's3://bucket/images/9\.png'"
    ):
        load_catalogue(named)


def test_states_change_with_objects_and_are_the_same_however_they_are_asked_for(s3: S3) -> None:
    files = s3.files()
    for name in "abc":
        files.pipe_file(f"bucket/x/{name}", name.encode())
    urls = [f"s3://bucket/x/{name}" for name in "abcd"]
    states = file_states(urls)
    assert states == [file_state(url) for url in urls]
    assert len(set(states[:3])) == 3
    assert states[3] is None
    files.pipe_file("bucket/x/b", b"B")
    assert [old == new for old, new in zip(states, file_states(urls), strict=True)] == [
        True, False, True, True,
    ]  # fmt: skip


def test_local_files_need_no_package_for_stores(local: Path) -> None:
    program = (
        "import sys; from skcomic import ImageVectorizer, load_catalogue\n"
        f"catalogue = load_catalogue({str(local)!r})\n"
        "ImageVectorizer(8, on_error='nan', cache=sys.argv[1]).transform(catalogue)\n"
        "print({'fsspec', 'aiohttp'} & set(sys.modules))"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(local.parent / "cache")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def test_the_text_of_urls() -> None:
    assert join_url("s3://bucket/a", "../b/1.jpg") == "s3://bucket/b/1.jpg"
    assert join_url("zip://::x.zip", "b/1.jpg") == "zip://b/1.jpg::x.zip"
    assert parent_url("zip://b/1.jpg::s3://c/x.zip") == "zip://b::s3://c/x.zip"
    assert parent_url("s3://bucket/1.jpg") == "s3://bucket"
    assert file_path("http://host/a%20b.JPG").name == "a b.JPG"
    assert file_path("zip://b/1.jpg::/x/y.zip") == Path("b/1.jpg")
    assert path_within("zip://b/c/1.jpg::x.zip", "zip://b::x.zip") == "c/1.jpg"
    assert absolute_path("zip://1.jpg::x.zip") == f"zip://1.jpg::{Path.cwd() / 'x.zip'}"
    assert absolute_path("s3://bucket//a") == "s3://bucket//a"
