import asyncio

import pytest

from mlplatform.errors import Overloaded
from mlplatform.serving.admission import Admission, Breather

pytestmark = pytest.mark.anyio


def test_as_many_as_the_limit_are_let_in() -> None:
    admission = Admission(2)
    admission.in_flight = 2
    admission.check()
    admission.in_flight = 3
    with pytest.raises(Overloaded):
        admission.check()


def test_it_is_full_when_one_more_would_be_too_many() -> None:
    admission = Admission(2)
    assert [admission.is_full() for admission.in_flight in (0, 1, 2, 3)] == [False, False, True, True]


async def test_the_refusals_of_one_turn_share_a_pause_and_the_next_turn_has_one_of_its_own() -> None:
    pauses: list[float] = []
    breather = Breather(pauses.append)
    loop = asyncio.get_running_loop()
    for _ in range(3):
        breather.take(loop)
    assert pauses == []
    await asyncio.sleep(0)
    assert len(pauses) == 1
    breather.take(loop)
    await asyncio.sleep(0)
    assert len(pauses) == 2
