"""What stands around an answer: its source in the document, what to ask next, who asked, and the end."""

from __future__ import annotations

import json

import pytest
from apiflask import APIFlask
from pydantic import SecretStr

from bot.kotae import Kotae
from bot.settings import Settings
from tests.manual import SECTIONS, manual
from tests.people import Admin, Customer, Operator
from web.chat.identity import NotSignedError, signature, verified

SECRET = "the site's and ours"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"web": settings.web.model_copy(update={"identity_secret": SecretStr(SECRET)})}
    )


@pytest.fixture
def a_manual(admin: Admin) -> None:
    admin.uploads(("kettle.md", manual("Kettle guide").encode()))


def asks_about_descaling(customer: Customer) -> str:
    reply = customer.asks("How do I descale the kettle?")
    assert reply.citations, reply
    return reply.id


def get(customer: Customer, path: str) -> dict:
    response = customer.client.get(f"/api/messages/{path}", headers=customer.headers)
    assert response.status_code == 200, response.text
    return dict(response.json)


def test_a_source_is_read_in_its_document_at_the_quoted_words(a_manual: None, customer: Customer) -> None:
    document = get(customer, f"{asks_about_descaling(customer)}/sources/1")
    assert (document["document"], document["changed"]) == ("Kettle guide", False)
    assert [part["headings"][-1] for part in document["parts"]] == list(SECTIONS)
    (cited,) = [part for part in document["parts"] if part["cited"]]
    assert all(quote in cited["text"] for quote in document["quotes"])


def test_a_source_that_is_gone_is_read_as_it_was_cited(
    a_manual: None, customer: Customer, kotae: Kotae
) -> None:
    message = asks_about_descaling(customer)
    (document,) = kotae.library.documents()
    kotae.remove(document.id)
    told = get(customer, f"{message}/sources/1")
    assert told["changed"]
    assert [part["cited"] for part in told["parts"]] == [True]
    assert get(customer, f"{message}/followups") == {"questions": []}


def test_what_to_ask_next_are_headings_beside_it_that_lead_somewhere(
    a_manual: None, customer: Customer
) -> None:
    questions = get(customer, f"{asks_about_descaling(customer)}/followups")["questions"]
    assert "Descaling the kettle" not in questions
    assert questions
    for question in questions:
        assert question in {cited["headings"][-1] for cited in customer.asks(question).citations}


def test_nothing_is_suggested_after_a_refusal(a_manual: None, customer: Customer) -> None:
    refused = customer.asks("Who won the world cup in 1954?")
    assert refused.abstained
    assert get(customer, f"{refused.id}/followups") == {"questions": []}


def test_nobody_opens_another_customers_source(
    a_manual: None, customer: Customer, another_customer: Customer
) -> None:
    message = asks_about_descaling(customer)
    for path in (f"{message}/sources/1", f"{message}/followups"):
        response = another_customer.client.get(f"/api/messages/{path}", headers=another_customer.headers)
        assert response.status_code == 404
    missing = customer.client.get(f"/api/messages/{message}/sources/9", headers=customer.headers)
    assert missing.status_code == 404


def test_a_customer_ends_the_chat_and_says_how_it_was(customer: Customer, kotae: Kotae) -> None:
    customer.asks("Hello?")
    body = {"stars": 4, "why": "Quick."}
    assert customer.client.post("/api/conversation/end", json=body, headers=customer.headers).json == {
        "done": True
    }
    (ended,) = kotae.conversations.page()
    assert (ended.stars, ended.stars_why) == (4, "Quick.")
    assert ended.ended_at is not None
    assert ended.resolved_at is not None
    too_many = customer.client.post("/api/conversation/end", json={"stars": 6}, headers=customer.headers)
    assert too_many.status_code == 400


def test_an_operator_reads_who_asked_from_where_and_how_it_was(
    app: APIFlask, operator: Operator, kotae: Kotae
) -> None:
    customer = {"id": "42", "name": "Mika"}
    seen_on = {"page": "https://shop.example/duo", "title": "", "product": "Duo"}
    conversation = kotae.conversations.start(customer=customer, seen_on=seen_on)
    kotae.conversations.end(conversation.id, 2, "Too slow.")
    page = operator.opens(f"/console/conversations/{conversation.id}").text
    for told in ("42 · Mika", "https://shop.example/duo · Duo", "2 of 5", "Too slow."):
        assert told in page


def test_a_customer_takes_the_chat_along(a_manual: None, customer: Customer) -> None:
    asks_about_descaling(customer)
    saved = customer.client.get("/api/conversation/transcript", headers=customer.headers)
    assert saved.headers["Content-Disposition"] == "attachment; filename=chat.txt"
    assert "How do I descale the kettle?" in saved.text
    assert "citric acid" in saved.text


def opened(app: APIFlask, **more: str) -> dict:
    response = app.test_client().post("/api/conversations", json={"site": "https://shop.example", **more})
    assert response.status_code == 201, response.text
    return dict(response.json)


def test_a_signed_customer_is_known_to_the_operator(app: APIFlask, kotae: Kotae) -> None:
    identity = json.dumps({"id": 42, "name": "Mika", "email": "mika@example.com", "role": "admin"})
    assert opened(
        app, identity=identity, signature=signature(identity, SECRET), page="https://shop.example/duo"
    )["known"]
    (conversation,) = kotae.conversations.page()
    assert conversation.customer == {"id": "42", "name": "Mika", "email": "mika@example.com"}
    assert conversation.seen_on["page"] == "https://shop.example/duo"


def test_documents_for_an_audience_answer_its_signed_customers_alone(
    app: APIFlask, admin: Admin, kotae: Kotae
) -> None:
    admin.uploads(
        ("dealers.md", b"# Margins\n\nThe margin for dealers of the kettle is 37 percent.\n"),
        ("press.md", b"# Press\n\nThe launch party for the press is on the 5th of May.\n"),
        ("kettle.md", manual("Kettle guide").encode()),
    )
    for document in kotae.library.documents():
        if document.source != "kettle.md":
            admin.sends(
                f"/console/documents/{document.id}/tags", tags=f"for:{document.source.split('.')[0]}, spring"
            )
    margin, party = "What is the margin for dealers?", "When is the launch party for the press?"

    def cited(customer: Customer, question: str) -> list[str]:
        return [one["document"] for one in customer.asks(question).citations]

    def signed(audience: object) -> Customer:
        identity = json.dumps({"id": "42", "audience": audience})
        customer = Customer(app)
        customer._token = opened(app, identity=identity, signature=signature(identity, SECRET))["token"]
        return customer

    assert "Margins" in cited(signed(["Dealers", "friends"]), margin)
    assert "Margins" in cited(signed("dealers"), margin)
    assert "Press" not in cited(signed("dealers"), party)
    for other in (Customer(app), signed("press")):
        assert "Margins" not in cited(other, margin)
        assert "Kettle guide" in cited(other, "How do I descale the kettle?")
    assert kotae.library.search(margin, 1)[0].title == "Margins"  # the admin's own search finds all


def test_a_customer_who_is_not_signed_is_served_without_a_name(app: APIFlask, kotae: Kotae) -> None:
    assert not opened(app, identity='{"id": "42"}', signature="0" * 64)["known"]
    assert kotae.conversations.page()[0].customer == {}


@pytest.mark.parametrize(
    ("identity", "secret", "why"),
    [
        ('{"id": "42"}', "", "web.identity_secret is not set"),
        ('{"id": "42"}', "another", "does not belong"),
        ("42", SECRET, "no JSON object"),
        ('{"name": "Mika"}', SECRET, 'has no "id"'),
        ('{"id": "42", "expires": 1}', SECRET, "has expired"),
        ("[" * 100_000, SECRET, "no JSON object"),
    ],
)
def test_what_is_not_believed_is_said_to_the_sites_developer(identity: str, secret: str, why: str) -> None:
    with pytest.raises(NotSignedError, match=why):
        verified(identity, signature(identity, SECRET), secret)
