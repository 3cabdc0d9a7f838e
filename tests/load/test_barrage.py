import pytest

from tests.load.barrage import Connection

ANSWER = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\nRetry-After: 1\r\n\r\nsorry"


@pytest.mark.parametrize("piece", [1, 7, len(ANSWER)])
def test_an_answer_is_whole_however_it_is_cut(piece: int) -> None:
    seen: list[int] = []
    connection = Connection(b"", lambda _connection, status, _took: seen.append(status))
    for start in range(0, len(ANSWER), piece):
        assert seen == []
        connection.data_received(ANSWER[start : start + piece])
    assert seen == [503]


def test_a_connection_that_breaks_with_a_request_on_its_way_is_an_error() -> None:
    seen: list[int] = []
    connection = Connection(b"", lambda _connection, status, _took: seen.append(status))
    connection.connection_lost(None)
    assert seen == []
    connection.is_busy = True
    connection.connection_lost(None)
    assert seen == [0]
