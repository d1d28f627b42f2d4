"""A Japanese admin goes through the whole console and reads no English in it.

What they and their customers wrote is Japanese here, so every other word in Latin letters is ours: a name, or
a sentence that was forgotten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import lxml.html
import pytest
from flask import Flask

from bot.evaluation.decision import Rules
from bot.kotae import Kotae
from bot.settings import Fetching, Settings
from strategies.lora.shelf import Proof
from strategies.lora.shelf.card import CURVE
from strategies.lora.training import apart
from strategies.lora.training.work import Told, TrainingFailed
from tests.bot.speakers import suggested
from tests.knowledge_base import internet
from tests.people import Admin, Customer
from tests.strategies.lora.adapters import on_paper

MANUAL = """# ケトル

## ケトルにはどれくらい入りますか。
ケトルには水が1.7リットル入ります。上の印まで入れて、ふたを閉めてください。

## ケトルの手入れはどうしますか。
毎月、酢でケトルの湯あかを取ってください。そのあと、きれいな水で2回すすいでください。
"""
QUESTIONS = [
    {
        "id": "1",
        "question": "ケトルの手入れはどうしますか。",
        "facts": ["酢"],
        "wrong": ["塩"],
        "tags": ["手入れ"],
    },
    {"id": "2", "question": "1990年のワールドカップはどこが勝ちましたか。", "answerable": False},
]
BAD_LINES = [
    '{"question": "質問1は何ですか。", "answer": "違う答えです。"}',
    '{"question": ""}',
    "{",
    "[]",
    json.dumps({"question": "長" * 2001, "answer": ""}, ensure_ascii=False),
    json.dumps({"question": "長い？", "answer": "長" * 9001, "language": "日本"}, ensure_ascii=False),
    json.dumps({"question": "行？", "answer": "行\n" * 60}, ensure_ascii=False),
]
FIGURES = {"held_out_loss": 0.47, "held_out_exact": 0.5, "seconds": 92.0}
HELD = "the held-out loss has not fallen since step 10"
NAMES = """
Kotae Duo Alpaca OpenAI ShareGPT Qwen Excel Word Holm McNemar English Alt Ctrl Enter Esc Shift API BM BM25
CPU CSS CSV CUDA DoRA GGUF GPU HTML HTTP ID JPEG JSON JSONL KB kB Lines LoRA MB Markdown PDF PNG QLoRA rsLoRA
SVG URL UTC WebP Webhook Webhooks ZIP zip html markdown csv ms admin ask back customer bot both cost cpu cuda
current bfloat float en ja for dealers gate helper openai pairs quotes shipped sites system-ui tokens torch
web answerable facts history language part question reference sources tags wrong read write search documents
wise ada
"""  # products, formats, units, keys, and what a file or a setting must say
OURS = re.compile(  # no words: addresses, files, hashes, names in 「」, what a library says
    r"https?://[!-~]+|\S+@\S+|[\w.-]+\.(?:md|pdf|html|jsonl|csv|toml)\b|\b(?=\w*\d)[0-9a-f]{6,}\b"
    r"|\b(\w)\1{5,}\b|「[^」]*」|Connection error"
)
WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*[A-Za-z]")
READ = ("title", "aria-label", "placeholder", "alt", "label", "data-sure", "data-busy", "data-failed")
UNREAD = " or ".join(f"ancestor::{one}" for one in ("script", "style", "code", "pre", "*[@lang='en']"))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    strategies = {
        **settings.strategies,
        "kettles": {"use": "echo", "before": "30か月です。"},
        "router": {"use": "router", "of": ["kettles", "parrot"], "spend": "tokens"},
        "best": {"use": "first_of", "of": ["manuals", "parrot"]},
        "kept": {"use": "cached", "inner": "manuals"},
        "product": {"use": "lora"},
        "hosted": {"use": "llm", "base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key": "k"},
    }
    private = Fetching(private_hosts=("127.0.0.1",))
    return settings.model_copy(
        update={"strategies": strategies, "gate": Rules(questions_at_least=2), "fetching": private}
    )


def fills_the_library(admin: Admin, kotae: Kotae) -> None:
    """Documents in every state, with edits, one of which is left over, and addresses that are watched."""
    files = {
        "ketoru.md": MANUAL,
        "furui.md": "# 古い\n\n古いです。\n",
        "mise.html": "<h1>店</h1><p>朝9時に開きます。</p><p hidden>裏口から入れます。</p>",
    }
    admin.uploads(("kowareta.pdf", b"%PDF-1.7"), *((name, text.encode()) for name, text in files.items()))
    ids = {document.source: document.id for document in kotae.library.documents()}
    kettle = ids["ketoru.md"]
    kotae.library.retire(ids["furui.md"])
    for what, fields in (
        ("rewrite", {"text": "ケトルには水が1.5リットル入ります。"}),
        ("rewrite", {"text": " "}),
        ("split", {"place": 0}),
    ):
        there = kotae.library.passages(kettle)[0]
        admin.sends(f"/console/documents/{kettle}/passages/{there.id}/{what}", at=0, **fields)
        kotae.jobs.drain()
    admin.uploads(("ketoru.md", MANUAL.replace("1.7リットル", "カップ8杯分").encode()))
    with internet.served(internet.Site()) as site:
        page = site.shows("/one", "フィルター\n<p>フィルターは60日ごとに交換してください。</p>")
        for url in (site.lists("/sitemap.xml", page, f"{site.origin}/gone"), f"{site.origin}/none"):
            admin.sends("/console/documents/watched", url=url, every="86400")
        kotae.jobs.drain()


def talks(app: Flask, admin: Admin) -> None:
    """Conversations that were answered, rated, given up, corrected, taken over, closed and erased."""
    asked = QUESTIONS[0]["question"]
    happy, sad, again = (Customer(app, "ja") for _ in range(3))
    happy.rates(happy.asks(asked).id, "up")
    answer = sad.asks("ノルウェーに発送できますか。")
    sad.rates(answer.id, "down", reason="incomplete", comment="足りません")
    admin.sends(
        f"/console/answers/{answer.id}/correct", question="発送は?", answer="はい。", reason="missing"
    )
    sad.asks("それはいつですか。")
    admin.is_there("花子")
    for customer in (sad, again):
        customer.asks(asked)
        customer.asks_for_a_person()
    admin.takes(sad.conversation)
    admin.replies(sad.conversation, "今日発送しました。")
    admin.does("note", sad.conversation, text="急ぎ")
    admin.closes(sad.conversation)
    admin.sends(f"/console/conversations/{happy.conversation}/erase")
    admin.sends("/console/canned", name="挨拶", text="こんにちは。")
    admin.sends("/console/canned", name="挨拶", text="こんばんは。")


def chooses_strategies(admin: Admin) -> None:
    admin.sends("/console/strategy/manuals", k="9", neighbours="1", note="多めに")
    for name in ("parrot", "router", "nonsense"):
        admin.switches_to(name)
    admin.goes_back()
    admin.sends("/console/strategy/shares", **{"share-parrot": "20", "shadow-kettles": "10"})
    admin.sends("/console/strategy/shares", **{"share-parrot": "70", "share-kettles": "70"})


def compares(admin: Admin, kotae: Kotae) -> None:
    """One comparison that ended, one that failed."""
    lines = BytesIO("\n".join(map(json.dumps, QUESTIONS)).encode())
    kotae.question_sets.import_(lines, "shitsumon.jsonl", "質問集", by=admin.email)
    for names in (["manuals", "parrot"], ["hosted"]):
        kotae.evaluations.start("質問集", names, by=admin.email)
        kotae.jobs.drain()
    admin.sends("/console/compare", set="質問集", strategies=["nonsense"])


def teaches(admin: Admin, kotae: Kotae, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Pairs, candidates, trainings that ended in every way, and an adapter."""
    for n in range(4):
        kotae.pairs.add({"question": f"質問{n}は何ですか。", "answer": f"答えは{n}です。"}, by=admin.email)
    kept, gone, *_ = kotae.pairs.list().pairs
    suggested(kotae, "あれは何でしょうか。", "質問は何ですか。")
    admin.sends(f"/console/pairs/{kept.id}/use", use="both")
    kotae.pairs.remove(gone.id, by=admin.email)
    admin.sends(
        "/console/pairs/candidates", question="質問2は何ですか。", answer="候補です。", why="聞かれた"
    )
    faults: list[Exception | None] = [None, TrainingFailed(HELD)]

    def run_apart(
        place: Path, told: Callable[[Told], None], stopped: Callable[[], bool], threads: int = 1
    ) -> Path:
        stopped()
        told(Told(10, 100, 0.1, 3.0, 3.5, 1e-3, 90.0))
        if fault := faults.pop(0):
            raise fault
        return on_paper(place / "adapter", "春", figures=FIGURES)

    monkeypatch.setattr(apart, "run_apart", run_apart)
    for name in ("春", "夏", "秋"):
        run = kotae.training.start(name, base="shipped", by=admin.email)
        if name == "秋":
            kotae.training.cancel(run.id, by=admin.email)
        kotae.jobs.drain()
    paper = on_paper(folder / "春", "春", seed=1, figures=FIGURES)
    (paper / CURVE).write_text(json.dumps(asdict(Told(10, 100, 1.0, 3.0, 2.5, 1e-3, 9.0))) + "\n")
    kotae.shelf.promote(kotae.shelf.put(paper).hash, admin.email, lambda _: Proof())


def pages_of(admin: Admin) -> Iterator[tuple[str, str]]:
    """Every page that a page leads to, once for each thing it is about."""
    seen: set[tuple[str, ...]] = set()
    waiting = ["/console/overview", "/console/search?q=ケトルの手入れ&strategy=manuals", "/console/router"]
    while waiting:
        path = urlsplit(waiting.pop(0))
        key = (path.path, *sorted(name for name, _ in parse_qsl(path.query)))
        if key in seen or "language=" in path.query or not path.path.startswith("/console/"):
            continue
        seen.add(key)
        answer = admin.opens(f"{path.path}?{path.query}")
        assert answer.status_code in (200, 302), path
        if answer.mimetype == "text/html":
            yield path.path, answer.text
            waiting += lxml.html.fromstring(answer.text).xpath("//a[not(@download)]/@href")
        answer.close()


def english(text: str, names: frozenset[str]) -> list[str]:
    """What a page says that is not in Japanese."""
    page = lxml.html.fromstring(text)
    said = page.xpath(f"//text()[not({UNREAD})]") + [one for name in READ for one in page.xpath(f"//@{name}")]
    return [each.strip() for each in said if not names.issuperset(WORD.findall(OURS.sub(" ", each)))]


def test_no_page_of_the_console_says_an_english_sentence_to_a_japanese_admin(
    app: Flask, admin: Admin, kotae: Kotae, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    admin.client.set_cookie("language", "ja")
    fills_the_library(admin, kotae)
    talks(app, admin)
    chooses_strategies(admin)
    compares(admin, kotae)
    teaches(admin, kotae, monkeypatch, tmp_path)
    report = admin.sends("/console/pairs/check", file=(BytesIO("\n".join(BAD_LINES).encode()), "kumi.jsonl"))
    refused = [
        admin.sends("/console/strategy/manuals", k="999", neighbours="x").text,
        admin.sends("/console/strategy/router", of="manuals").text,
        admin.sends("/console/keys", name="在庫").text,
        admin.sends("/console/pairs/new", question="質問2は何ですか。", answer="答えは2です。").text,
        admin.sends("/console/training", name="", base="shipped", rank="x").text,
        admin.opens(report.location).text,
    ]
    admin.sends("/console/keys", name="在庫", scopes=["ask"], days="30")
    names = frozenset(NAMES.split()) | set(kotae.strategies.names())
    found = {path: left for path, text in pages_of(admin) if (left := english(text, names))}
    found |= {f"refused {n}": left for n, text in enumerate(refused) if (left := english(text, names))}
    assert found == {}
