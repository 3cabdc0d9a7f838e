import json
import socket
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from trainer.promotions.replicas import HttpReplicas, Replica

HEALTH = {
    "status": "ready",
    "version": "1",
    "wanted": {"champion": "2", "previous": "1"},
    "loaded": ["1"],
    "refused": {"2": {"reason": "golden"}},
    "evidence": {"mark": "m", "assigned": 3},
}


@pytest.fixture
def predictor() -> Iterator[tuple[str, dict[str, object]]]:
    """The address of a server that answers as its dict says."""
    answers: dict[str, object] = {"status": 200, "body": json.dumps(HEALTH)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(str(answers["status"])))
            self.end_headers()
            if self.path == "/health":
                self.wfile.write(str(answers["body"]).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_port}", answers
    server.shutdown()
    server.server_close()
    thread.join()


def ask(address: str) -> list[Replica]:
    with closing(HttpReplicas({"iris": f"http://{address}"})) as replicas:
        return replicas.of("iris")


@pytest.mark.parametrize("status", [200, 503])
def test_a_predictor_tells_what_it_has_whether_it_is_ready_or_not(
    predictor: tuple[str, dict[str, object]], status: int
) -> None:
    address, answers = predictor
    answers["status"] = status
    [replica] = ask(address)
    assert (replica.address, replica.trouble, replica.version) == (address, None, "1")
    assert replica.actual() == {"champion": "1", "previous": "1"}
    assert replica.refused == {"2": {"reason": "golden"}}
    assert replica.evidence is not None
    assert replica.evidence.assigned == 3


@pytest.mark.parametrize("body", ["<html>", "[]", '{"loaded": 7}', '{"evidence": {"mark": "m", "disagreement": NaN}}'])
def test_one_that_says_something_else_is_in_trouble(predictor: tuple[str, dict[str, object]], body: str) -> None:
    address, answers = predictor
    answers["body"] = body
    [replica] = ask(address)
    assert (replica.version, replica.actual()) == (None, {})
    assert replica.trouble


def test_one_that_is_gone_or_hangs_is_in_trouble() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        address = f"127.0.0.1:{hanging.getsockname()[1]}"
        [replica] = ask(address)
    assert replica.trouble == "ReadTimeout"
    [replica] = ask(address)
    assert replica.trouble == "ConnectError"


def test_nobody_stands_behind_a_name_that_is_unknown() -> None:
    assert ask("nobody.invalid:1") == []
    with closing(HttpReplicas({})) as replicas:
        assert replicas.of("iris") == []
