from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from mlplatform.registry.traffic import Traffic, read_traffic

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TRAFFIC = Traffic(challenger="2", challenger_percent=5, salt="salt", entry=3)


def test_what_is_granted_again_is_another_traffic() -> None:
    assert TRAFFIC.model_copy(update={"entry": 5}).mark != TRAFFIC.mark
    assert read_traffic(TRAFFIC.as_tag()) == TRAFFIC


def test_a_tag_from_before_entries_were_told_is_read() -> None:
    found = read_traffic('{"challenger": "2", "challenger_percent": 5, "salt": "salt"}')
    assert found == TRAFFIC.model_copy(update={"entry": None})


def test_it_is_over_from_the_moment_on_that_it_was_granted_until() -> None:
    until_noon = TRAFFIC.model_copy(update={"expires_at": NOON})
    assert (until_noon.is_over(NOON - timedelta(seconds=1)), until_noon.is_over(NOON)) == (False, True)
    assert not TRAFFIC.is_over(NOON)


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("half of a docu", "Invalid JSON"),
        ('{"challenger": "2", "challenger_percent": 5000, "salt": "secret"}', "challenger_percent: "),
        ('{"challenger": "2", "challenger_percent": NaN, "salt": "secret"}', "challenger_percent: "),
        ('{"challenger": "2", "challenger_percent": 5, "salt": ["secret"]}', "salt: "),
    ],
)
def test_a_tag_that_cannot_be_read_is_said_once_and_without_the_salt(tag: str, reason: str) -> None:
    with capture_logs() as logs:
        assert [read_traffic(tag) for _ in range(3)] == [None] * 3
    (said,) = logs
    assert said["log_level"] == "warning"
    assert reason in said["reason"]
    assert "secret" not in str(said)


def test_where_there_is_no_tag_there_is_nothing_to_say() -> None:
    with capture_logs() as logs:
        assert read_traffic(None) is None
    assert logs == []
