"""The secrets of the containers: made once, kept as files."""

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

_PASSWORDS = (
    "postgres_password",
    "postgres_trainer_password",
    "postgres_mlflow_password",
    "redis_trainer_password",
    "redis_predictor_password",
    "redis_exporter_password",
    "grafana_admin_password",
)
# Whom to tell of alerts: to be replaced by webhooks of one's own. Until then nothing listens, and an alert says so.
_ADDRESSES = ("alert_page_url", "alert_ticket_url", "alert_watchdog_url")
_NOBODY = "http://127.0.0.1:9/nobody-is-told-yet"
# All that a predictor may: hear of one channel (`mlplatform.messaging.events`, which is not installed here).
LISTENS = "resetchannels &mlplatform.models -@all +auth +hello +ping +client|setinfo +subscribe +unsubscribe"
_MEASURES = "+latency|latest +latency|histogram +slowlog|len +slowlog|get"


def make_secrets(folder: Path) -> None:
    """Make what is missing; what is there stays, for the databases know it.

    Only the owner can enter the folder. The files in it can be read by whoever is given one: a container sees a file
    with the owner and mode that it has here, and reads it as a user of its own.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in _ADDRESSES:
        if not (folder / name).exists():
            _write(folder / name, _NOBODY)
    passwords = {name: _password(folder / name) for name in _PASSWORDS}
    for name, text in _derived(passwords).items():
        _write(folder / name, text)


def _password(path: Path) -> str:
    if not path.exists():
        _write(path, secrets.token_hex(24))
    return path.read_text()


def _derived(passwords: Mapping[str, str]) -> dict[str, str]:
    """Where a program takes its password as part of something longer."""
    exporter, predictor = passwords["redis_exporter_password"], passwords["redis_predictor_password"]
    of_trainer, of_predictor = _sha256(passwords["redis_trainer_password"]), _sha256(predictor)
    return {
        "mlplatform_database_url": (
            f"postgresql+psycopg://trainer:{passwords['postgres_trainer_password']}@postgres:5432/trainer"
        ),
        "mlplatform_redis_url": f"redis://trainer:{passwords['redis_trainer_password']}@redis:6379/0",
        "mlplatform_predictor_redis_url": f"redis://predictor:{predictor}@redis:6379/0",
        "redis_exporter_passwords": json.dumps({"redis://exporter@redis:6379": exporter}),
        "redis_users": _lines(
            "user default on nopass resetchannels -@all +ping",
            f"user trainer on #{of_trainer} ~* &* +@all -@admin -@dangerous +info",
            f"user predictor on #{of_predictor} {LISTENS}",
            f"user exporter on #{_sha256(exporter)} -@all +@connection +info +config|get {_MEASURES}",
        ),
    }


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all; one that says so already is left alone, for containers hold it open."""
    if path.exists() and path.read_text() == text:
        return
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.chmod(0o444)
    draft.replace(path)
