"""The colours of charts by name. Each is a variable of the page's style, so light, dark and print differ.

Blue and vermilion are told apart by everybody (Okabe and Ito 2008); the scale of heat is one blue.
"""

from automation_pipelines.reports.charts import Tone

HEATS = 6
_INKS = ("ink", "quiet", "line", "main", "soft", "alert", *(f"heat-{step}" for step in range(HEATS)))
_INKS_ON_HEAT = tuple(f"on-heat-{step}" for step in range(HEATS))
_ALL = (*_INKS, *_INKS_ON_HEAT)


def ink(name: str) -> str:
    """A stand-in colour that Matplotlib can draw with; it becomes the style's variable of that name."""
    return f"#0e00{_ALL.index(name):02x}"


def of_tone(tone: Tone) -> str:
    """The colour that says this."""
    return ink(tone.value)


def by_number(number: int) -> str:
    """The name of a stand-in colour."""
    return _ALL[number]
