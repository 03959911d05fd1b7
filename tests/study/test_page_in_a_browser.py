"""The page of a study in a browser: headless Chromium, where there is one."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from skcomic import make_contenders, run_study
from skcomic.study.folder import prepare_folder
from skcomic.study.page import write_study

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium (Debian's package)"),
]

# Is run after the page's own script.
PROBE = """
<script>
const table = [...document.querySelectorAll("table.sortable")].find(
  (one) => one.tHead.textContent.includes("validation F"));
const heads = [...table.tHead.rows[0].cells];
const column = heads.findIndex((one) => one.textContent === "validation F");
const read = () => [...table.tBodies[0].rows].map((row) => row.cells[column].textContent);
const said = [read()];
for (const _ of [1, 2]) { heads[column].click(); said.push(read()); }
parent.postMessage(JSON.stringify({
  said, width: window.innerWidth, reach: document.documentElement.scrollWidth,
  ground: getComputedStyle(document.body).backgroundColor,
}), "*");
</script>
"""
# The window of headless Chromium is never narrower than 500 pixels: a frame is. What the probe
# says becomes the title around it.
FRAME = """
<title></title><script>onmessage = (event) => { document.title = event.data; };</script>
<iframe src="probed.html" style="border: 0; width: WIDTHpx; height: 900px"></iframe>
"""


@pytest.fixture(scope="module")
def page(faces: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_contenders(16, families=["classic"], random_state=0)
    contenders = {name: made[name] for name in made if not name.startswith("patches")}
    study = run_study(faces, contenders=contenders, sizes=(16, 12), n_jobs=1)
    folder = tmp_path_factory.mktemp("page")
    prepare_folder(folder, {})
    assert write_study(study, folder) == []
    probed = (folder / "report.html").read_text().replace("</body>", f"{PROBE}</body>")
    (folder / "probed.html").write_text(probed)
    return folder


def browse(page: Path, width: int, *options: str) -> tuple[dict, str]:
    """Load the page; return what the probe says, and what the console does."""
    frame = page / "frame.html"
    frame.write_text(FRAME.replace("WIDTH", str(width)))
    result = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         f"--window-size={max(width, 500)},900", "--virtual-time-budget=3000", *options,
         "--dump-dom", frame.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", result.stdout)
    assert title is not None
    console = "\n".join(line for line in result.stderr.splitlines() if "CONSOLE" in line)
    return json.loads(title[1].replace("&amp;", "&")), console


@pytest.mark.parametrize("width", [380, 1400])
def test_tables_are_sorted_and_nothing_is_wider_than_the_screen(page: Path, width: int) -> None:
    said, console = browse(page, width)
    assert console == ""
    assert said["reach"] <= said["width"] == width
    before, ascending, descending = (list(map(float, column)) for column in said["said"])
    assert ascending == sorted(before)
    assert descending == sorted(before, reverse=True)


def test_the_theme_is_that_of_the_reader(page: Path) -> None:
    light, _ = browse(page, 900)
    dark, _ = browse(page, 900, "--blink-settings=preferredColorScheme=0")
    assert light["ground"] == "rgba(0, 0, 0, 0)"
    assert dark["ground"] == "rgb(24, 26, 27)"
