"""Where files are written to: only regular files are replaced."""

import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from skcomic._files import atomic_write, write_file


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_file(pipe, "text")
    reader.join(10)
    assert read == [b"text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_devices_stay_devices(tmp_path: Path) -> None:
    device = tmp_path / "null"  # not the system's own, which a mistake here would replace
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        device.write_bytes(b"")
    except PermissionError:
        pytest.skip("only root can make a device, where the file system allows it")
    write_file(device, "text")
    assert stat.S_ISCHR(device.stat().st_mode)


def test_standard_output_is_written_to() -> None:
    program = "from pathlib import Path; from skcomic._files import write_file\n"
    program += "write_file(Path('/dev/stdout'), 'text')"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert result.stdout == b"text"


def test_sockets_and_folders_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # the names of sockets are short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        with pytest.raises(OSError, match="cannot write it: it is neither a file nor a pipe"):
            write_file(Path("socket"), "text")
    with pytest.raises(OSError, match="cannot write it: it is a folder"):
        write_file(tmp_path, "text")


@pytest.mark.parametrize("exists", [True, False])
def test_links_are_followed(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "file", tmp_path / "link"
    link.symlink_to(target)
    if exists:
        target.write_text("former")
    write_file(link, "text")
    assert link.is_symlink()
    assert target.read_text() == "text"
    assert not target.is_symlink()
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["file"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444])
def test_the_mode_of_a_file_stays(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.write_text("former")
    path.chmod(mode)
    write_file(path, "text")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_text() == "text"


def test_the_owner_of_a_file_stays(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    path = tmp_path / "file"
    path.write_text("former")
    os.chown(path, 1234, 2345)
    write_file(path, "text")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_follows_the_umask(tmp_path: Path, umask: int) -> None:
    program = f"import os; os.umask({umask}); from pathlib import Path\n"
    program += "from skcomic._files import write_file; write_file(Path('file'), 'text')"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


def test_an_error_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("former")

    def write_and_fail() -> None:
        with atomic_write(path) as file:
            file.write(b"text")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert path.read_text() == "former"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    with pytest.raises(OSError, match=r"cannot write it: No such file or directory.*nowhere"):
        write_file(tmp_path / "nowhere" / "file", "text")
