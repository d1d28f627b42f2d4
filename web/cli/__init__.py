"""The command line: `kotae`, each command thin over the same code as the page that does the same.

What a command needs is imported when it runs, so that `kotae --help` answers at once.
"""

from __future__ import annotations

import click

from web.cli import (
    adapters,
    conversations,
    database,
    demo,
    documents,
    evaluate,
    index,
    keys,
    pairs,
    preferences,
    question_sets,
    questions,
    router,
    serve,
    stages,
    strategy,
    train,
    users,
    watches,  # noqa: F401 - it adds its commands to `documents`
    webhooks,
)
from web.cli.shell import Root


@click.group(cls=Root)
@click.version_option(package_name="kotae")
def main() -> None:
    """Kotae: answers customers from your own documents."""


for command in (
    serve.serve,
    serve.worker,
    users.users,
    documents.documents,
    index.index,
    questions.search,
    questions.ask,
    strategy.strategy,
    conversations.conversations,
    conversations.retention,
    keys.keys,
    webhooks.webhooks,
    router.router,
    pairs.pairs,
    train.train,
    preferences.preferences,
    question_sets.questions,
    evaluate.evaluate,
    adapters.adapters,
    stages.stages,
    database.db,
    demo.demo,
):
    main.add_command(command)
