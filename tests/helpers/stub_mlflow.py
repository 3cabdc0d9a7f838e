"""MLflow as predictors see it, over real sockets, with one registered model; it can misbehave in every known way."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlparse

from shared.tests.conftest import regression_onnx

from mlplatform.contracts import HOUSING
from mlplatform.registry.cache import sha256

_API = "/api/2.0/mlflow/"
_FILES = "/api/2.0/mlflow-artifacts/artifacts/"


class StubMlflow:
    """Holds versions of the housing model. `behave` is one of "well", "500", "html", "slow" and "never"."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.behave = "well"
        self.files: dict[str, bytes] = {}
        self._manifests: dict[str, str] = {}
        self.stopping = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def register(self, version: str, *, weight: float = 1.0, onnx: bytes | None = None) -> None:
        """A version whose prediction is weight * sum of the features."""
        model = onnx or regression_onnx(weight)
        row = list(HOUSING.example.values())
        manifest = {
            "model": HOUSING.model,
            "features": list(HOUSING.feature_names),
            "onnx_sha256": sha256(model),
            "onnx_bytes": len(model),
            "training_range": {name: [value - 1, value + 1] for name, value in HOUSING.example.items()},
            "golden": {"rows": [row], "predictions": [weight * sum(row)]},
        }
        data = json.dumps(manifest).encode()
        self.files[f"{version}/model.onnx"] = model
        self.files[f"{version}/manifest.json"] = data
        self._manifests[version] = sha256(data)

    def delete(self, version: str) -> None:
        """Forget a version; aliases may still name it."""
        del self._manifests[version]
        for file in ("model.onnx", "manifest.json"):
            del self.files[f"{version}/{file}"]

    def answer(self, path: str, parameters: dict[str, list[str]]) -> bytes | dict[str, Any] | None:
        """What MLflow says; none where it has no such thing."""
        if path.startswith(_FILES):
            return self.files.get(path.removeprefix(_FILES))
        call = path.removeprefix(_API)
        if call == "registered-models/get":
            aliases = [{"alias": alias, "version": version} for alias, version in self.aliases.items()]
            tags = [{"key": key, "value": value} for key, value in self.tags.items()]
            return {"registered_model": {"aliases": aliases, "tags": tags}}
        [version] = parameters["version"]
        if version not in self._manifests:
            return None
        if call == "model-versions/get":
            return {"model_version": {"tags": [{"key": "manifest_sha256", "value": self._manifests[version]}]}}
        return {"artifact_uri": f"mlflow-artifacts:/{version}"}


def _handler_for(stub: StubMlflow) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            misbehave: dict[str, Callable[[], None]] = {
                "500": lambda: self._send(500, b"{}"),
                "html": lambda: self._send(200, b"<html>sign in</html>"),
                "slow": self._drip,
                "never": lambda: (stub.stopping.wait(60), None)[1],
            }
            if stub.behave != "well":
                misbehave[stub.behave]()
                return
            asked = urlparse(self.path)
            found = stub.answer(asked.path, parse_qs(asked.query))
            if found is None:
                self._send(404, b"{}")
            else:
                self._send(200, found if isinstance(found, bytes) else json.dumps(found).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _drip(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            while not stub.stopping.wait(0.5):
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return

        def log_message(self, *_: object) -> None:
            """Not a word."""

    return Handler
