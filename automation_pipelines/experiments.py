"""What the numbers of an experiment's arms say, and what they do not: intervals, tests, verdicts in words.

Pure arithmetic over counts, by statsmodels and SciPy, which are imported where they are used: they take a
second. Where the counts come from is `stats`'s.

Every interval is of 95 %. Proportions: Wilson's score interval (Wilson 1927; Newcombe 1998, Stat. Med.
17:857, method 3). Differences of two: Newcombe's (1998, Stat. Med. 17:873, method 10), the pooled z-test,
Fisher's exact test where a cell expects fewer than five. Means: Welch. Several arms: Holm.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from automation_pipelines.errors import ConfigurationError

ALPHA = 0.05
POWER = 0.8
MISMATCH = 0.001
"""Below this p-value the arms are not the size they were drawn to be: something is broken (Fabijan 2019)."""
_SMALL = 5


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of an experiment, or a control group, in counts."""

    id: str
    subjects: int
    """Who was drawn into it, whether reached or not."""
    successes: int
    """Those of them who did what is measured, each once."""
    weight: float = 1.0
    """Its share of the draw, relative to the others."""

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        if not 0 <= self.successes <= self.subjects:
            msg = (
                f"arm {self.id}: {self.successes} of {self.subjects} subjects succeeded: "
                "a subject counts once, and only if it was drawn into the arm"
            )
            raise ConfigurationError(msg)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval; all of it null where there is nothing to estimate from."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """An arm against the control: the difference of the rates, and whether chance alone explains it."""

    arm: str
    difference: Interval
    p_value: float | None
    """Adjusted for the number of comparisons (Holm); null where nothing can be compared."""

    @property
    def significant(self) -> bool:
        """Whether the difference is more than chance explains."""
        return self.p_value is not None and self.p_value < ALPHA


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be concluded. `winner` is null until everything declared beforehand is met."""

    winner: str | None
    words: str
    comparisons: tuple[Comparison, ...]
    sample_ratio_p: float | None
    more_per_arm: int
    """Subjects that each arm still needs; 0: enough."""


def rate(successes: int, subjects: int) -> Interval:
    """Estimate a proportion."""
    from statsmodels.stats.proportion import proportion_confint  # noqa: PLC0415

    if not subjects:
        return Interval()
    low, high = proportion_confint(successes, subjects, alpha=ALPHA, method="wilson")
    return Interval(successes / subjects, max(0.0, float(low)), min(1.0, float(high)))


def compare(control: Arm, arms: Sequence[Arm]) -> tuple[Comparison, ...]:
    """Compare each arm with the control."""
    ps = adjusted([_p_value(arm, control) for arm in arms])
    return tuple(Comparison(arm.id, difference(arm, control), p) for arm, p in zip(arms, ps, strict=True))


def adjusted(raw: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values for their number (Holm)."""
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415

    known = [p for p in raw if p is not None]
    if len(known) < 2:  # noqa: PLR2004 - it would collect garbage for nothing, which takes a fifth of a second
        return list(raw)
    holm = iter(multipletests(known, alpha=ALPHA, method="holm")[1])
    return [None if p is None else float(next(holm)) for p in raw]


def difference(arm: Arm, control: Arm) -> Interval:
    """How much higher the rate of an arm is than the control's."""
    from statsmodels.stats.proportion import confint_proportions_2indep  # noqa: PLC0415

    if not arm.subjects or not control.subjects:
        return Interval()
    low, high = confint_proportions_2indep(
        arm.successes, arm.subjects, control.successes, control.subjects, compare="diff", method="newcomb"
    )
    value = arm.successes / arm.subjects - control.successes / control.subjects
    return Interval(value, float(low), float(high))


def _p_value(arm: Arm, control: Arm) -> float | None:
    """Two-sided; `None` where both did the same throughout, or one has nobody."""
    from scipy.stats import fisher_exact  # noqa: PLC0415
    from statsmodels.stats.proportion import proportions_ztest  # noqa: PLC0415

    subjects, successes = arm.subjects + control.subjects, arm.successes + control.successes
    if not arm.subjects or not control.subjects or successes in {0, subjects}:
        return None
    smaller = min(arm.subjects, control.subjects) * min(successes, subjects - successes) / subjects
    if smaller < _SMALL:
        table = [[one.successes, one.subjects - one.successes] for one in (arm, control)]
        return float(fisher_exact(table).pvalue)
    counts, sizes = zip(*((one.successes, one.subjects) for one in (arm, control)), strict=True)
    return float(proportions_ztest(counts, sizes)[1])


@dataclass(frozen=True, slots=True)
class Amounts:
    """What the subjects of an arm brought, those who brought nothing included; in minor units."""

    subjects: int
    total: float
    squares: float
    """The sum of the squares of each subject's amount."""

    @property
    def mean(self) -> float:
        """What a subject brought on average."""
        return self.total / self.subjects

    @property
    def variance(self) -> float:
        """Of the subjects' amounts, unbiased."""
        return max(0.0, (self.squares - self.total * self.mean) / (self.subjects - 1))


def mean_difference(arm: Amounts, control: Amounts) -> tuple[Interval, float | None]:
    """How much more a subject of an arm brought than one of the control, and the p-value (Welch)."""
    from scipy.stats import ttest_ind_from_stats  # noqa: PLC0415

    if min(arm.subjects, control.subjects) < 2 or not (arm.variance or control.variance):  # noqa: PLR2004
        return Interval(), None
    given = [(one.mean, math.sqrt(one.variance), one.subjects) for one in (arm, control)]
    test = ttest_ind_from_stats(*given[0], *given[1], equal_var=False)
    bounds = _welch(arm, control)
    value = arm.mean - control.mean
    return Interval(value, value - bounds, value + bounds), float(test.pvalue)


def _welch(arm: Amounts, control: Amounts) -> float:
    """Half of the interval's width (Welch-Satterthwaite)."""
    from scipy.stats import t  # noqa: PLC0415

    errors = [(one.variance / one.subjects, one.subjects - 1) for one in (arm, control)]
    error = sum(square for square, _ in errors)
    freedom = error**2 / sum(square**2 / rest for square, rest in errors)
    return float(t.ppf(1 - ALPHA / 2, freedom) * math.sqrt(error))


def sample_ratio(arms: Sequence[Arm]) -> float | None:
    """The p-value of the arms' sizes under their weights (chi-squared); null without anything to judge."""
    from scipy.stats import chisquare  # noqa: PLC0415

    drawn = [arm for arm in arms if arm.weight > 0]
    subjects, weights = sum(arm.subjects for arm in drawn), sum(arm.weight for arm in drawn)
    if len(drawn) < 2 or not subjects:  # noqa: PLR2004
        return None
    expected = [subjects * arm.weight / weights for arm in drawn]
    return float(chisquare([arm.subjects for arm in drawn], expected).pvalue)


def needed(base: float, effect: float, *, power: float = POWER) -> int:
    """Subjects per arm to find a change of a rate by `effect` (absolute) with this power (Cohen's h)."""
    from statsmodels.stats.power import NormalIndPower  # noqa: PLC0415
    from statsmodels.stats.proportion import proportion_effectsize  # noqa: PLC0415

    changed = base + effect if base + effect < 1 else base - effect
    size = abs(proportion_effectsize(base, changed))
    subjects: float = NormalIndPower().solve_power(size, power=power, alpha=ALPHA)
    return math.ceil(subjects)


def judge(
    arms: Sequence[Arm], *, effect: float, minimum: int = 0, over: bool = True, power: float = POWER
) -> Verdict:
    """Judge arms, the first being the control, by what was declared before anything was sent.

    `effect` is the smallest change of the rate worth finding, absolute; `minimum` the subjects each arm
    must have at least; `over` whether the last message's time to act is up. Looking before that is no
    test: with every look the chance of a false winner grows.
    """
    control, *others = arms
    more = max(0, max(minimum, _enough(control, effect, power)) - min(arm.subjects for arm in arms))
    comparisons, ratio = compare(control, others), sample_ratio(arms)
    doubt = _mismatch(arms, ratio) or _too_early(more, over=over)
    winner = None if doubt else _best(control, others, comparisons)
    words = doubt or (f"{winner} wins" if winner else "no winner: no difference that chance does not explain")
    return Verdict(winner, words, comparisons, ratio, more)


def _enough(control: Arm, effect: float, power: float) -> int:
    if not control.subjects:
        return 1
    # A rate of nothing, or of all, is not believed to be that: half the effect is the least to start from.
    base = control.successes / control.subjects
    return needed(min(max(base, effect / 2), 1 - effect / 2), effect, power=power)


def _mismatch(arms: Sequence[Arm], ratio: float | None) -> str | None:
    if ratio is None or ratio >= MISMATCH:
        return None
    sizes = ", ".join(f"{arm.id} {arm.subjects:,}" for arm in arms)
    return (
        f"no winner: the arms are not the size they were drawn to be ({sizes}; p = {ratio:.1g}); "
        "find out why before anything else"
    )


def _too_early(more: int, *, over: bool) -> str | None:
    if more:
        return f"no winner yet: needs {more:,} more per arm"
    return None if over else "no winner yet: the time to act on the last message is not up"


def _best(control: Arm, others: Sequence[Arm], comparisons: Sequence[Comparison]) -> str | None:
    """Who beats the control by most; the control where it beats all the others."""
    better = [one for one in comparisons if one.significant and (one.difference.value or 0) > 0]
    if better:
        return max(better, key=lambda one: one.difference.value or 0).arm
    worse = [one for one in comparisons if one.significant and (one.difference.value or 0) < 0]
    return control.id if worse and len(worse) == len(others) else None
