"""The widget on somebody else's site: one line, under a strict policy, deaf to strangers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import expect

from bot.appearance import Appearance
from bot.kotae import Kotae
from tests.browser.conftest import IDENTITY_SECRET, Visit
from tests.browser.points import shows
from tests.browser.sites import Site
from tests.browser.stage import Stage, cites
from tests.browser.test_chat import newest
from tests.browser.visitor import Visitor
from tests.browser.windows import Windows, until
from web.chat.identity import signature

LISTENS = """() => {
  const messages = [];
  let tell = () => {};
  addEventListener("message", ({ data }) => tell(messages.push(data?.kotae)));
  window.heard = (n) => new Promise((resolve) => {
    tell = () => messages.filter((it) => it === "close" || it === "opened").length >= n && resolve(true);
    tell();
  });
}"""
"""In a window: `heard(n)` is when so many words came that would close or open a chat. What listened before
has heard them, too."""


def line(kotae: str, attributes: str = "") -> str:
    return f'<script src="{kotae}/widget.js" {attributes} async></script>'


def test_one_line_brings_the_chat_to_a_page_with_a_strict_policy(
    a_visitor: Visit, site: Site, address: str, stage: Stage
) -> None:
    page = site.shows(
        f"<h1>Shop</h1>{line(address)}",
        policy=f"default-src 'none'; img-src data:; script-src {address}; frame-src {address}; "
        "require-trusted-types-for 'script'",
    )
    visitor = a_visitor().visits(page).opens_the_chat()
    stage.says("It works here.")
    visitor.asks("Does it work here?")
    expect(visitor.last.locator(".said")).to_have_text("It works here.")
    expect(visitor.page.locator(".launcher")).to_have_css("border-radius", "50%")  # our styles apply
    assert visitor.page.evaluate("localStorage.length") == 0
    visitor.frame.locator("#close").click()
    expect(visitor.panel).to_be_hidden()
    expect(visitor.launcher).to_be_focused()


def test_the_site_is_kept_with_the_conversation(
    a_visitor: Visit, site: Site, address: str, house: Kotae
) -> None:
    visitor = a_visitor().visits(site.shows(line(address))).opens_the_chat()
    visitor.asks("Where am I?")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    assert newest(house).site == site.origin


def test_the_line_chooses_language_and_side(a_visitor: Visit, site: Site, address: str) -> None:
    visitor = (
        a_visitor("ja")
        .visits(site.shows(line(address, 'data-language="ja" data-position="left"')))
        .opens_the_chat()
    )
    expect(visitor.box).to_have_attribute("placeholder", "質問を入力…")
    box = visitor.panel.bounding_box()
    assert box is not None
    assert box["x"] == 20


def test_without_a_choice_the_chat_speaks_the_language_of_the_page(
    a_visitor: Visit, site: Site, address: str
) -> None:
    visitor = a_visitor("ja").visits(site.shows(line(address), language="ja"))
    expect(visitor.launcher).to_be_visible()


def test_two_lines_bring_one_chat(a_visitor: Visit, site: Site, address: str) -> None:
    visitor = a_visitor().visits(site.shows(line(address) + line(address)))
    visitor.page.wait_for_load_state()
    expect(visitor.launcher).to_have_count(1)


def test_the_loader_hears_its_own_frame_alone(a_visitor: Visit, site: Site, address: str) -> None:
    """The page and a stranger's frame say "close", and a frame of Kotae's origin that is not the chat."""
    stranger, other = (
        '<iframe id="stranger" srcdoc="<p>"></iframe>',
        f'<iframe id="other" src="{address}/widget/frame"></iframe>',
    )
    visitor = a_visitor().visits(site.shows(line(address) + stranger + other))
    visitor.launcher.click()
    box = visitor.page.frame_locator("dialog iframe").locator("#question")
    expect(box).to_be_focused()
    say = "parent.postMessage({ kotae: 'close' }, '*')"
    visitor.page.evaluate(LISTENS)
    visitor.page.evaluate(say)
    visitor.page.frame_locator("#stranger").locator("body").evaluate(say)
    visitor.page.frame_locator("#other").locator("body").evaluate(say)
    visitor.page.evaluate("heard(3)")
    expect(visitor.panel).to_be_visible()
    box.evaluate(say)
    expect(visitor.panel).to_be_hidden()


def test_a_frame_that_went_elsewhere_is_not_heard(
    a_visitor: Visit, site: Site, another_site: Site, address: str
) -> None:
    visitor = a_visitor().visits(site.shows(line(address))).opens_the_chat()
    elsewhere = another_site.shows("<p>Not the chat</p>")
    visitor.box.evaluate("(box, elsewhere) => { location.href = elsewhere }", elsewhere)
    visitor.page.evaluate(LISTENS)
    visitor.frame.get_by_text("Not the chat").evaluate("() => parent.postMessage({ kotae: 'close' }, '*')")
    visitor.page.evaluate("heard(1)")
    expect(visitor.panel).to_be_visible()
    visitor.complaints.clear()


def test_the_frame_hears_only_the_site_it_was_made_for(a_visitor: Visit, site: Site, address: str) -> None:
    """It takes the focus when its page says "opened": not from a page of another name than it was given."""
    for named, hears in ((site.origin, True), (address, False)):
        page = site.shows(f'<button>Mine</button><iframe src="{address}/widget/frame?site={named}"></iframe>')
        visitor = a_visitor().visits(page)
        visitor.box.wait_for()
        visitor.page.wait_for_load_state("networkidle")
        visitor.page.get_by_role("button", name="Mine").focus()
        visitor.page.frames[1].evaluate(LISTENS)
        visitor.page.evaluate("frames[0].postMessage({ kotae: 'opened' }, '*')")
        visitor.page.frames[1].evaluate("heard(1)")
        expect(visitor.box).to_be_focused() if hears else expect(visitor.box).not_to_be_focused()
        visitor.complaints.clear()  # the browser reports that the frame's "ready" was for somebody else


def test_a_site_that_may_not_show_the_chat_gets_a_sentence(
    a_visitor: Visit, address: str, another_site: Site
) -> None:
    visitor = a_visitor(alone=True)
    visitor.page.clock.install()
    visitor.visits(another_site.shows(line(address)))
    visitor.launcher.click()
    visitor.page.clock.fast_forward(16_000)
    expect(visitor.page.get_by_text("The chat cannot be shown just now.")).to_be_visible()
    until(visitor.page, lambda: any("frame-ancestors" in told for told in visitor.complaints))
    visitor.page.get_by_role("button", name="Close chat").first.click()
    expect(visitor.panel).to_be_hidden()
    visitor.complaints.clear()


@shows("has the chat inside the page")
def test_the_chat_stands_in_the_page_itself(
    a_visitor: Visit, site: Site, address: str, language: str, width: int
) -> None:
    page = site.shows(
        f'<h1>Help</h1><div id="help"></div>{line(address, """data-mode="inline" data-target="#help" """)}',
        policy=f"default-src 'none'; img-src data:; script-src {address}; frame-src {address}",
        language=language,
    )
    visitor = a_visitor(language, width).visits(page)
    answer = visitor.asks("1?")
    expect(answer.locator(".said")).to_have_text("1?")
    expect(visitor.button("This helped", answer)).to_be_visible()
    expect(visitor.launcher).to_have_count(0)
    expect(visitor.frame.locator("#close")).to_be_hidden()
    assert visitor.page.locator("#help iframe").count() == 1
    visitor.is_at_ease()


@shows("is led by the page: opened, asked, listened to")
def test_the_page_opens_asks_and_hears_what_is_said_and_whether_the_chat_is_open(
    a_visitor: Visit, site: Site, address: str, stage: Stage, language: str, width: int
) -> None:
    asks, answers = {"en": ("When?", "At noon."), "ja": ("いつですか。", "正午です。")}[language]
    visitor = a_visitor(language, width).visits(site.shows(line(address), language=language))
    expect(visitor.launcher).to_be_visible()
    visitor.page.evaluate(
        """() => {
          window.heard = [];
          for (const name of ["open", "close", "message"]) {
            kotae.on(name, (detail) => heard.push([name, detail?.role ?? "", detail?.text ?? ""]));
          }
          kotae.open();
        }"""
    )
    expect(visitor.box).to_be_focused()
    stage.says(answers)
    visitor.page.evaluate("text => kotae.ask(text)", asks)
    expect(visitor.last.locator(".feedback")).to_be_visible()
    visitor.is_at_ease()
    visitor.page.wait_for_function("heard.length >= 3")
    visitor.page.evaluate("kotae.close()")
    assert visitor.page.evaluate("heard") == [
        ["open", "", ""],
        ["message", "customer", asks],
        ["message", "bot", answers],
        ["close", "", ""],
    ]


def test_a_page_asks_for_its_customer(a_visitor: Visit, site: Site, address: str, stage: Stage) -> None:
    visitor = a_visitor().visits(site.shows(line(address)))
    expect(visitor.launcher).to_be_visible()
    stage.says("At noon.")
    visitor.page.evaluate("kotae.ask(' When? ')")  # the frame is not even there
    expect(visitor.frame.locator(".customer .said")).to_have_text("When?")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    gate = Event()
    stage.says("Wait ", gate, "for it.")
    visitor.page.evaluate("kotae.ask('And then?')")
    expect(visitor.last.locator(".said")).to_have_text("Wait")
    visitor.page.evaluate("kotae.ask('Why?')")
    expect(visitor.box).to_have_value("Why?")
    gate.set()
    expect(visitor.last.locator(".said")).to_have_text("Wait for it.")
    visitor.page.evaluate("kotae.close(); kotae.open()")
    expect(visitor.box).to_be_focused()
    expect(visitor.page.get_by_role("button", name="Close chat")).to_have_attribute("aria-expanded", "true")
    expect(visitor.frame.locator(".customer .said")).to_have_count(2)  # asked once


def test_an_answer_that_comes_while_the_chat_is_closed_is_announced_on_the_launcher(
    visitor: Visitor, stage: Stage
) -> None:
    more = Event()
    stage.says("First. ", more, "Last.")
    expect(visitor.asks("How long?").locator(".said")).to_have_text("First.")
    visitor.page.keyboard.press("Escape")
    more.set()
    expect(visitor.page.get_by_role("button", name="Open chat (new)")).to_be_visible()


Page = Callable[..., str]


@pytest.fixture
def page_of(site: Site, address: str, language: str) -> Page:
    """A page about the Duo that tells who its customer is; its address."""

    def shown(customer: str, signed: str = "") -> str:
        identity = json.dumps({"id": customer, "email": f"{customer}@example.com"})
        told = f"data-identity='{identity}' data-signature='{signed or signature(identity, IDENTITY_SECRET)}'"
        about = json.dumps({"product": "Duo", "price": 149})
        site.shows(line(address, f"{told} data-about='{about}'"), language=language)
        return f"{site.near}/"

    return shown


@shows("is known by the page's signed word and asks about the page")
def test_a_signed_customer_is_known_and_so_is_the_page(
    a_visitor: Visit, site: Site, page_of: Page, house: Kotae, language: str, width: int
) -> None:
    visitor = a_visitor(language, width).visits(page_of("mika")).opens_the_chat()
    expect(visitor.asks("1?").locator(".feedback")).to_be_visible()
    conversation = newest(house)
    assert conversation.customer == {"id": "mika", "email": "mika@example.com"}
    assert conversation.seen_on == {
        "page": f"{site.near}/",
        "title": "A shop",
        "product": "Duo",
        "price": "149",
    }
    visitor.is_at_ease()


def test_each_signed_customer_has_a_chat_of_their_own_and_an_unsigned_word_is_not_believed(
    a_visitor: Visit, page_of: Page, house: Kotae
) -> None:
    visitor = a_visitor().visits(page_of("mika")).opens_the_chat()
    expect(visitor.asks("Where is my order?").locator(".feedback")).to_be_visible()
    visitor.visits(page_of("noa")).opens_the_chat()
    expect(visitor.messages).to_have_count(1)
    visitor.visits(page_of("mika")).opens_the_chat()
    expect(visitor.messages).to_have_count(3)

    visitor.visits(page_of("eve", "0" * 64)).opens_the_chat()
    expect(visitor.asks("I am somebody else").locator(".feedback")).to_be_visible()
    assert newest(house).customer == {}
    assert any("identity is not believed" in complaint for complaint in visitor.complaints)
    visitor.complaints.clear()


def test_a_page_that_reads_from_right_to_left_has_the_chat_on_its_left(
    a_visitor: Visit, site: Site, address: str, stage: Stage
) -> None:
    visitor = (
        a_visitor().visits(site.shows(line(address, 'data-dir="rtl" data-theme="dark"'))).opens_the_chat()
    )
    stage.says("نعم.", cites("a", "a"))
    expect(visitor.asks("هل يعمل؟").locator(".feedback")).to_be_visible()
    box = visitor.panel.bounding_box()
    assert box is not None
    assert box["x"] == 20
    question = visitor.frame.locator(".customer .said").bounding_box()
    assert question is not None
    assert question["x"] - box["x"] < 40  # what the customer says stands on the left
    expect(visitor.frame.locator("html")).to_have_css("color-scheme", "dark")


def test_the_chat_is_painted_within_a_second(a_visitor: Visit) -> None:
    visitor = a_visitor().visits()
    visitor.launcher.click()
    expect(visitor.box).to_be_focused()
    paints = "performance.getEntriesByName('first-contentful-paint').map((it) => it.startTime)"

    def at_once() -> bool:
        visitor.page.reload()
        visitor.launcher.click()
        expect(visitor.box).to_be_focused()
        return any(moment <= 1_000 for moment in visitor.page.frames[-1].evaluate(paints))

    until(visitor.page, at_once, seconds=60)  # the machine may be busy now and then


LOOK = {
    "accent": "#ffd500",
    "radius": 4,
    "side": "left",
    "scheme": "dark",
    "logo": "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=",
}


@pytest.fixture
def looks(
    house: Kotae, windows: Windows, monkeypatch: pytest.MonkeyPatch, language: str
) -> Iterator[Appearance]:
    """As an admin has saved it; and what is agreed to leads to a page of the desk."""
    windows.close()  # a browser keeps the loader for a while, and its side with it
    title, starter = {"en": ("Ask Aroma", "How long is it?"), "ja": ("アロマ相談室", "何年ですか。")}[
        language
    ]
    appearance = Appearance(**LOOK, title=title, starters={language: (starter,)})
    agreed = {
        "en": "Kept for a year: [privacy](https://aroma.example/privacy).",
        "ja": "一年保存します（[個人情報](https://aroma.example/privacy)）。",
    }
    words = house.settings.texts[language].model_copy(update={"consent": agreed[language]})
    monkeypatch.setitem(house.settings.texts, language, words)
    house.appearances.save(appearance, "test")
    yield appearance
    house.appearances.reset("test")
    windows.close()


@shows(
    "finds the chat in the desk's colours",
    "reads what is agreed to",
    "begins with a question that is offered",
)
def test_a_customer_finds_the_desks_colours_words_and_first_questions(
    looks: Appearance, visitor: Visitor, language: str, width: int
) -> None:
    ground = f"rgb{tuple(bytes.fromhex(looks.on_dark[1:]))}"
    box = visitor.panel.bounding_box()
    assert box is not None
    assert box["x"] == (20 if width > 480 else 0)
    expect(visitor.page.locator(".launcher")).to_have_css("background-color", ground)
    expect(visitor.frame.locator("html")).to_have_css("color-scheme", "dark")
    expect(visitor.frame.get_by_role("heading", name=looks.title)).to_be_visible()
    expect(visitor.frame.locator(".logo")).to_have_attribute("src", looks.logo)

    agreed = visitor.frame.locator("#consent")
    expect(agreed).to_contain_text({"en": "Kept for a year", "ja": "一年保存します"}[language])
    expect(agreed.get_by_role("link")).to_have_attribute("target", "_blank")  # the chat stays

    (starter,) = looks.starters[language]
    visitor.frame.get_by_role("button", name=starter).click()
    expect(visitor.last.locator(".said")).to_have_text(starter)
    expect(visitor.frame.locator(".customer .said")).to_have_css("background-color", ground)
    expect(visitor.frame.locator("#starters")).to_be_hidden()


EXAMPLES = (Path(__file__).parents[2] / "docs" / "embedding.md").read_text("utf-8")


def example(heading: str, kind: str, kotae: str) -> str:
    """The first listing below a heading of docs/embedding.md, for this Kotae."""
    section = EXAMPLES.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL)
    assert found, heading
    return found[1].replace("https://kotae.example", kotae)


def react(component: str) -> str:
    """What React runs of the component when it is first drawn."""
    effect = re.search(r"useEffect\(\(\) => \{(.*)\}, \[language\]\);", component, re.DOTALL)
    assert effect
    return f"<script>(() => {{ const language = 'en'; {effect[1]} }})()</script>"


@pytest.mark.parametrize("kind", ["Plain HTML", "In the page, without a launcher", "React", "locked"])
def test_the_examples_of_the_page_about_embedding_work_as_they_stand(
    a_visitor: Visit, site: Site, address: str, stage: Stage, kind: str
) -> None:
    policy = ""
    if kind == "React":
        body = react(example("React", "jsx", address)) * 2  # drawn twice
    elif kind == "locked":
        body = example("Plain HTML", "html", address)
        written = example("A page that is locked by a Content-Security-Policy", "", address)
        policy = f"{written.strip().removeprefix('Content-Security-Policy: ')}; img-src data:"
    else:
        body = example(kind, "html", address)
    visitor = a_visitor().visits(site.shows(body, policy=policy))
    if "without" not in kind:
        visitor.opens_the_chat()
    stage.says("It works here.")
    visitor.asks("Does it work here?")
    expect(visitor.last.locator(".said")).to_have_text("It works here.")
    expect(visitor.launcher).to_have_count(0)  # the one there is says "Close chat" now


def test_there_is_no_secret_in_what_a_page_loads(a_visitor: Visit, address: str, house: Kotae) -> None:
    visitor: Visitor = a_visitor().visits()
    for path in ("/widget.js", "/widget/frame", "/shop"):
        body = visitor.page.request.get(f"{address}{path}").text()
        assert "Bearer" not in body
        assert (house.settings.data / "secret").read_text() not in body
