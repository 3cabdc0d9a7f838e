"""A real Redis with the users of the containers, to be stopped, paused and started."""

import signal
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import redis

from deploy.containers.secrets import make_secrets
from deploy.local.binaries import find_redis
from tests.helpers.ports import free_port
from tests.helpers.waiting import wait_until


class RedisServer:
    """One on a port, with its secrets in a folder."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        make_secrets(folder / "secrets")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, user: str) -> str:
        password = (self._folder / "secrets" / f"redis_{user}_password").read_text()
        return f"redis://{user}:{password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        users = self._folder / "secrets" / "redis_users"
        command = [
            str(find_redis()),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(self._folder),
        ]
        self._process = subprocess.Popen([*command, "--aclfile", str(users)], stdout=subprocess.DEVNULL)
        wait_until(self._answers, what="Redis")

    def stop(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def _answers(self) -> bool:
        with suppress(redis.RedisError), closing(redis.Redis(port=self.port)) as client:
            return bool(client.ping())
        return False
