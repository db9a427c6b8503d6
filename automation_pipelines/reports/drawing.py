"""Charts drawn by Matplotlib as SVG that lives inside a page: its colours and letters are the page's.

Drawn narrow, so that text stays legible where a page shrinks to a phone. Nothing that changes from one
run to the next is written, so the same data makes the same bytes.
"""

import io
import re
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from automation_pipelines.reports.charts import Bars, Chart, Forest, Heat, Timeline
from automation_pipelines.reports.inks import by_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PARAMETERS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "text.parse_math": False,  # a title may hold $
    "font.family": "sans-serif",
    "axes.unicode_minus": True,
    "path.simplify": False,
}
_CUT = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>|<defs>\s*</defs>|<!--.*?-->", re.DOTALL)
_FAMILY = re.compile(r"font-family: [^;\"]*;? ?")
_UNTURNED = re.compile(r' transform="rotate\(-?0 [^)]*\)"')
_TAG = re.compile(r"<[^>]*>")
_SPACES = re.compile(r"\s*\n\s*")


@dataclass(frozen=True, slots=True)
class Drawing:
    """The inside of an `<svg>`, and its size."""

    width: float
    height: float
    content: str


def draw(chart: Chart, name: str) -> Drawing:
    """Draw a chart; `name` keeps what it calls its parts apart from other charts of the page."""
    with _ready():
        figure = _figure(chart)
        width, height = (round(float(inches) * 72, 1) for inches in figure.get_size_inches())
        written = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(written, format="svg", metadata=nothing, transparent=True)
    return Drawing(width, height, _inner(written.getvalue(), name))


@contextmanager
def _ready() -> Iterator[None]:
    import matplotlib as mpl  # noqa: PLC0415 - half a second

    with warnings.catch_warnings(), mpl.rc_context():
        mpl.rcdefaults()  # whatever somebody prefers on this machine
        mpl.rcParams.update(_PARAMETERS)
        # The reader's browser has the letters that Matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def _figure(chart: Chart) -> "Figure":
    from automation_pipelines.reports.plots import bars, forest, heat, timeline  # noqa: PLC0415

    match chart:
        case Bars():
            return bars(chart)
        case Timeline():
            return timeline(chart)
        case Forest():
            return forest(chart)
        case Heat():
            return heat(chart)
        case _:
            assert_never(chart)


def _inner(svg: str, name: str) -> str:
    text = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    text = _CUT.sub("", text)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    # What people wrote stands between tags and stays as it is.
    text = _TAG.sub(lambda tag: _ours(tag[0], name, used), text)
    return _SPACES.sub("\n", text).strip()


def _ours(tag: str, name: str, used: Collection[str]) -> str:
    """A tag with the page's letters and colours, and an id only where something refers to it."""
    for found in (_FAMILY, _UNTURNED):
        tag = found.sub("", tag)
    tag = re.sub(r' id="([^"]*)"', lambda one: f' id="{name}-{one[1]}"' if one[1] in used else "", tag)
    tag = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", tag)
    return re.sub(r"#0e00([0-9a-f]{2})", lambda one: f"var(--{by_number(int(one[1], 16))})", tag)
