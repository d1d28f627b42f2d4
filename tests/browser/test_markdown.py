"""Markdown becomes nodes: what customers write and documents hold is shown as it was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visit
from tests.browser.stage import Stage, cites

SHOW = """
async ([text, unfinished]) => {
  const { show } = await import("/static/widget/markdown.js");
  const target = document.createElement("div");
  show(target, text, { unfinished });
  return target.innerHTML;
}
"""
SHOW_ALL = """
async (texts) => {
  const { show } = await import("/static/widget/markdown.js");
  return texts.map((text) => {
    const target = document.createElement("div");
    show(target, text);
    return target.innerHTML;
  });
}
"""
GROWS = """
async (text) => {
  const { show } = await import("/static/widget/markdown.js");
  const target = document.createElement("div");
  let moved = 0;
  let before = [];
  for (let end = 1; end <= text.length; end += 1) {
    show(target, text.slice(0, end), { unfinished: end < text.length });
    const now = [...target.children];
    moved += before.slice(0, -1).filter((block, i) => block !== now[i]).length;
    before = now;
  }
  return moved;
}
"""
LINK = 'rel="noopener noreferrer nofollow"'


@pytest.fixture(scope="module")
def page(chromium: Browser, address: str) -> Iterator[Page]:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{address}/widget/frame")
    yield page
    context.close()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Hold **Brew** and *wait*.", "<p>Hold <strong>Brew</strong> and <em>wait</em>.</p>"),
        ("one\ntwo", "<p>one<br>two</p>"),
        ("# Title", "<h3>Title</h3>"),
        ("3. three\n4. four", '<ol start="3"><li>three</li><li>four</li></ol>'),
        ("- a\n  - b", "<ul><li>a<ul><li>b</li></ul></li></ul>"),
        ("use `a < b`", "<p>use <code>a &lt; b</code></p>"),
        ("```sh\nx & y\n```", '<pre tabindex="0"><code>x &amp; y</code></pre>'),
        ("a<br>b", "<p>a<br>b</p>"),
        ("<b>no</b> **yes**", "<p>&lt;b&gt;no&lt;/b&gt; <strong>yes</strong></p>"),
        ("<div>\n**yes**\n</div>", "<p>&lt;div&gt;<br><strong>yes</strong><br>&lt;/div&gt;</p>"),
        ("10~20 and 30~40, ~~gone~~", "<p>10~20 and 30~40, <del>gone</del></p>"),
        ("Model A* and snake_case_name cost $5, $6", "<p>Model A* and snake_case_name cost $5, $6</p>"),
        (
            "これは**「重要」**です。**注意：**熱い",
            "<p>これは<strong>「重要」</strong>です。<strong>注意：</strong>熱い</p>",
        ),
        ("[x](javascript:alert(1)) [y](data:text/html,z)", "<p><span>x</span> <span>y</span></p>"),
        ("![alt](https://a.example/i.png)", "<p>alt</p>"),
        ("    indented by its document", "<p>    indented by its document</p>"),
        (
            "https://a.example/xを見る",
            f'<p><a href="https://a.example/x" target="_blank" {LINK}>https://a.example/x</a>を見る</p>',
        ),
    ],
)
def test_markdown_becomes_what_was_meant(page: Page, text: str, html: str) -> None:
    assert page.evaluate(SHOW, [text, False]) == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Hold **Bre", "<p>Hold <strong>Bre</strong></p>"),
        ("Hold **", "<p>Hold </p>"),
        ("see [the guide](https://exa", "<p>see the guide</p>"),
        ("run `make", "<p>run <code>make</code></p>"),
        ("so:\n\n| a | b |\n|--", "<p>so:</p>"),
        ("so:\n\n-", "<p>so:</p>"),
        ("so\n--", "<p>so</p>"),
        ("```\n**x", '<pre tabindex="0"><code>**x</code></pre>'),
    ],
)
def test_half_a_mark_up_never_flashes_past(page: Page, text: str, html: str) -> None:
    assert page.evaluate(SHOW, [text, True]) == html


def test_a_block_that_was_read_is_never_drawn_again(page: Page) -> None:
    text = "One **two**.\n\n- a\n- b\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```\ncode\n```\n\nEnd *here*.\n"
    assert page.evaluate(GROWS, text) == 0


def test_the_widget_and_the_console_read_the_same_text_alike(page: Page) -> None:
    """Every section of the demo's documents and of our own pages, read by the widget and by markdown-it.

    Neither loads an image; the widget leaves out its exclamation mark, too.
    """
    root = Path(__file__).parents[2]
    pages = [*(root / "demo").rglob("*.md"), *(root / "docs").rglob("*.md"), root / "README.ja.md"]
    sections = [part for path in pages for part in re.split(r"\n(?=#)", path.read_text("utf-8"))]
    assert len(sections) > 250
    ours = page.evaluate(SHOW_ALL, sections)
    differ = [
        text
        for text, html in zip(sections, ours, strict=True)
        if alike(html) != alike(theirs(text.replace("![", "[")))
    ]
    assert differ == []


def theirs(text: str) -> str:
    """HTML of CommonMark's reader, with the things that the widget reads otherwise switched off."""
    reader = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    html = reader.disable(["code", "html_block", "html_inline", "reference", "entity", "image"]).render(text)
    return re.sub(r"(?<=<h|/h)[1-6](?=>)", lambda depth: str(min(int(depth[0]) + 2, 6)), html)


BLOCK = r"\s*(</?(?:p|h\d|ul|ol|li|pre|code|table|t\w+|br|hr|blockquote)>)\s*"


def alike(html: str) -> str:
    """Without what says the same in other words: wrappers, attributes and the space between blocks."""
    html = re.sub(r"<(/?)s>", r"<\1del>", html)
    html = re.sub(r"</?(?:a|div|span)\b[^>]*>|<tbody></tbody>", "", html)
    html = unescape(re.sub(r"<(\w+)(?: [^>]*)?/?>", r"<\1>", html))
    return re.sub(
        r"\s+",
        " ",
        re.sub(r"\s*(</?(?:p|h\d|ul|ol|li|pre|code|table|t\w+|br|hr|blockquote)>)\s*", r"\1", html),
    ).strip()


def test_a_million_characters_of_brackets_do_not_hang_the_page(a_visitor: Visit) -> None:
    page = a_visitor().visits().opens_the_chat().page
    frame = page.frames[1]
    for evil in ("[" * 20_000, "*a" * 10_000, "`" * 20_000, "> " * 200 + "x"):
        frame.evaluate(SHOW, [evil, True])


def test_a_quote_is_marked_inside_lists_and_tables(a_visitor: Visit, stage: Stage) -> None:
    table = "| Model | Tank |\n|---|---|\n| One | 1.2 l |\n| Duo | 1.8 l |"
    steps = "1. Fill the **tank**.\n2. Hold Brew.\n3. Wait."
    stage.says(
        "See.",
        cites(table, "| Duo | 1.8 l |"),
        cites(steps, "2. Hold Brew.", number=2),
        cites(steps, "1. Fill the **tank**.", number=2),
    )
    answer = a_visitor().visits().opens_the_chat().asks("Where?")
    expect(answer.locator(".feedback")).to_be_visible()
    marked = [
        [mark.strip() for mark in source.locator("mark").all_text_contents()]
        for source in answer.locator(".sources li:has(> details)").all()
    ]
    assert marked == [["Duo", "1.8 l"], ["Fill the", "tank", ".", "Hold Brew."]]
    expect(answer.locator(".passage td")).to_have_text(["One", "1.2 l", "Duo", "1.8 l"])
