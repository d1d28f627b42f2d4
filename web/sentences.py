"""Sentences of the layers below, in the reader's language.

What a reader of documents, a training or a strategy has to say is written down as one English sentence, where
it happened and for whoever reads the log. Here it is told again to people: `told` finds which sentence it is
and what was put into it, and says the same in their language. One that is not known is shown as it is.

A sentence is listed as its layer writes it, with %(name)s in place of what changes; the tests keep the list
true.
"""

from __future__ import annotations

import re
from functools import cache

from flask_babel import gettext

VALUE = re.compile(r"%\((\w+)\)s")
BETWEEN = "; "  # reasons that stand one behind the other


def _l(sentence: str) -> str:
    """Marks a sentence for the translators."""
    return sentence


SENTENCES = (
    # documents
    _l("'%(name)s' is empty."),
    _l("'%(name)s' is empty; nothing was uploaded"),
    _l("'%(name)s' holds no text."),
    _l("'%(name)s' is larger than %(size)s MiB, the most that is accepted."),
    _l("'%(name)s' is larger than the %(size)s that are accepted; split it"),
    _l("'%(name)s' cannot be read: its content is damaged; save it again and upload it."),
    _l("'%(name)s' is protected with a password; upload a copy without one."),
    _l("'%(name)s' is damaged or was cut off: it begins like a PDF but cannot be opened."),
    _l("'%(name)s' is damaged or was cut off: it begins like an Office file but cannot be unpacked."),
    _l("'%(name)s' is neither a Word document nor an Excel workbook, though it is packed like one."),
    _l("'%(name)s' is a ZIP archive; unpack it and upload the documents inside."),
    _l(
        "'%(name)s' holds no text: its pages are pictures, as a scanner makes them. "
        "Run text recognition (OCR) on it and upload the result."
    ),
    _l("'%(name)s' has %(pages)s pages, more than the %(most)s that are accepted; split it."),
    _l("'%(name)s' holds more than %(most)s characters of text; split it."),
    _l("'%(name)s' holds more text and formatting than can be read at once; split it."),
    _l("'%(name)s' has more than %(most)s rows in '%(sheet)s'; split it."),
    _l("'%(name)s' has more than %(most)s rows; split it into several files."),
    _l("'%(name)s' has broken quotation marks in most of its rows; save it again as CSV."),
    _l("'%(name)s' holds no text in any encoding we know: it is damaged, or of a kind that is not read."),
    _l("the document's file is gone from the data directory; upload it again"),
    _l("the disk is full: '%(name)s' was not kept; free some space and upload it again"),
    # trainings
    _l("there are no pairs to learn from; import some first: kotae pairs import FILE"),
    _l("a training is %(state)s already; wait until it has ended, or cancel it"),
    _l("an adapter cannot be called '%(name)s'; up to 80 characters, without slashes, are accepted"),
    _l("every preference is about a question that is held out; there is nothing to learn from"),
    _l(
        "there are no preferences yet; they come of thumbs down where the desk has a better answer, and of "
        "corrections that an admin accepted"
    ),
    _l("no adapter is promoted: promote one, or name the one to go on from (--from)"),
    _l("at least %(fewest)s examples are needed there, and there are %(count)s"),
    _l("the fine-tuning job failed there: %(why)s"),
    _l("the fine-tuning job was cancelled there; resume to begin another"),
    _l("no key for the fine-tuning API: set [openai] api_key (KOTAE_OPENAI__API_KEY)"),
    _l("the fine-tuning API at %(address)s refused the key; set [openai] api_key"),
    _l("the fine-tuning API at %(address)s refused: %(why)s"),
    _l("the fine-tuning API at %(address)s cannot be reached; what was begun goes on there, resume later"),
    _l(
        "the disk is full: %(file)s could not be written to '%(folder)s'. What was reached before is kept; "
        "free some space and resume"
    ),
    _l(
        "out of memory: not even one example fits; take shorter answers, a smaller base, or a machine with "
        "more memory"
    ),
    _l("out of memory: from here on about %(fewer)s examples at once instead of %(before)s"),
    _l(
        "the loss was not finite %(times)s times, at rates down to %(rate)s; check the pairs and the base, "
        "or choose a lower rate"
    ),
    _l("the loss was not finite at step %(at)s: back to step %(step)s, with half the rate"),
    _l("the held-out loss has not fallen since step %(step)s"),
    _l("the time is up; the best so far is of step %(step)s"),
    _l("reading the examples"),
    _l("proving the adapter"),
    _l("finding out when to believe it"),
    _l("too few preferences to hold one out: it is measured on what it learns"),
    _l("four-bit weights need a CUDA device and 'pip install bitsandbytes'"),
    _l("this did not work: %(kind)s; the log has the details"),
    # why an answer is as it is
    _l("found %(count)s passages"),
    _l("searched for '%(query)s'"),
    _l("no passage was found"),
    _l("quoted %(count)s of %(all)s sentences"),
    _l("abstained"),
    _l("the evidence is not enough"),
    _l("what was found holds no sentence to quote"),
    _l("nothing was found to quote"),
    _l("the documents answer with likelihood %(sure)s, below %(enough)s"),
    _l("its answer is right with likelihood %(sure)s, below %(enough)s"),
    _l("chose '%(name)s'"),
    _l("passed over '%(name)s'"),
    _l("spoke with %(adapter)s"),
    _l("the answer comes from the product model, not from a document"),
    _l("was sure enough to answer"),
    _l("answered without knowing how sure it is"),
    _l("the adapter was never calibrated: it abstains only where the model itself refuses"),
    _l("the adapter was taught from memory only; train one that reads, with raft"),
    _l("the model says that it is not there"),
    _l("the model had nothing to say"),
    _l("the answer was cut off"),
    _l("found documents that say %(held)s of %(all)s sentences"),
    _l("the model did not read them: they were found afterwards"),
    _l("looked for no evidence"),
    _l("the search does not answer just now: %(why)s"),
    _l("said the question back"),
    _l("no adapter is promoted: train one ('kotae train'), then promote it ('kotae adapters promote NAME')"),
)


def told(sentence: object) -> str:
    """The sentence in the reader's language; several that stand one behind the other, each by itself."""
    text = str(sentence)
    whole = known(text)
    if whole is not None:
        return whole
    parts = [known(part) for part in text.split(BETWEEN)]
    if not any(parts):
        return text
    return BETWEEN.join(part or given for part, given in zip(parts, text.split(BETWEEN), strict=True))


def known(text: str) -> str | None:
    """The sentence in the reader's language, if it is one of ours."""
    for sentence, pattern in patterns():
        if (found := pattern.fullmatch(text)) is not None:
            return str(gettext(sentence, **found.groupdict()))
    return None


@cache
def patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((sentence, re.compile(pattern_of(sentence), re.DOTALL)) for sentence in SENTENCES)


def pattern_of(sentence: str) -> str:
    """What the sentence looks like with any values; a name with an apostrophe stands in double quotes."""
    parts = VALUE.split(sentence)
    made = [
        f"(?P<{part}>.+?)" if at % 2 else re.escape(part).replace("'", "['\"]")
        for at, part in enumerate(parts)
    ]
    return "".join(made)
