"""What customers read when it is not the strategy that speaks: one sentence a field, in English and Japanese.

An operator overrides any of them in `[texts.en]` and `[texts.ja]`, or adds a language such as `[texts.de]`;
its gaps are filled in English.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field


class Texts(BaseModel):
    """The sentences of one language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    greeting: str = Field(
        "Hello! What would you like to know?",
        min_length=1,
        description="The widget's first words.",
    )
    no_answer: str = Field(
        "I could not find an answer to that in our documents.",
        min_length=1,
        description="Said when the documents do not answer the question.",
    )
    handoff: str = Field(
        "Would you like to talk to a person from our team?",
        min_length=1,
        description="Offers a person, after `no_answer`.",
    )
    too_long: str = Field(
        "Your message is too long. Please keep it under {limit} characters.",
        min_length=1,
        description="Said to a question that is too long; `{limit}` stands for the limit.",
    )
    too_many: str = Field(
        "You are asking faster than I can answer. Please wait a moment and ask again.",
        min_length=1,
        description="Said when questions come faster than allowed.",
    )
    busy: str = Field(
        "I am still answering your last question. One moment, please.",
        min_length=1,
        description="Said to a question asked while the answer before it is still being written.",
    )
    nothing: str = Field(
        "Please type a question.",
        min_length=1,
        description="Said to a question without any text.",
    )
    failed: str = Field(
        "Something went wrong on our side. Please try again in a moment.",
        min_length=1,
        description="Said when an answer broke off or could not be made.",
    )
    empty: str = Field(
        "I have no answer to that just now. Please try asking in other words.",
        min_length=1,
        description="Said when the strategy returned no text at all.",
    )


JAPANESE: Final[Mapping[str, str]] = {
    "greeting": "こんにちは。どのようなことをお調べしましょうか。",
    "no_answer": "申し訳ございません。お問い合わせの内容は、手元の資料では見つかりませんでした。",
    "handoff": "担当者におつなぎしましょうか。",
    "too_long": "メッセージが長すぎます。{limit}文字以内でお願いいたします。",
    "too_many": "ご質問が続いているため、少し時間をおいてからもう一度お試しください。",
    "busy": "ただいま前のご質問にお答えしています。少々お待ちください。",
    "nothing": "ご質問を入力してください。",
    "failed": "申し訳ございません。お答えできませんでした。しばらくしてからもう一度お試しください。",
    "empty": "申し訳ございません。うまくお答えできませんでした。別の言い方でお試しください。",
}


def complete(given: Mapping[str, Any]) -> dict[str, Any]:
    """The languages given, and ours below them; the English sentences are the fields' defaults."""
    texts: dict[str, Any] = {"en": {}, "ja": {}, **given}
    if isinstance(texts["ja"], Mapping):
        texts["ja"] = {**JAPANESE, **texts["ja"]}
    return texts
