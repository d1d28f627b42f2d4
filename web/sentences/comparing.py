"""Sentences about a model's opinions, drafted questions, and a router that learns."""

from web.sentences.marking import _l

SENTENCES = (
    _l("'%(name)s' was not asked; %(names)s were"),
    _l("choose two different strategies"),
    _l("there is no question that both '%(name)s' and '%(other)s' have answered"),
    _l("a model is %(state)s to read other answers; wait until it has, or cancel it"),
    _l("'%(name)s' could not be asked: %(why)s"),
    _l("'%(name)s' is no `llm` strategy, whose model could be asked: %(known)s"),
    _l(
        "no chat model is configured that could do it; name an `llm` strategy, or a server and its model, in "
        "[helper] of kotae.toml"
    ),
    _l("from 1 to %(most)s questions are drafted at once, not %(count)s"),
    _l("there is no document that answers, so there is nothing to draft from"),
    _l("questions are being drafted already (%(state)s); wait for them"),
    _l("this draft was %(state)s by %(name)s"),
    _l("a router is learning already (%(state)s); wait until it has"),
)
