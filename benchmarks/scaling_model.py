"""The cost model of `scaling.py`: seconds of a stage are a + b * n_images, and what follows."""

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.optimize import nnls

HELD_OUT = 1_000_000
FITTED = 1_000, 10_000, 100_000
# Above 20,000 hashes they are compared by bands, and the number of comparisons grows by n**2.
OF_DUPLICATES = 30_000, 100_000, 300_000
DECODED, DECODED_CHECK = (256, 512, 1024), 768
JPEG_SIDE, N_JPEG = 1024, 400

N_IMAGES = 10_000_000, 100_000_000
N_CORES = 16, 64, 256
EPOCHS, FOLDS = 10, 5
NETS = "train sgd", "train small_3_4_1", "train small_3_2_2", "train 16_max_1"

HOUR, GB = 3600, 1e9


class Model:
    """Lines through the measured points.

    Parameters
    ----------
    measured : dict
        As `measure` writes it.
    """

    def __init__(self, measured: dict[str, Any]) -> None:
        self.bytes: dict[str, float] = measured["bytes"]
        self._points = {
            (each["stage"], each["side"], each["n_images"]): each for each in measured["points"]
        }

    def has(self, stage: str, side: int, n_images: int) -> bool:
        """Return whether a point was measured."""
        return (stage, side, n_images) in self._points

    def measured(self, stage: str, side: int, n_images: int, what: str = "cpu") -> float:
        """Return a measured value."""
        return self._points[stage, side, n_images][what]

    def fit(self, stage: str, side: int, what: str = "cpu") -> np.ndarray:
        """Return a and b, of the counts below the one that is held out."""
        counts = [n for n in FITTED if self.has(stage, side, n)]
        return fit_powers(counts, [self.measured(stage, side, n, what) for n in counts], 1)

    def fit_duplicates(self) -> np.ndarray:
        """Return a, b and c of the parabola of the comparison of hashes."""
        seconds = [self.measured("duplicates", 32, n) for n in OF_DUPLICATES]
        return fit_powers(OF_DUPLICATES, seconds, 2)

    def predict(self, stage: str, side: int, n_images: int) -> float:
        """Return the CPU seconds of a stage by the model."""
        if stage == "duplicates":
            return float(self.fit_duplicates() @ [1, n_images, float(n_images) ** 2])
        return float(self.fit(stage, side) @ [1, n_images])

    def per_image(self, stage: str, side: int) -> float:
        """Return CPU seconds of each further image."""
        if stage == "decode":
            return self.measured(stage, JPEG_SIDE, N_JPEG) / N_JPEG
        return float(self.fit(stage, side)[1])


def fit_powers(x: Sequence[float], y: Sequence[float], degree: int) -> np.ndarray:
    """Fit a polynomial without negative coefficients; errors count in shares of `y`."""
    columns = np.vander(x, degree + 1, increasing=True).astype(float)
    scale = columns.max(axis=0)
    return nnls(columns / scale / np.array(y)[:, np.newaxis], np.ones(len(y)))[0] / scale


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table of reStructuredText."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    print(rule, lines[0], rule, *lines[1:], rule, sep="\n", end="\n\n")


def print_model(measured: dict[str, Any], bandwidth: float, overhead: float) -> None:
    """Print all tables.

    Parameters
    ----------
    measured : dict
        As `measure` writes it.
    bandwidth : float
        Bytes a second of the storage that all cores share.
    overhead : float
        Seconds of the scheduler for each task.
    """
    model = Model(measured)
    print_stages(model)
    print_check(model)
    print_duplicates(model)
    print_decoding(model)
    print_storage(model, bandwidth)
    for n_images in N_IMAGES:
        print_plan(model, n_images, bandwidth)
    print_search(model)
    print_tasks(model, overhead)


def print_stages(model: Model) -> None:
    """Print the points and the lines through them."""
    stages = dict.fromkeys((stage, side) for stage, side, n in model._points if n == FITTED[0])
    rows = []
    for stage, side in stages:
        a, b = model.fit(stage, side)
        seconds = [
            f"{model.measured(stage, side, n):.3g}" if model.has(stage, side, n) else "-"
            for n in FITTED
        ]
        rows.append([stage, side, *seconds, f"{a:.2g}", f"{b * 1e6:.1f}"])
    print("CPU seconds of the counts that are fitted, a in s, b in us an image")
    print_table(["stage", "side", *(f"{n:,}" for n in FITTED), "a", "b"], rows)


def print_check(model: Model) -> None:
    """Print what the lines say of the count that was held out, and what was measured."""
    rows = []
    for stage, side, n_images in model._points:
        if n_images != HELD_OUT:
            continue
        predicted = model.predict(stage, side, HELD_OUT)
        found = model.measured(stage, side, HELD_OUT)
        wall = model.measured(stage, side, HELD_OUT, "wall")
        peaks = (model.measured(stage, side, n, "peak_mb") for n in (FITTED[-1], HELD_OUT))
        error = f"{100 * (predicted / found - 1):+.0f} %"
        seconds = (f"{value:.3g}" for value in (predicted, found))
        rows.append([stage, *seconds, error, f"{wall:.3g}", *(f"{peak:.0f}" for peak in peaks)])
    header = ["stage", "CPU s by the model", "measured", "error", "wall s"]
    header += [f"peak MB, {n:,}" for n in (FITTED[-1], HELD_OUT)]
    print(f"{HELD_OUT:,} rows of 32 pixels, which were not used for the fit")
    print_table(header, rows)
    epochs, n_images = "train small_3_2_2, 5 epochs", 10_000
    if model.has(epochs, 32, n_images):
        predicted = model.predict("train small_3_2_2", 32, 5 * n_images)
        found = model.measured(epochs, 32, n_images)
        print(f"5 epochs of {n_images:,}: {predicted:.3g} s predicted, {found:.3g} measured\n")


def print_duplicates(model: Model) -> None:
    """Print the same for the comparison of hashes, of which the number of pairs grows by n**2."""
    rows = []
    for n_images in (*OF_DUPLICATES, HELD_OUT, *N_IMAGES):
        predicted = model.predict("duplicates", 32, n_images)
        found = f"{model.measured('duplicates', 32, n_images):.3g}" if n_images <= HELD_OUT else ""
        rows.append([f"{n_images:,}", f"{predicted:.3g}", found])
    a, b, c = model.fit_duplicates()
    print(f"duplicates: {a:.2g} s + {b * 1e6:.3g} us n + {c * 1e12:.3g} ps n**2, CPU seconds")
    print_table(["hashes", "model", "measured"], rows)


def print_decoding(model: Model) -> None:
    """Print milliseconds and bytes of JPEG files by their side."""
    seconds = {side: model.measured("decode", side, N_JPEG) / N_JPEG
               for side in (*DECODED, DECODED_CHECK)}  # fmt: skip
    a, b = fit_powers([side**2 for side in DECODED], [seconds[side] for side in DECODED], 1)
    rows = [
        [side, f"{model.bytes[f'jpeg_{side}'] / 1e3:.0f}", f"{1e3 * seconds[side]:.2f}",
         f"{1e3 * (a + b * side**2):.2f}"]
        for side in sorted(seconds)
    ]  # fmt: skip
    print(f"decoding to 32 pixels, CPU ms: {1e3 * a:.2f} + {1e9 * b:.2f} for each million pixels,")
    print(f"fitted to {DECODED}, {DECODED_CHECK} held out")
    print_table(["side", "kB a file", "ms measured", "ms by the model"], rows)


def print_storage(model: Model, bandwidth: float) -> None:
    """Print how many bytes a core reads in a second, and how many cores the storage feeds."""
    rows = []
    for stage, side in STREAMS:
        rate = stage_bytes(model, stage, side) / model.per_image(stage, side)
        n_bytes = f"{stage_bytes(model, stage, side):,.0f}"
        rows.append([stage, side, n_bytes, f"{rate / 1e6:.1f}", f"{bandwidth / rate:.0f}"])
    header = ["stage", "side", "bytes an image", "MB/s a core", "cores"]
    print(f"cores that a storage of {bandwidth / GB:g} GB/s feeds")
    print_table(header, rows)
    print("bytes an image:", {name: round(size) for name, size in model.bytes.items()}, "\n")


STREAMS = [
    ("decode", 32), ("hash", 32), ("train sgd", 32), ("train sgd", 64), ("predict sgd", 32),
    ("predict small_3_2_2", 32), ("train small_3_2_2", 32), ("train small_3_2_2", 64),
]  # fmt: skip


def stage_bytes(model: Model, stage: str, side: int) -> float:
    """Return the bytes that a stage reads of each image."""
    return model.bytes[f"jpeg_{JPEG_SIDE}"] if stage == "decode" else side**2


def print_plan(model: Model, n_images: int, bandwidth: float) -> None:
    """Print hours of the stages that divide into tasks, and of a fit, which does not."""
    rows = []
    for name, stage, side in [
        ("rasterize, 32", "decode", 32), ("rasterize, 64", "decode", 64),
        ("hashes", "hash", 32), ("predict sgd", "predict sgd", 32),
        ("predict small_3_2_2", "predict small_3_2_2", 32),
    ]:  # fmt: skip
        seconds = n_images * model.per_image(stage, side)
        n_bytes = n_images * stage_bytes(model, stage, side)
        if stage == "decode":
            seconds += n_images * model.per_image("write", side)
            n_bytes += n_images * side**2
        of_storage = n_bytes / bandwidth
        rows.append([name, f"{seconds / HOUR:.3g}", f"{of_storage / HOUR:.3g}"])
        for n_cores in N_CORES:
            is_bound = of_storage > seconds / n_cores
            hours = max(of_storage, seconds / n_cores) / HOUR
            rows[-1].append(f"{hours:.3g}{' (storage)' * is_bound}")
    one = "one core"
    duplicates = model.predict("duplicates", 32, n_images)
    rows.append(["duplicates", f"{duplicates / HOUR:.3g}", "", *[one] * len(N_CORES)])
    for stage in NETS:
        for side in (32, 64):
            if model.has(stage, side, FITTED[0]):
                hours = EPOCHS * n_images * model.per_image(stage, side) / HOUR
                of_storage = EPOCHS * n_images * side**2 / bandwidth / HOUR
                cells = [f"{hours:.3g}", f"{of_storage:.3g}", *[one] * len(N_CORES)]
                rows.append([f"{stage}, {side}, {EPOCHS} epochs", *cells])
    print(f"{n_images:,} images: hours, storage of {bandwidth / GB:g} GB/s")
    print_table(["stage", "core hours", "storage", *(f"{n} cores" for n in N_CORES)], rows)
    memory = np.diff([model.measured("load", 32, n, "peak_mb") for n in (FITTED[-1], HELD_OUT)])
    catalogue = n_images * memory[0] / (HELD_OUT - FITTED[-1]) / 1e3
    print(f"the catalogue: {catalogue:.1f} GB of memory where it is read\n")


def print_search(model: Model) -> None:
    """Print hours of a search of all four contenders in five folds, the longest fits first."""
    rows = []
    for n_images in N_IMAGES:
        n_rows = EPOCHS * n_images * (FOLDS - 1) / FOLDS
        fits = sorted((n_rows * model.per_image(net, 32) for net in NETS * FOLDS), reverse=True)
        row = [f"{n_images:,}", f"{sum(fits) / HOUR:.3g}"]
        for n_cores in N_CORES:
            ends = [0.0] * n_cores
            for seconds in fits:
                heapq.heapreplace(ends, ends[0] + seconds)
            share = sum(fits) / n_cores / max(ends)
            row.append(f"{max(ends) / HOUR:.3g} ({100 * share:.0f} % busy)")
        rows.append(row)
    print(f"{len(NETS)} contenders in {FOLDS} folds, {EPOCHS} epochs of 32 pixels: hours")
    print_table(["images", "core hours", *(f"{n} cores" for n in N_CORES)], rows)


def print_tasks(model: Model, overhead: float) -> None:
    """Print how many images a task must hold at least, so that the scheduler keeps up."""
    rows = [
        [stage, f"{1e6 * model.per_image(stage, 32):.0f}"]
        + [f"{round_up(n_cores * overhead / model.per_image(stage, 32)):,}" for n_cores in N_CORES]
        for stage in ("decode", "hash", "predict sgd", "predict small_3_2_2", "read")
    ]
    print(f"images a task at which a scheduler of {1e3 * overhead:.2f} ms a task is just busy")
    print_table(["stage", "us an image", *(f"{n} cores" for n in N_CORES)], rows)


def round_up(number: float) -> int:
    """Round up to two digits."""
    step = 10 ** max(0, int(np.log10(number)) - 1)
    return int(-(-number // step) * step)
