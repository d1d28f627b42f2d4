"""What a handoff tells the outside: a letter to the desk, signed webhooks, tried again and logged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.kotae import Kotae
from bot.settings import Handoff, Mail, Settings, Webhook
from tests.outside import SECRET, PostOffice, Receiver, post_office, receiver
from tests.people import Admin, Customer, Operator

DESK = "desk@example.com"


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as hook:
        yield hook


@pytest.fixture
def settings(settings: Settings, office: PostOffice, hook: Receiver) -> Settings:
    return settings.model_copy(
        update={
            "handoff": Handoff(email_to=DESK, retry_seconds=(0.1, 0.1, 0.1)),
            "mail": Mail(host="127.0.0.1", port=office.port, security="none", sender="bot@example.com"),
            "webhooks": {"desk": Webhook(url=hook.url, secret=SECRET)},
        }
    )


@pytest.fixture(autouse=True)
def the_parrot_answers(kotae: Kotae) -> None:
    kotae.switch.use("parrot", "test")


def test_a_letter_goes_to_the_desk_and_its_answer_to_the_customer(
    customer: Customer, kotae: Kotae, office: PostOffice
) -> None:
    customer.asks("My kettle leaks")
    customer.asks_for_a_person("ada@example.com")
    kotae.jobs.drain()
    (letter,) = office.letters
    assert (letter["To"], letter["From"], letter["Reply-To"]) == (DESK, "bot@example.com", "ada@example.com")
    assert letter["Subject"] == "My kettle leaks"
    assert letter["Auto-Submitted"] == "auto-generated"
    text = letter.get_content()
    assert text.index("Customer") < text.index("Assistant")
    assert text.count("My kettle leaks") == 2  # asked, and said back


def test_a_letter_in_japanese_is_readable(app, kotae: Kotae, office: PostOffice) -> None:  # type: ignore[no-untyped-def]
    customer = Customer(app, "ja")
    customer.asks("やかんから水が漏れます。")
    customer.asks_for_a_person("ada@example.com")
    kotae.jobs.drain()
    (letter,) = office.letters
    assert letter["Subject"] == "やかんから水が漏れます。"
    assert "お客様" in letter.get_content()


def test_the_same_request_twice_is_one_letter_and_more_to_say_is_another(
    customer: Customer, kotae: Kotae, office: PostOffice
) -> None:
    customer.asks("My kettle leaks")
    for _ in range(2):
        customer.asks_for_a_person("ada@example.com")
    kotae.jobs.drain()
    assert len(office.letters) == 1
    customer.asks("And it is hot")
    customer.asks_for_a_person("ada@example.com")
    kotae.jobs.drain()
    assert "And it is hot" in office.letters[1].get_content()


def test_the_desks_software_hears_of_each_step_signed(
    customer: Customer, operator: Operator, kotae: Kotae, hook: Receiver
) -> None:
    operator.is_there()
    customer.asks("My kettle leaks")
    customer.asks_for_a_person()
    operator.takes(customer.conversation)
    operator.closes(customer.conversation)
    kotae.jobs.drain()
    assert {event["type"] for event in hook.events} == {"handoff.asked", "handoff.taken", "handoff.closed"}
    (closed,) = (event["data"] for event in hook.events if event["type"] == "handoff.closed")
    assert (closed["conversation"], closed["outcome"]) == (customer.conversation, "resolved")
    assert len(set(hook.ids)) == 3


def test_a_letter_that_is_left_is_told_with_what_was_said(
    customer: Customer, kotae: Kotae, hook: Receiver
) -> None:
    customer.asks("My kettle leaks")
    customer.asks_for_a_person("ada@example.com")
    kotae.jobs.drain()
    (event,) = hook.events
    assert (event["type"], event["data"]["email"]) == ("handoff.left", "ada@example.com")
    assert [said["role"] for said in event["data"]["messages"]] == ["customer", "bot"]


def test_what_is_refused_is_tried_again_under_the_same_id_and_logged(
    customer: Customer, kotae: Kotae, hook: Receiver, office: PostOffice, admin: Admin
) -> None:
    hook.statuses = [500, 503]
    office.refuses = ["451 come back later"]
    customer.asks("My kettle leaks")
    customer.asks_for_a_person("ada@example.com")
    kotae.jobs.drain()
    assert len(hook.events) == len(office.letters) == 1
    assert len(hook.ids) == 3
    assert len(set(hook.ids)) == 1
    by_channel = {one.channel: one for one in kotae.deliveries.page()}
    assert [tried.ok for tried in by_channel["webhook"].attempts] == [False, False, True]
    assert "451 come back later" in by_channel["mail"].attempts[0].said
    page = admin.opens("/console/deliveries").text
    assert "3 attempts" in page
    assert "451 come back later" in page
    assert "answered 503" in page


def test_what_never_arrives_fails_and_is_sent_again_by_an_admin(
    customer: Customer, kotae: Kotae, hook: Receiver, admin: Admin
) -> None:
    hook.statuses = [500] * 4
    customer.asks_for_a_person("ada@example.com")
    kotae.jobs.drain()
    (failed,) = kotae.deliveries.page(state="failed")
    assert (len(failed.attempts), hook.events) == (4, [])
    assert "Send again" in admin.opens("/console/deliveries?state=failed").text
    admin.sends(f"/console/deliveries/{failed.id}/again")
    kotae.jobs.drain()
    assert len(hook.events) == 1
    assert kotae.deliveries.page(state="failed") == []


def test_a_receiver_that_wants_no_more_is_not_asked_again(
    customer: Customer, kotae: Kotae, hook: Receiver
) -> None:
    hook.statuses = [410]
    customer.asks_for_a_person("ada@example.com")
    kotae.jobs.drain()
    (failed,) = kotae.deliveries.page(state="failed")
    assert len(failed.attempts) == 1


def test_what_was_not_sent_before_a_crash_is_sent_after_it(
    customer: Customer, kotae: Kotae, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as crash:
        crash.setattr(kotae.jobs, "enqueue", lambda *_, **__: None)  # the process dies behind the transaction
        customer.asks_for_a_person("ada@example.com")
    kotae.jobs.drain()
    assert len(office.letters) == 1


class TestSeveralWebhooks:
    @pytest.fixture
    def pager(self) -> Iterator[Receiver]:
        with receiver() as pager:
            yield pager

    @pytest.fixture
    def settings(self, settings: Settings, pager: Receiver) -> Settings:
        only_who_waits = Webhook(url=pager.url, secret=SECRET, events=("handoff.asked",))
        return settings.model_copy(update={"webhooks": {**settings.webhooks, "pager": only_who_waits}})

    def test_each_hears_of_what_it_wants_and_one_that_fails_holds_up_no_other(
        self,
        customer: Customer,
        operator: Operator,
        kotae: Kotae,
        hook: Receiver,
        pager: Receiver,
        admin: Admin,
    ) -> None:
        operator.is_there()
        hook.statuses = [500] * 8
        customer.asks_for_a_person()
        operator.takes(customer.conversation)
        kotae.jobs.drain()
        assert [event["type"] for event in pager.events] == ["handoff.asked"]
        failed = kotae.deliveries.page(state="failed")
        assert {(one.receiver, one.event) for one in failed} == {
            ("desk", "handoff.asked"),
            ("desk", "handoff.taken"),
        }
        page = admin.opens("/console/deliveries").text
        assert page.count("Send a ping") == 2
        assert "pager" in page

    def test_an_admin_sends_a_ping_and_reads_the_answer(
        self, hook: Receiver, admin: Admin, operator: Operator, kotae: Kotae
    ) -> None:
        assert operator.sends("/console/deliveries/ping/desk").status_code == 403
        admin.sends("/console/deliveries/ping/desk")
        assert "desk answered 204" in admin.opens("/console/deliveries").text
        assert hook.events[0]["type"] == "ping"
        hook.statuses = [418]
        admin.sends("/console/deliveries/ping/desk")
        assert "answered 418" in admin.opens("/console/deliveries").text
        assert admin.sends("/console/deliveries/ping/nobody").status_code == 404
        assert kotae.deliveries.page() == []
        assert [line.what for line in kotae.audit.page()].count("ping webhook") == 2

    def test_a_receiver_that_is_configured_no_longer_is_told_nothing_more(
        self, customer: Customer, kotae: Kotae
    ) -> None:
        customer.asks_for_a_person("ada@example.com")
        kotae.deliveries._webhooks = {}
        kotae.jobs.drain()
        (failed,) = kotae.deliveries.page(state="failed")
        assert failed.attempts[0].said == "no webhook 'desk' is configured any more"


def test_nothing_is_sent_where_nothing_is_configured(
    customer: Customer, kotae: Kotae, admin: Admin, settings: Settings
) -> None:
    kotae.deliveries._mail, kotae.deliveries._webhooks = Mail(), {}
    assert "Nothing was sent yet" in admin.opens("/console/deliveries").text
    customer.asks_for_a_person("ada@example.com")
    assert kotae.deliveries.page() == []


def test_the_log_is_the_admins(operator: Operator) -> None:
    assert operator.opens("/console/deliveries").status_code == 403
