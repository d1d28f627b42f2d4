"""What can be quoted alone: sentences, steps, rows, in English and Japanese."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.sentences import sentences


def said(text: str, language: str = "en") -> list[str]:
    return [text[start:end] for start, end in sentences(text, language)]


@pytest.mark.parametrize(
    "whole",
    [
        ["The battery lasts 3.5 hours.", "Charge it for 2 hours first."],
        ["Update to version 2.4.1 first.", "Then restart."],
        ["Use a soft cloth, e.g. a microfibre cloth.", "Do not use alcohol."],
        ["Dr. Smith and Mr. J. Doe signed.", "It is valid."],
        ["See https://example.com/help.html?x=1.2 for details.", "It is free."],
        ["Is it waterproof?", "Yes!", "It withstands 30 min. of rain."],
        ['She said "Press start."', "Then it worked."],
        ["The U.S. version differs.", "It runs at 110 V."],
        ["Order No. 5 ships in May.", "Others ship later."],
        ["The answer is no.", "Others say yes."],
        ["Open from 9 a.m. to 5 p.m. on weekdays.", "Closed on Sundays."],
        ["It costs $19.99 (incl. VAT).", "Returns are free."],
        ["Wait…", "Then press OK."],
        ["Screws, nuts, etc. are included.", "Tools are not."],
        ["It is rated IP67 (dust-tight. Waterproof to 1 m).", "Do not dive."],
        ["Install iOS 17.", "iPhones need 2 GB of space."],
        ["Set it to 21 °C.", "5 minutes later it beeps."],
        ["Contact support@example.com.", "We answer within 24 h."],
    ],
)
def test_english_sentences_end_where_a_reader_ends_them(whole):
    assert said(" ".join(whole)) == whole


@pytest.mark.parametrize(
    "whole",
    [
        ["電源を入れます。", "ランプが点灯します。"],
        ["「はい。」と答えてください。", "次に進みます。"],
        ["価格は3.5万円です。", "送料は無料です！", "すごい!!", "使えますか？", "はい、使えます。"],
        ["「設定」を押し、「更新しますか？」と出たら「はい」を選びます。", "完了です。"],
        ["バージョン2.4.1にします。", "再起動は不要です（自動で行われます。）。", "以上です。"],
        ["本当？と思ったら確認してください。", "安心です。"],
        ["彼は「分かりました。」", "そして帰った。"],
        ["Wi-Fiに接続します。", "https://example.jp/help を開きます。"],
    ],
)
def test_japanese_sentences_end_where_a_reader_ends_them(whole):
    assert said("".join(whole), "ja") == whole


def test_the_wide_point_ends_sentences_in_japanese_alone():
    assert said("電源を入れる．重さは３．５ｋｇ．", "ja") == ["電源を入れる．", "重さは３．５ｋｇ．"]
    assert said("３．５ ｋｇ", "und") == ["３．５ ｋｇ"]


def test_a_bracket_left_open_does_not_swallow_the_rest():
    text = "「開いたまま。" + "文です。" * 80
    assert len(said(text, "ja")) > 20


def test_a_line_that_was_only_wrapped_is_one_sentence_and_any_other_ends():
    assert said("It switches\nitself off.") == ["It switches\nitself off."]
    assert said("Weight: 1 kg\nWidth: 20 cm") == ["Weight: 1 kg", "Width: 20 cm"]


def test_steps_and_items_are_sentences_without_their_numbers():
    text = (
        "1. Press Reset. The light blinks.\n2. Wait\n   for a minute.\n   - Not less.\n・ふたを閉める\n① 押す"
    )
    assert said(text) == [
        "Press Reset. The light blinks.",
        "Wait\n   for a minute.",
        "Not less.",
        "ふたを閉める",
        "押す",
    ]


def test_a_long_step_is_quoted_by_its_sentences():
    assert len(said("- " + "This is one of many sentences. " * 12)) == 12


def test_rows_of_a_table_are_sentences_and_its_header_is_none():
    text = "| Model | Price |\n| --- | :-: |\n| K-20 | $3.50 |\n| K-30 | $4 |\n\nPrices are net."
    assert said(text) == ["| K-20 | $3.50 |", "| K-30 | $4 |", "Prices are net."]


def test_code_is_one_sentence_without_its_fences_and_headings_are_none():
    assert said("**Reset**\n\n```\nkettle --reset\nwait 5\n```\n\n### More\n\nDone.") == [
        "kettle --reset\nwait 5",
        "Done.",
    ]
    assert said("```\nnever closed") == ["never closed"]


def test_marks_alone_are_no_sentence():
    assert said("---\n\n…\n\n| - |") == []


PIECES = st.lists(
    st.sampled_from(
        [
            "One. ",
            "二つ。",
            "「",
            "」",
            "e.g. ",
            "3.5",
            "\n",
            "- ",
            "| a | b |",
            "```",
            "**H**",
            "  ",
            "x",
            "？",
            "．",
            "!",
        ]
    ),
    max_size=40,
).map("".join)


@given(PIECES | st.text(max_size=200), st.sampled_from(["en", "ja", "und"]))
def test_sentences_are_in_order_apart_and_without_white_space_around_them(text, language):
    behind = 0
    for start, end in sentences(text, language):
        assert behind <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        behind = end


@given(
    st.lists(
        st.sampled_from(["Press OK", "押します", "Is it 3.5", "「はい」", "(so)"]), min_size=1, max_size=20
    )
)
def test_every_word_of_running_text_is_in_a_sentence(parts):
    text = "。 ".join(parts) + "."
    assert "".join(said(text)).replace(" ", "") == text.replace(" ", "")
