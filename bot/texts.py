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
    handoff_waiting: str = Field(
        "One moment, please: somebody from our team will be with you. You can go on writing.",
        min_length=1,
        description="Said while the customer waits for a person.",
    )
    handoff_person: str = Field(
        "{name} is with you now.",
        min_length=1,
        description="Said when a person has taken the chat; `{name}` stands for their name.",
    )
    handoff_somebody: str = Field(
        "Somebody from our team",
        min_length=1,
        description="Stands for `{name}` when the person has told none.",
    )
    handoff_away: str = Field(
        "Nobody from our team is here just now. Leave your email address, and we will write to you.",
        min_length=1,
        description="Asks for an address when nobody is there or office hours are over.",
    )
    handoff_left: str = Field(
        "Thank you. We have kept your message and will write to {email}.",
        min_length=1,
        description="Said when the customer has left the address `{email}`.",
    )
    handoff_closed: str = Field(
        "The talk with our team has ended. I am the assistant again: what else would you like to know?",
        min_length=1,
        description="Said when a person has given the chat back to the bot.",
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
    offline: str = Field(
        "You are offline. You can write on; sending waits for the connection.",
        min_length=1,
        description="Said while the customer's device has no connection.",
    )
    consent: str = Field(
        "Answers are made by a machine and can be wrong. What is written here is kept to improve them.",
        description="Stands below the question box; Markdown, so it may link to your privacy page. "
        "Empty: nothing.",
    )
    ended: str = Field(
        "Thank you for your visit. How did we do?",
        min_length=1,
        description="Asks for a rating when a customer ends the chat.",
    )
    transcript_subject: str = Field(
        "Your chat with us",
        min_length=1,
        description="The subject of the letter that brings a customer their chat.",
    )
    transcript_note: str = Field(
        "This is a copy of a chat on our website. Somebody asked us there to send it to {email}. "
        "If it was not you, please ignore this letter: nothing else comes of it.",
        min_length=1,
        description="Stands above the chat in that letter; `{email}` stands for the address.",
    )
    transcript_sent: str = Field(
        "We are sending this chat to {email}.",
        min_length=1,
        description="Said when a customer has asked for it.",
    )
    transcript_limit: str = Field(
        "This chat has been sent often enough for today. You can still save it as a file.",
        min_length=1,
        description="Said when it has been sent as often as `mail.transcripts` allows.",
    )


JAPANESE: Final[Mapping[str, str]] = {
    "greeting": "こんにちは。どのようなことをお調べしましょうか。",
    "no_answer": "申し訳ございません。お問い合わせの内容は、手元の資料では見つかりませんでした。",
    "handoff": "担当者におつなぎしましょうか。",
    "handoff_waiting": "担当者におつなぎしております。少々お待ちください。そのままご入力いただけます。",
    "handoff_person": "{name}が対応しております。",
    "handoff_somebody": "担当者",
    "handoff_away": "ただいま担当者が不在です。メールアドレスをご入力ください。こちらからご連絡いたします。",
    "handoff_left": "ありがとうございます。お問い合わせ内容を承りました。{email} 宛にご連絡いたします。",
    "handoff_closed": "担当者との会話は終了しました。ここからは自動応答です。ほかにご質問はございますか。",
    "too_long": "メッセージが長すぎます。{limit}文字以内でお願いいたします。",
    "too_many": "ご質問が続いているため、少し時間をおいてからもう一度お試しください。",
    "busy": "ただいま前のご質問にお答えしています。少々お待ちください。",
    "nothing": "ご質問を入力してください。",
    "failed": "申し訳ございません。お答えできませんでした。しばらくしてからもう一度お試しください。",
    "offline": "オフラインです。入力は続けられます。送信は接続が戻ってから行われます。",
    "consent": "回答は機械が作成しており、誤りを含むことがあります。内容は改善のために保存されます。",
    "ended": "ご利用ありがとうございました。対応はいかがでしたか。",
    "transcript_subject": "チャットの内容のお知らせ",
    "transcript_note": "当サイトのチャットの控えです。"
    "{email} 宛に送るよう、チャットの画面でご依頼がありました。"
    "お心当たりのない場合は、このメールを破棄してください。これ以外のお知らせが届くことはありません。",
    "transcript_sent": "このチャットの内容を {email} 宛にお送りします。",
    "transcript_limit": "本日お送りできる回数に達しました。ファイルとして保存することはできます。",
    "empty": "申し訳ございません。うまくお答えできませんでした。別の言い方でお試しください。",
}


ASKS_FOR_A_PERSON: Final = (  # what customers write who want nothing else
    "talk to a person",
    "talk to a human",
    "talk to someone",
    "talk to an agent",
    "speak to a person",
    "speak to a human",
    "speak to someone",
    "speak to an agent",
    "speak with a person",
    "speak with a human",
    "human agent",
    "real person",
    "customer service representative",
    "担当者と話",
    "担当者につない",
    "オペレーターと話",
    "オペレーターにつない",
    "人と話したい",
    "有人対応",
    "有人チャット",
)


def complete(given: Mapping[str, Any]) -> dict[str, Any]:
    """The languages given, and ours below them; the English sentences are the fields' defaults."""
    texts: dict[str, Any] = {"en": {}, "ja": {}, **given}
    if isinstance(texts["ja"], Mapping):
        texts["ja"] = {**JAPANESE, **texts["ja"]}
    return texts
