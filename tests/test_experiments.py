"""Statistics of experiments against published figures."""

import math

import pytest

from automation_pipelines.errors import ConfigurationError
from automation_pipelines.experiments import (
    Amounts,
    Arm,
    compare,
    difference,
    judge,
    mean_difference,
    needed,
    rate,
    sample_ratio,
)


@pytest.mark.parametrize(
    ("successes", "subjects", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_a_rate_has_wilsons_interval_as_newcombe_published_it(
    successes: int, subjects: int, low: float, high: float
) -> None:
    found = rate(successes, subjects)
    assert found.value == successes / subjects
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("arm", "control", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 10), -0.2775, 0.2775),
    ],
)
def test_a_difference_has_the_interval_newcombe_published(
    arm: tuple[int, int], control: tuple[int, int], low: float, high: float
) -> None:
    found = difference(Arm("b", arm[1], arm[0]), Arm("a", control[1], control[0]))
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "p"),
    [
        ((104, 11037), (189, 11034), 5.69e-07),  # aspirin and heart attacks: the Physicians' Health Study
        ((3894, 21307), (2262, 21306), 5.69e-112),  # Hillstrom's e-mails: visits
        ((50, 100), (50, 100), 1.0),
        ((6, 8), (1, 5), 0.1026),  # too few for the normal approximation: Fisher's exact test
        ((3, 4), (1, 4), 0.4857),  # the lady tasting tea
    ],
)
def test_the_p_value_is_the_published_one(one: tuple[int, int], other: tuple[int, int], p: float) -> None:
    (found,) = compare(Arm("a", other[1], other[0]), [Arm("b", one[1], one[0])])
    assert found.p_value == pytest.approx(p, rel=2e-3)


def test_several_arms_pay_for_their_number() -> None:
    control = Arm("a", 1000, 100)
    (alone,) = compare(control, [Arm("b", 1000, 130)])
    together = compare(control, [Arm("b", 1000, 130), Arm("c", 1000, 101), Arm("d", 1000, 99)])
    assert alone.significant
    assert not any(one.significant for one in together)
    assert alone.p_value is not None
    assert together[0].p_value == pytest.approx(3 * alone.p_value)


def test_nothing_to_compare_is_nothing_and_no_error() -> None:
    for a, b in (((0, 0), (0, 0)), ((0, 100), (0, 100)), ((100, 100), (100, 100)), ((0, 0), (5, 10))):
        verdict = judge([Arm("a", a[1], a[0]), Arm("b", b[1], b[0])], effect=0.01)
        assert verdict.winner is None
        (found,) = verdict.comparisons
        values = (found.difference.value, found.difference.low, found.difference.high, found.p_value)
        assert not any(math.isnan(value) for value in values if value is not None)


def test_more_successes_than_subjects_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="5 of 3 subjects succeeded"):
        Arm("a", 3, 5)


@pytest.mark.parametrize(
    ("base", "effect", "power", "subjects"),
    [(0.1, 0.02, 0.8, 3835), (0.2, 0.05, 0.8, 1092), (0.02, 0.005, 0.8, 13768), (0.05, 0.01, 0.9, 10901)],
)
def test_how_many_are_needed(base: float, effect: float, power: float, subjects: int) -> None:
    assert needed(base, effect, power=power) == subjects


class TestVerdict:
    def test_it_says_how_many_are_missing(self) -> None:
        verdict = judge([Arm("a", 735, 73), Arm("b", 740, 120)], effect=0.02)
        assert verdict.winner is None
        assert verdict.words == f"no winner yet: needs {verdict.more_per_arm:,} more per arm"
        assert verdict.more_per_arm > 3000  # whatever the p-value of a look says

    def test_it_waits_for_the_end(self) -> None:
        arms = [Arm("a", 5000, 500), Arm("b", 5000, 600)]
        assert judge(arms, effect=0.02, over=False).winner is None
        assert judge(arms, effect=0.02).words == "b wins"
        assert judge(arms, effect=0.02, minimum=6000).words == "no winner yet: needs 1,000 more per arm"

    def test_no_difference_is_no_winner(self) -> None:
        verdict = judge([Arm("a", 5000, 500), Arm("b", 5000, 510)], effect=0.02)
        assert verdict.words == "no winner: no difference that chance does not explain"

    def test_the_control_wins_over_all(self) -> None:
        arms = [Arm("a", 5000, 600), Arm("b", 5000, 480), Arm("c", 5000, 470)]
        assert judge(arms, effect=0.02).winner == "a"

    def test_arms_of_the_wrong_size_settle_nothing(self) -> None:
        verdict = judge([Arm("a", 5000, 500), Arm("b", 5600, 900)], effect=0.02)
        assert verdict.winner is None
        assert "not the size they were drawn to be (a 5,000, b 5,600" in verdict.words

    def test_declared_weights_are_the_size_they_should_have(self) -> None:
        arms = [Arm("a", 9000, 900, weight=9), Arm("b", 1000, 130), Arm("c", 40, 1, weight=0)]
        ratio = sample_ratio(arms)
        assert ratio is not None
        assert ratio > 0.9


def test_amounts_are_compared_by_welchs_test() -> None:
    # Student's sleep data (1908): extra hours under two drugs; R's t.test gives these figures.
    one = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    two = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    arms = [Amounts(len(each), sum(each), sum(x * x for x in each)) for each in (one, two)]
    found, p = mean_difference(*arms)
    assert (found.value, found.low, found.high) == pytest.approx((-1.58, -3.3654832, 0.2054832))
    assert p == pytest.approx(0.07939414)


def test_amounts_of_one_subject_say_nothing() -> None:
    assert mean_difference(Amounts(1, 5, 25), Amounts(9, 5, 25))[1] is None
