"""Alembic's entry: run the migrations on the connection that `trainer.db.migrate` passes in."""

from alembic import context

from trainer.db.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
