"""Run by Alembic; the connection comes from `Catalog.create`."""

from alembic import context

from gatherset.dataset.catalog.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
