"""What Postgres says of itself to anybody who may ask, for whoever has no exporter beside it."""

from sqlalchemy import Connection, text

from mlplatform.telemetry.metrics import Figure, Readings

CONNECTIONS = Figure("mlplatform_postgres_connections", "Connections to a database.", ("database",))
MOST_CONNECTIONS = Figure("mlplatform_postgres_connections_max", "Connections that the server allows in all.")
TRANSACTIONS = Figure(
    "mlplatform_postgres_transactions", "Transactions of a database, by how they ended.", ("database", "outcome"), True
)
DEADLOCKS = Figure("mlplatform_postgres_deadlocks", "Deadlocks in a database.", ("database",), True)
SIZE = Figure("mlplatform_postgres_size_bytes", "Size of a database that the trainer may open.", ("database",))
FIGURES = (CONNECTIONS, MOST_CONNECTIONS, TRANSACTIONS, DEADLOCKS, SIZE)

# The statistics are for every role to see, a size is for those who may connect.
_DATABASES = text("""
    SELECT datname, numbackends, xact_commit, xact_rollback, deadlocks,
           CASE WHEN has_database_privilege(datname, 'CONNECT') THEN pg_database_size(datname) END AS size
    FROM pg_stat_database JOIN pg_database USING (datname) WHERE NOT datistemplate
""")
_MOST = text("SELECT current_setting('max_connections')::int")


def of_server(connection: Connection) -> Readings:
    """Of all databases of the server; none of another kind of database."""
    if connection.dialect.name != "postgresql":
        return {}
    rows = connection.execute(_DATABASES).mappings().all()
    return {
        MOST_CONNECTIONS: {(): float(connection.execute(_MOST).scalar_one())},
        CONNECTIONS: {(row["datname"],): row["numbackends"] for row in rows},
        TRANSACTIONS: {
            (row["datname"], outcome): row[column]
            for row in rows
            for outcome, column in (("committed", "xact_commit"), ("rolled_back", "xact_rollback"))
        },
        DEADLOCKS: {(row["datname"],): row["deadlocks"] for row in rows},
        SIZE: {(row["datname"],): row["size"] for row in rows if row["size"] is not None},
    }
