"""C of a plan, compiled and run: to be compared with the model, and to be measured."""

import shutil
import subprocess
import tempfile
import weakref
from pathlib import Path

import numpy as np

from skcomic.exports.source import Predict

_MAIN = """\
#include <stdio.h>
#include "model.c"

int main(void)
{
    static float row[SKCOMIC_N_PIXELS], probabilities[SKCOMIC_N_CLASSES];

    while (fread(row, sizeof row, 1, stdin) == 1) {
        skcomic_predict_row(row, probabilities);
        fwrite(probabilities, sizeof probabilities, 1, stdout);
    }
    return 0;
}
"""


def compile_c(content: bytes, folder: Path) -> Path:
    """Compile a file of `plan_to_c` to a program.

    Parameters
    ----------
    content : bytes
        Of `plan_to_c`.
    folder : Path
        An existing one, for the program and its source.

    Returns
    -------
    program : Path
        It reads rows of float32 from standard input, and writes probabilities to its output.

    Raises
    ------
    FileNotFoundError
        If there is no C compiler.
    ValueError
        If it refuses the file.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise FileNotFoundError(
            "C cannot be checked without a compiler: install one (cc), or pass check=None "
            "(--no-check)"
        )
    (folder / "model.c").write_bytes(content)
    (folder / "main.c").write_text(_MAIN)
    command = [compiler, "-std=c99", "-O2", "-o", "predict", "main.c", "-lm"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if result.returncode != 0:
        raise ValueError(f"the C compiler failed: {result.stderr}")
    return folder / "predict"


def open_c(content: bytes) -> Predict:
    """Compile a file of `plan_to_c`, to be run.

    Parameters
    ----------
    content : bytes
        Of `plan_to_c`.

    Returns
    -------
    predict : callable
        Takes rows of shape (n_images, n_pixels), float32, of grey levels in [0, 1]; returns
        probabilities of shape (n_images, n_classes), float32. Each call starts the program.

    Raises
    ------
    FileNotFoundError, ValueError
        As `compile_c` does.
    """
    folder = tempfile.mkdtemp(prefix="skcomic-")
    n_pixels, n_classes = (read_macro(content, name) for name in ("N_PIXELS", "N_CLASSES"))

    def predict(rows: np.ndarray) -> np.ndarray:
        rows = np.asarray(rows, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != n_pixels:
            raise ValueError(f"rows must have the shape (n, {n_pixels}), not {rows.shape}")
        result = subprocess.run([program], input=rows.tobytes(), capture_output=True, check=True)
        return np.frombuffer(result.stdout, np.float32).reshape(len(rows), n_classes)

    weakref.finalize(predict, shutil.rmtree, folder)
    program = compile_c(content, Path(folder))
    return predict


def read_macro(content: bytes, name: str) -> int:
    """Return a number that a file of `plan_to_c` defines as SKCOMIC_`name`."""
    return int(content.split(f"#define SKCOMIC_{name} ".encode())[1].split()[0])
