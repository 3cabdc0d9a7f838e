import asyncio
from collections.abc import Sequence
from functools import partial
from typing import cast

import pytest

from mlplatform.runtime.session import FEW
from mlplatform.serving.predict import Answer, Waiting
from mlplatform.serving.turn import Turn

pytestmark = pytest.mark.anyio


class Runs:
    """Answers each request with itself, and remembers who was answered together."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def answer(self, waiting: Sequence[Waiting]) -> list[Answer]:
        if waiting:
            self.sizes.append(len(waiting))
        return [cast("Answer", each) for each in waiting]


def add(turn: Turn, names: Sequence[int], sent: list[tuple[int, object]]) -> None:
    def send(name: int, answer: Answer) -> None:
        sent.append((name, answer))

    for name in names:
        turn.add(cast("Waiting", name), partial(send, name), asyncio.get_running_loop())


async def test_what_one_turn_brought_is_answered_together_at_its_end() -> None:
    runs, sent = Runs(), list[tuple[int, object]]()
    turn = Turn(runs.answer)
    add(turn, range(5), sent)
    assert not sent
    await asyncio.sleep(0)
    assert sent == [(name, name) for name in range(5)]
    assert runs.sizes == [5]


async def test_the_next_turn_is_answered_by_itself() -> None:
    runs, sent = Runs(), list[tuple[int, object]]()
    turn = Turn(runs.answer)
    for _ in range(3):
        add(turn, [1], sent)
        await asyncio.sleep(0)
    assert runs.sizes == [1, 1, 1]


async def test_more_than_a_run_takes_are_answered_in_parts_and_in_order() -> None:
    runs, sent = Runs(), list[tuple[int, object]]()
    turn = Turn(runs.answer)
    add(turn, range(2 * FEW + 3), sent)
    assert len(sent) == 2 * FEW
    await asyncio.sleep(0)
    assert sent == [(name, name) for name in range(2 * FEW + 3)]
    assert runs.sizes == [FEW, FEW, 3]


async def test_a_turn_may_be_ended_early_and_goes_on() -> None:
    runs, sent = Runs(), list[tuple[int, object]]()
    turn = Turn(runs.answer)
    add(turn, [1, 2], sent)
    turn.end()
    assert len(sent) == 2
    add(turn, [3], sent)
    await asyncio.sleep(0)
    assert runs.sizes == [2, 1]
