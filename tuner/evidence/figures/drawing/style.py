"""How figures look: widths of a paper's column, small sans-serif type, the colours of Okabe and Ito, a white
background.

A figure is laid out once, then written in every format.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

COLUMN_IN, PAGE_IN = 3.3, 6.9  # widths of one column and of two
# Okabe & Ito's palette: distinct under the common colour-vision deficiencies.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":", (0, (3, 1, 1, 1, 1, 1)), (0, (6, 2)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STAR: dict[str, Any] = {"marker": "*", "color": "#E69F00", "markeredgecolor": "black", "linestyle": "none"}
GREY = "#777777"
TAU_F, TAU_B = r"forward temperature $\tau_f$", r"backward temperature $\tau_b$"
VECTOR = ("svg", "pdf")
# Without a date the same figure is the same file, byte by byte.
_UNDATED: dict[str, dict[str, str | None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def use() -> None:
    """Sets matplotlib to this style. It is called when this file is imported, and can be called again if
    other code has changed the style.
    """
    mpl.rcParams.update(
        {
            "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere, offline
            "font.size": 7,
            "axes.labelsize": 7.5,
            "axes.titlesize": 7,
            "axes.titlelocation": "left",
            "axes.linewidth": 0.6,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "xtick.labelsize": 6.5,
            "ytick.labelsize": 6.5,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "legend.fontsize": 6.5,
            "legend.frameon": False,
            "legend.handlelength": 2.2,
            "lines.linewidth": 1.3,
            "figure.dpi": 200,
            "savefig.dpi": 200,
            "savefig.facecolor": "white",
            "figure.constrained_layout.h_pad": 0.03,
            "figure.constrained_layout.w_pad": 0.03,
            "pdf.fonttype": 42,  # text that can be searched and edited
            "svg.fonttype": "path",  # the same where the font is not installed
            "svg.hashsalt": "tuner",  # so that the same figure is the same file
        }
    )


use()


def figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def look(n: int) -> dict[str, Any]:
    """Colour and line style of the n-th of several lines."""
    return {"color": COLOURS[n % len(COLOURS)], "linestyle": STYLES[n % len(STYLES)]}


def legend(drawn: Figure, axes: Axes, *, columns: int) -> None:
    """The legend of some axes above the figure, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    drawn.legend(
        handles, labels, loc="outside upper left", ncols=columns, borderaxespad=0.2, columnspacing=1.2
    )


def spread(values: list[float], ratio: float = 20.0) -> bool:
    """Whether values are positive, and the largest is more than `ratio` times the smallest, so that a
    logarithmic axis shows them better.
    """
    return bool(values) and min(values) > 0 and max(values) / min(values) > ratio


def as_bytes(drawn: Figure, suffix: str) -> bytes:
    """A figure as a file of the kind `suffix`: png, svg or pdf. Raises ValueError for another."""
    _lay_out(drawn)
    file = BytesIO()
    _write(drawn, suffix, file)
    return file.getvalue()


def save(drawn: Figure, folder: Path, name: str) -> Iterator[Path]:
    """Writes NAME.png into a folder and NAME.svg and NAME.pdf into its subfolder `vector`; yields the
    files.
    """
    _lay_out(drawn)
    vector = folder / "vector"
    vector.mkdir(parents=True, exist_ok=True)
    for suffix, place in (("png", folder), *((suffix, vector) for suffix in VECTOR)):
        path = place / f"{name}.{suffix}"
        with path.open("wb") as file:
            _write(drawn, suffix, file)
        yield path


def _lay_out(drawn: Figure) -> None:
    """Lays out the parts of a figure once, because otherwise it would be done again for each format."""
    FigureCanvasAgg(drawn)  # measures text
    drawn.draw_without_rendering()
    drawn.set_layout_engine("none")


def _write(drawn: Figure, suffix: str, file: IO[bytes]) -> None:
    """Writes a figure that is laid out. It does not use savefig, which draws everything twice to find out
    what it can cut off at the edges; nothing is cut off here.
    """
    drawn.set_facecolor("white")  # whatever the user's style has
    dpi = drawn.dpi
    if suffix == "png":
        FigureCanvasAgg(drawn).print_png(file)
    elif suffix == "svg":
        FigureCanvasSVG(drawn).print_svg(file, metadata=_UNDATED["svg"])
    elif suffix == "pdf":
        FigureCanvasPdf(drawn).print_pdf(file, metadata=_UNDATED["pdf"])
    else:
        raise ValueError(f"suffix must be png, svg or pdf. Got {suffix!r}.")
    drawn.set_dpi(dpi)  # writing SVG or PDF sets it to 72
