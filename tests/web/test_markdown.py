"""Two answers beside each other are read as they are elsewhere, with what differs marked."""

from __future__ import annotations

import pytest

from web.markdown import compared


@pytest.mark.parametrize(
    ("one", "other", "first", "second"),
    [
        (
            "Hold **Brew** for 3 seconds.",
            "Hold *Brew* for 5 seconds.",
            "<p>Hold <strong>Brew</strong> for <mark>3</mark> seconds.</p>",
            "<p>Hold <em>Brew</em> for <mark>5</mark> seconds.</p>",
        ),
        (
            "It is **red and** blue.",
            "It is blue.",
            "<p>It is <strong><mark>red and</mark></strong> blue.</p>",
            "<p>It is blue.</p>",
        ),
        (
            "`3`秒押す",
            "`5`秒押す",
            "<p><code><mark>3</mark></code>秒押す</p>",
            "<p><code><mark>5</mark></code>秒押す</p>",
        ),
        (
            "- a\n- b < c",
            "- a\n- d",
            "<ul><li>a</li><li><mark>b &lt; c</mark></li></ul>",
            "<ul><li>a</li><li><mark>d</mark></li></ul>",
        ),
        (
            "<mark>a</mark> &amp; b",
            "<mark>a</mark> &amp; b",
            *["<p>&lt;mark&gt;a&lt;/mark&gt; &amp; b</p>"] * 2,
        ),
        ("", "All of it.", "", "<p>All of it.</p>"),
    ],
)
def test_what_differs_is_marked_in_what_is_read(one: str, other: str, first: str, second: str) -> None:
    assert [str(each).replace("\n", "") for each in compared(one, other)] == [first, second]
