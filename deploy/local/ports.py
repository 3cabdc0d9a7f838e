"""Whether the ports are free and, if not, who has them."""

import socket
from collections.abc import Mapping

import psutil

from deploy.local.errors import CannotStart
from deploy.local.settings import PORT_SETTINGS


def require_free(ports: Mapping[str, int], *, gateway_host: str) -> None:
    """Names every port that is taken, by whom, and the setting that moves it.

    Raises:
        CannotStart: at least one port is taken.
    """
    taken = [
        f"port {port} for {process} is taken{_owner(port)}: {_way_out(process)}"
        for process, port in ports.items()
        if not _is_free(port, host=gateway_host if process == "gateway" else "127.0.0.1")
    ]
    if taken:
        raise CannotStart("\n".join(taken))


def _is_free(port: int, *, host: str) -> bool:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            # As the servers do: connections of a stack that has just ended must not count.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(1)
    except socket.gaierror as error:
        raise CannotStart(f"GATEWAY_HOST {host} is no address: {error.strerror}") from None
    except PermissionError:
        raise CannotStart(f"port {port} needs rights that you do not have: set GATEWAY_PORT above 1023") from None
    except OSError:
        return False
    return True


def _owner(port: int) -> str:
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return ""  # some systems tell only root
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr:
            continue
        if connection.laddr.port == port and connection.pid:
            return f" by {_name(connection.pid)} (pid {connection.pid})"
    return ""


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "another process"


def _way_out(process: str) -> str:
    if process == "gateway":
        return "set GATEWAY_PORT to move the whole stack"
    return f"set {PORT_SETTINGS[process]}, or GATEWAY_PORT to move the whole stack"
