from collections.abc import Callable

import pytest

from tests.load.figures import Load
from tests.load.rounds import interleave


def test_every_contender_has_one_turn_a_round_and_another_one_begins(capsys: pytest.CaptureFixture[str]) -> None:
    order: list[str] = []

    def turn(name: str) -> Callable[[], Load]:
        def measure() -> Load:
            order.append(name)
            return Load(len(order), 0, 0, 0, 0)

        return measure

    loads = interleave({"a": turn("a"), "b": turn("b"), "c": turn("c")}, rounds=3)
    assert order == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert [load.requests_per_second for load in loads["a"]] == [1, 6, 8]
    assert "round 3/3" in capsys.readouterr().out
