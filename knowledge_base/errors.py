"""How the knowledge base says that something cannot be done.

* KnowledgeError
  - Unreadable    this file cannot be read, and trying again will not help; the sentence says why
    - TooLarge    it is larger than this installation accepts
  - NotFetched    this address is not asked, or gives no document; the sentence says why
  - Unavailable   an engine (ChromaDB, the database, an embedding server) does not answer just now; later may
                  help
  - Misconfigured an engine refuses what it is asked, or a folder what is written, until somebody changes the
                  configuration
  - InUse         another process owns the data directory
  - Conflict      it is not in the state that this needs; the sentence says what to do first
  - NotFound      no such document or passage

The message of each is one sentence fit for an admin: what happened, to what, and what to do.
"""


class KnowledgeError(Exception):
    """The root of what knowledge_base raises on purpose."""


class Unreadable(KnowledgeError):
    """The file's content is at fault; the same bytes will fail again."""


class TooLarge(Unreadable):
    """The file, or what it unpacks to, exceeds a limit."""


class NotFetched(KnowledgeError):
    """The address is not asked, or does not give a document; asking again just now will not help."""


class Unavailable(KnowledgeError):
    """An engine does not answer just now; the step is worth another try."""


class Misconfigured(KnowledgeError):
    """An engine refuses us: a key, a name, an address is wrong. No document is at fault."""


class InUse(KnowledgeError):
    """The data directory belongs to another running process."""


class Conflict(KnowledgeError):
    """What is asked does not fit how things stand now."""


class NotFound(KnowledgeError):
    """There is no such document, version or passage."""
