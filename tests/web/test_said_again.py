"""What a model says again and again is read once, and the record tells why the answer ended there."""

from __future__ import annotations

import pytest
from flask import Flask

from bot.kotae import Kotae
from strategies.llm import Llm, LlmOptions
from strategies.testing import kit
from tests.people import Customer, Operator
from tests.strategies.llm.model_server import Reply, model_server


@pytest.mark.parametrize(
    ("language", "said", "told"),
    [
        ("en", "The kettle is hot. ", "the same again and again: &#39;The kettle is hot.&#39;"),
        ("ja", "ケトルが熱いです。", "モデルが同じことを繰り返しました: 「ケトルが熱いです。」"),
    ],
)
def test_a_customer_reads_once_what_a_model_says_again_and_again(
    app: Flask, kotae: Kotae, operator: Operator, speaks, language: str, said: str, told: str
) -> None:
    customer = Customer(app, language)
    operator.client.set_cookie("language", language)
    with model_server(Reply([said], endless=True)) as server:
        speaks(Llm.make(LlmOptions(base_url=server.url, model="small"), kit(named="small")).stream)
        customer.asks("Why?")
        assert server.left.wait(60), "nobody listens to it any more"
    (_question, answer) = kotae.conversations.get(customer.conversation).messages
    assert answer.text.strip() == said.strip()
    assert told in operator.opens(f"/console/conversations/{customer.conversation}").text
