"""Connections to the trainer's database."""

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

_BUSY_MILLISECONDS = 20_000  # whoever moves an alias has the database meanwhile, however slow MLflow is
_POSTGRES: dict[str, int | str] = {
    "connect_timeout": 3,  # seconds
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
_IMPATIENT = {"options": "-c statement_timeout=10s -c lock_timeout=8s -c idle_in_transaction_session_timeout=60s"}
"""No statement here takes a second. One that waits for a lock, a host that is gone, or a transaction whose process was
stopped in the middle, should hold nobody up for minutes.
"""


def connect(database_url: str, *, is_patient: bool = False) -> Engine:
    """An engine that checks connections before use and waits for nothing longer than seconds, unless it is patient, as
    a migration of large tables has to be; SQLite waits for other writers and keeps readers going.
    """
    url = make_url(database_url)
    postgres = _POSTGRES if is_patient else {**_POSTGRES, **_IMPATIENT}
    is_postgres = url.get_backend_name() == "postgresql"
    engine = create_engine(url, pool_pre_ping=True, connect_args=postgres if is_postgres else {})
    if not is_postgres:
        event.listen(engine, "connect", _tune_sqlite)
    return engine


def _tune_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
    cursor.close()
