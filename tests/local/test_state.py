"""One stack for each state folder."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.errors import CannotStart
from deploy.local.state import State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State.claim(tmp_path / "state")
    yield state
    state.release()


def test_a_second_stack_on_the_same_folder_is_refused_and_told_the_way_out(state: State) -> None:
    with pytest.raises(CannotStart, match=rf"\(pid {os.getpid()}\).*LOCAL_STATE"):
        State.claim(state.root)


def test_a_folder_that_was_released_can_be_claimed_again(tmp_path: Path) -> None:
    State.claim(tmp_path).release()

    State.claim(tmp_path).release()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CannotStart, match="LOCAL_STATE"):
        State.claim(tmp_path / "file")


def test_a_secret_stays_the_same_and_only_its_owner_reads_it(state: State) -> None:
    secret = state.secret("redis-password")

    assert state.secret("redis-password") == secret
    assert len(secret) >= 32
    assert stat.S_IMODE((state.root / "secrets" / "redis-password").stat().st_mode) == 0o600
