from tests.load.bars import Bar, Verdict


def test_a_bar_is_met_by_the_bound_itself() -> None:
    assert Bar("speed", 0.5).holds(0.5)
    assert Bar("latency", 3, "at most").holds(3)


def test_a_bar_fails_on_the_wrong_side() -> None:
    assert not Bar("speed", 0.5).holds(0.49)
    assert not Bar("latency", 3, "at most").holds(3.01)


def test_a_line_says_what_was_measured_and_what_was_wanted() -> None:
    shed = Verdict(Bar("shed", 5, "at most", " ms"), 7.2)
    assert shed.line() == ("shed", "7.20 ms", "", "at most 5 ms", "FAIL")
    speed = Verdict(Bar("speed", 0.5), 0.6, by_cpu=0.55)
    assert speed.line() == ("speed", "0.60", "0.55", "at least 0.5", "pass")
