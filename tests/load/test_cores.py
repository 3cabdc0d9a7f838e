import pytest

from tests.load.cores import Cores, TooFewCores, assign


def test_the_gateway_shares_the_core_of_the_load_where_there_are_two() -> None:
    assert assign([0, 1]) == Cores(server=0, load=1, gateway=1)


def test_the_gateway_has_a_core_of_its_own_where_there_is_one() -> None:
    assert assign([2, 4, 6, 7]) == Cores(server=2, load=4, gateway=6)


def test_the_gateway_is_compared_without_the_load_on_its_core() -> None:
    assert assign([0, 1]).load_of_gateway == 0
    assert assign([0, 1, 2]).load_of_gateway == 1


def test_one_core_is_refused() -> None:
    with pytest.raises(TooFewCores):
        assign([0])
