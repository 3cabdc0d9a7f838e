"""The health check of our containers: `healthcheck.py http PORT PATH [HOST]` or `healthcheck.py file PATH SECONDS`.

Run with `python -I -S`: it imports two small modules, so that asking every few seconds costs next to nothing.
"""

import sys
import time

_PATIENCE_SECONDS = 3


def _http(port: str, path: str, host: str = "localhost") -> str | None:
    """What is wrong with the answer at a path of this container, asked for under a host name."""
    import socket  # noqa: PLC0415 # not needed for a file

    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(port)), timeout=_PATIENCE_SECONDS) as connection:
        connection.sendall(request.encode())
        answer = connection.makefile("rb").read().decode(errors="replace")
    head, _, body = answer.partition("\r\n\r\n")
    status_line = head.partition("\r\n")[0]
    return None if status_line.split(" ")[1:2] == ["200"] else f"{status_line}: {body[:500]}"


def _file(path: str, seconds: str) -> str | None:
    """What is wrong with a file that a living process touches."""
    import os  # noqa: PLC0415 # not needed for HTTP

    age_seconds = time.time() - os.stat(path).st_mtime  # noqa: PTH116 # pathlib takes as long to import as all else
    return None if age_seconds <= float(seconds) else f"{path} was last touched {age_seconds:.0f} s ago"


def main() -> int:
    """The exit status: 0 when all is well."""
    kind, *arguments = sys.argv[1:]
    try:
        trouble = _http(*arguments) if kind == "http" else _file(*arguments)
    except OSError as error:
        trouble = str(error)
    if trouble:
        print(trouble)
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main())
