from collections.abc import Iterator
from pathlib import Path

import pytest
from celery.signals import after_task_publish, heartbeat_sent
from celery.utils.dispatch import Signal

from trainer.tasks import show_beat_life, show_worker_life


@pytest.fixture(autouse=True)
def receivers() -> Iterator[None]:
    """The signals belong to the whole process: leave them as they were."""
    signals: list[Signal] = [after_task_publish, heartbeat_sent]
    before = [list(signal.receivers) for signal in signals]
    yield
    for signal, receivers in zip(signals, before, strict=True):
        signal.receivers = receivers


def test_a_worker_shows_life_with_every_heartbeat(tmp_path: Path) -> None:
    show_worker_life(tmp_path / "heartbeat")
    assert not (tmp_path / "heartbeat").exists()
    heartbeat_sent.send(sender=None)
    assert (tmp_path / "heartbeat").exists()


def test_beat_shows_life_with_every_task_it_has_published(tmp_path: Path) -> None:
    show_beat_life(tmp_path / "heartbeat")
    assert not (tmp_path / "heartbeat").exists()
    after_task_publish.send(sender="trainer.train_missing")
    assert (tmp_path / "heartbeat").exists()
