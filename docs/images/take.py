"""Takes the pictures of this folder anew: the shop with the chat, and the console, light and dark.

    make screenshots

docs/pictures.md shows them. What is trained is really trained, but on the first of the demo's pairs alone and
not for long, so that all pictures are of one day.

It needs what the tests need (`make test` installs it) and a Chromium, on the PATH or named in CHROMIUM. The
installation it shows is made in a temporary folder: the demo's documents and pairs, and some strategies to
choose from. A page that the menu leads to is taken without being named here.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Playwright, ViewportSize, expect, sync_playwright
from werkzeug.serving import make_server

from bot.evaluation.helper import Said
from bot.kotae import Kotae
from bot.settings import Settings
from demo.pairs import suggested
from strategies.llm.prompt import Message
from strategies.lora.training.recipe import Recipe
from web.app import create_app
from web.cli.demo import FOLDER
from web.cli.documents import add_files, files_in

HERE = Path(__file__).parent
SIZE = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=360, height=740)
COLOURS = 128  # of a picture: pages have few
QUESTION = "Does the Mug work with wireless charging?"
UNKNOWN = (
    "Who won the chess championship?",
    "How is the weather in Boston?",
    "Who has won at chess this year?",
)
TRIED = "roughly how long am I covered if my Duo breaks?"
TRAINING_MS = 900_000
TAUGHT = 160  # of the demo's pairs: a few of its facts
FACTS, REWORDED = ("price.millpro", "tank.one"), 5
SHORT = Recipe(epochs=6, contrast=1, augment=False)
HALF = 0.5
PAIRS = HERE.parents[1] / "demo" / "pairs.jsonl"
QUESTIONS = HERE.parents[1] / "demo" / "questions" / "calibration.jsonl"
ASKED = 60  # of these
GUIDE, CHANGE = "kettle-guide.md", ("60 minutes", "45 minutes")
ALSO = {  # pages that the menu does not name
    "/console/overview/unanswered": "console-unanswered",
    "/console/canned": "console-canned",
    "/console/strategy/manuals": "console-strategy-options",
    "/console/router": "console-router",
    "/console/documents/index": "console-index",
    "/console/documents/watched": "console-watched",
    "/console/documents/use": "console-use",
    "/api/reference": "api-reference",
}
COMPARED = ("manuals", "brief")
WHO = "mika@example.com"
PASSWORD = secrets.token_urlsafe()
STARTERS = ("How long is the warranty?", "My coffee tastes sour. What can I do?")
STRATEGIES = {
    "manuals": {"use": "rag", "inner": "quotes"},
    "brief": {"use": "rag", "inner": "one sentence"},
    "one sentence": {"use": "quotes", "sentences": 1},
    "model": {"use": "rag", "inner": "local"},
    "local": {"use": "llm", "model": "qwen3:4b", "base_url": "http://127.0.0.1:11434/v1"},
    "best": {"use": "first_of", "of": ["model", "manuals"]},
    "product": {"use": "lora"},
}


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as data,
        installation(Path(data)) as kotae,
        served(kotae) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=sandbox())
        page = browser.new_page(viewport=SIZE, locale="en", color_scheme="light", reduced_motion="reduce")
        shop(page, address)
        for unknown in UNKNOWN:
            list(kotae.ask(kotae.conversations.start(language="en").id, unknown))
        sign_in(page, address)
        with PAIRS.open("rb") as file:
            kotae.pairs.import_(file, PAIRS.name, by=WHO)
        search(page, address)
        for path in menu(page):
            page.goto(f"{address}{path}")
            take(page, f"console-{path.strip('/').rsplit('/', 1)[-1]}")
        conversation(page, address, kotae)
        library(page, address, kotae)
        pairs(page, address, kotae)
        comparison(page, address, kotae)
        for path, name in ALSO.items():
            page.goto(f"{address}{path}")
            take(page, name)
        product_model(page, address, kotae)
        phone(playwright, address)


def shop(page: Page, address: str) -> None:
    """A customer has asked and looks at the words that the answer rests on."""
    page.goto(f"{address}/shop?language=en")
    page.get_by_role("button", name="Open chat").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("button", name=STARTERS[0])).to_be_visible()
    take(page, "shop-begin")
    frame.locator("#question").fill(QUESTION)
    frame.locator("#question").press("Enter")
    answer = frame.locator(".message").last
    expect(answer.locator(".feedback")).to_be_visible()
    answer.locator("summary").first.click()
    expect(answer.locator(".passage").first).to_be_visible()
    frame.locator(".message").nth(-2).evaluate("question => question.scrollIntoView()")
    take(page, "shop")


def sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/console/sign-in")
    take(page, "console-sign-in")
    page.get_by_label("Email").fill(WHO)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "sign-in" not in url)


def menu(page: Page) -> list[str]:
    """The pages that the menu leads to, but the one that `search` takes."""
    paths = page.eval_on_selector_all("nav a, .navbar-nav a", "links => links.map((it) => it.pathname)")
    return [path for path in dict.fromkeys(paths) if path.startswith("/console/") and "search" not in path]


def search(page: Page, address: str) -> None:
    page.goto(f"{address}/console/search")
    page.get_by_label("Question").fill(QUESTION)
    page.get_by_label("Answer with").select_option("manuals")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("region", name="Answer of manuals")).to_be_visible()
    page.get_by_role("heading", level=1).click()  # nothing has the focus
    take(page, "console-search")


def conversation(page: Page, address: str, kotae: Kotae) -> None:
    """What the customer of the shop has asked, as an operator reads it, answers it again, corrects it,
    could step into it, and forgets its customer.
    """
    page.goto(f"{address}/console/conversations")
    page.get_by_role("link", name=QUESTION).first.click()
    read = page.url
    conversation_id = read.rsplit("/", 1)[-1]
    take(page, "console-conversation")
    page.get_by_role("button", name="Answer again").first.click()
    expect(page.get_by_role("heading", name="Answered again", exact=False).first).to_be_visible()
    take(page, "console-again")
    answer = kotae.conversations.get(conversation_id).messages[-1].id
    page.goto(f"{address}/console/answers/{answer}/correct")
    take(page, "console-correct")
    page.goto(f"{address}/console/inbox/{conversation_id}")
    take(page, "console-inbox-chat")
    page.goto(f"{read}/erase")
    take(page, "console-erase")


def library(page: Page, address: str, kotae: Kotae) -> None:
    """A document with its passages and what a new version changed."""
    guide = (FOLDER / GUIDE).read_text("utf-8")
    changed = kotae.library.receive(BytesIO(guide.replace(*CHANGE, 1).encode()), GUIDE, by=WHO)
    document = kotae.library.ingest(changed.document.id).id
    for path, name in (
        (document, "document"),
        (f"{document}/passages?at=1", "passages"),
        (f"{document}/versions", "versions"),
    ):
        page.goto(f"{address}/console/documents/{path}")
        take(page, f"console-{name}")


def pairs(page: Page, address: str, kotae: Kotae) -> None:
    """A candidate, and the pair that it becomes."""
    kotae.candidates.add(QUESTION, "Yes, any Qi charger fills it in three hours.", by=WHO)
    page.goto(f"{address}/console/pairs/candidates")
    take(page, "console-candidates")
    page.goto(f"{address}/console/pairs/{kotae.pairs.list().pairs[0].id}")
    take(page, "console-pair")
    wordings(page, address, kotae)


def wordings(page: Page, address: str, kotae: Kotae) -> None:
    """What a model once wrote for two of the facts."""
    kotae.helpers = kotae.wordings._helpers = AsWritten()  # type: ignore[assignment]
    kotae.jobs.run(kotae.wordings.begin(by=WHO, count=REWORDED, facts=FACTS).id)
    page.goto(f"{address}/console/pairs/wordings")
    take(page, "console-wordings")


class AsWritten:
    """A helper that answers with the demo's suggested wordings of the fact that it is asked for."""

    name = "qwen3:8b"

    def model(self) -> str:
        return self.name

    def get(self) -> AsWritten:
        return self

    def __call__(self, messages: Sequence[Message]) -> Said:
        answer = json.loads(messages[-1].content)["answer"]
        return Said(json.dumps([pair.question for pair in suggested() if pair.answer == answer]))


def comparison(page: Page, address: str, kotae: Kotae) -> None:
    """Two strategies beside each other, on some of the demo's open questions."""
    asked = b"".join(QUESTIONS.read_bytes().splitlines(keepends=True)[:ASKED])
    kotae.question_sets.import_(BytesIO(asked), QUESTIONS.name, "spring questions", by=WHO)
    kotae.jobs.start()
    run = kotae.evaluations.start("spring questions", COMPARED, by=WHO)
    while not kotae.evaluations.run(run.id).ended:
        page.wait_for_timeout(500)
    kotae.jobs.stop()
    here = f"{address}/console/compare"
    page.goto(f"{here}/{run.id}")
    take(page, "console-comparison")
    page.goto(f"{here}/{run.id}/answers")
    take(page, "console-answers")
    one = kotae.question_sets.get("spring questions")
    page.goto(f"{here}/{run.id}/answers/{one.questions[0].id}")
    take(page, "console-answer-side-by-side")
    page.goto(f"{here}/{run.id}/report")
    take(page, "console-report")
    page.goto(f"{here}/sets/{one.id}")
    take(page, "console-question-set")
    page.goto(f"{here}/sets/{one.id}/questions/{one.questions[0].id}")
    take(page, "console-question")
    page.goto(f"{here}/sets/{one.id}/drafts")
    take(page, "console-drafts")


def phone(playwright: Playwright, address: str) -> None:
    """The chat in Japanese on a small screen."""
    browser = playwright.chromium.launch(executable_path=chromium(), args=sandbox())
    page = browser.new_page(viewport=PHONE, locale="ja", reduced_motion="reduce")
    page.goto(f"{address}/shop?language=ja")
    page.get_by_role("button", name="チャットを開く").click()
    frame = page.frame_locator("iframe")
    expect(frame.locator("#question")).to_be_focused()  # the frame has begun to listen
    frame.locator("#question").fill("送料はいくらですか？")
    frame.locator("#question").press("Enter")
    expect(frame.locator(".message").last.locator(".feedback")).to_be_visible()
    frame.locator(".message").nth(-2).evaluate("question => question.scrollIntoView()")
    take(page, "shop-phone")
    browser.close()


def product_model(page: Page, address: str, kotae: Kotae) -> None:
    """A training half way, its adapter beside everybody else, and the pages on which both stand."""
    kotae.jobs.start()
    taught = kotae.pairs.all()[:TAUGHT]
    run = kotae.training.start("desk-november", by=WHO, recipe=SHORT, pairs=taught)
    page.goto(f"{address}/console/training/{run.id}")
    progress = page.locator("progress")
    while progress.count() and progress.evaluate("it => it.value") <= HALF:
        page.wait_for_timeout(500)
    take(page, "console-training-run")
    expect(page.get_by_role("link", name="To its adapter")).to_be_visible(timeout=TRAINING_MS)
    kotae.jobs.stop()
    kotae.shelf.promote(kotae.training.run(run.id).adapter, WHO)
    page.goto(f"{address}/console/adapters")
    page.get_by_role("searchbox", name="Question").fill(TRIED)
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("region", name="The nearest taught question")).to_be_visible(timeout=TRAINING_MS)
    page.evaluate("scrollTo(0, 0)")
    page.get_by_role("heading", level=1).click()
    take(page, "console-adapters-tried")
    page.goto(f"{address}/console/adapters/{kotae.training.run(run.id).adapter}")
    take(page, "console-adapter")
    for name in ("training", "adapters"):
        page.goto(f"{address}/console/{name}")
        take(page, f"console-{name}")


def take(page: Page, name: str) -> None:
    """A picture of the page as it is, and one in the dark."""
    for scheme, ending in (("dark", "-dark"), ("light", "")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        drawn = Image.open(BytesIO(page.screenshot()))
        drawn.convert("RGB").quantize(COLOURS).save(HERE / f"{name}{ending}.png", optimize=True)
    print(f"{name}.png: {(HERE / name).with_suffix('.png').stat().st_size:,} bytes")  # noqa: T201


@contextmanager
def installation(data: Path) -> Iterator[Kotae]:
    """A shop's Kotae after a few days: its manuals, one damaged upload, and a switch that was tried."""
    kotae = Kotae.open(
        Settings(
            data=data,
            product="Ostrelle",
            strategies=STRATEGIES,
            chat={"strategy": "manuals"},
            widget={"starters": {"en": STARTERS}},
        )
    )
    kotae.warm_up()
    kotae.users.add(WHO, PASSWORD, "admin")
    add_files(kotae, list(files_in([FOLDER])))
    damaged = kotae.library.receive(BytesIO(b"%PDF-1.7 cut off"), "spring-catalogue.pdf", by=WHO)
    kotae.library.ingest(damaged.document.id)
    for name in ("best", "manuals"):
        kotae.switch.use(name, WHO)
    yield kotae
    kotae.close()


@contextmanager
def served(kotae: Kotae) -> Iterator[str]:
    """The address under which it answers."""
    server = make_server("127.0.0.1", 0, create_app(kotae), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def chromium() -> str:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        raise SystemExit("no Chromium was found: install one, or name it in CHROMIUM")
    return path


def sandbox() -> list[str]:
    """Chromium has none for root."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    main()
