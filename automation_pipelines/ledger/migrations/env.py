"""Runs the migrations on the connection it is given; `ledger.schema` is the only caller."""

from alembic import context

from automation_pipelines.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
