#!/app/bin/python
"""Becomes MLflow: `mlflow-container migrate` brings the database up to date and ends, `mlflow-container server` serves.

MLflow hands its database's address to its children as an argument and in the environment, so the address holds no
password: libpq reads that from a file that only this user may read, which is made here from the secret.
"""

import os
import sys
from pathlib import Path

_SECRET = Path("/run/secrets/postgres_mlflow_password")
_PASSWORD_FILE = Path("/tmp/.pgpass")  # noqa: S108 # a tmpfs of this container's own
_DATABASE = "postgresql+psycopg://mlflow@postgres:5432/mlflow"
_SERVER = [
    *("--host", "0.0.0.0", "--port", "5000", "--workers", "1"),  # noqa: S104 # in a container
    # The predictors ask every few seconds.
    *("--uvicorn-opts", "--no-access-log --log-config /app/server/logging.json"),
    *("--backend-store-uri", _DATABASE),
    *("--serve-artifacts", "--artifacts-destination", "/var/lib/mlflow/artifacts"),
]


def main() -> None:
    """Replaces this process, so that signals reach MLflow."""
    descriptor = os.open(_PASSWORD_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"*:*:*:*:{_SECRET.read_text().strip()}\n")
    os.environ["PGPASSFILE"] = str(_PASSWORD_FILE)
    arguments = {"migrate": ["db", "upgrade", _DATABASE], "server": ["server", *_SERVER]}[sys.argv[1]]
    os.execv(sys.executable, [sys.executable, "/app/server/command.py", *arguments])  # noqa: S606 # no shell is what we want


if __name__ == "__main__":
    main()
