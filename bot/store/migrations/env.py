"""What Alembic runs: the connection comes from bot.store.migrate, which also says which tables are ours."""

from alembic import context

from bot.store.migrate import METADATA, ours

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    include_name=ours,
    render_as_batch=True,  # SQLite changes a table by making a new one
    user_module_prefix="database.",
)
with context.begin_transaction():
    context.run_migrations()
