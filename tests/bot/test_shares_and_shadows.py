"""Options, shares and shadows are changed live, like who speaks, and with the same way back."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from bot.answering.shadow import Shadows, Wish
from bot.answering.switch import NoWayBack, Refused, Switch
from bot.kotae import Kotae
from bot.settings import Settings
from strategies.base import Question
from strategies.errors import Misconfigured, Unavailable
from strategies.events import Token
from strategies.registry import Strategies
from tests.bot.speakers import Says, Slow
from tests.people import Admin, Customer, Operator


@pytest.fixture
def settings(settings: Settings) -> Settings:
    tables = {
        "manuals": {"use": "rag", "inner": "quotes", "k": 4},
        "parrot": {"use": "echo"},
        "both": {"use": "first_of", "of": ["manuals", "parrot"]},
        "other": {"use": "rag", "inner": "parrot"},
    }
    return settings.model_copy(update={"strategies": tables})


class TestOptions:
    def test_a_change_is_live_a_version_and_one_click_back(self, kotae: Kotae) -> None:
        before = kotae.strategies.get("manuals")
        kotae.switch.set_options("manuals", {"k": 9}, by="olga")
        assert kotae.configured()["manuals"]["k"] == 9
        speaking = kotae.switch.current()[1]
        assert speaking is not before
        assert speaking is kotae.strategies.get("manuals")
        kotae.switch.set_options("manuals", {"k": 12}, by="otto")
        told = [(version.options, version.by) for version in kotae.switch.versions("manuals")]
        assert told == [({"k": 12}, "otto"), ({"k": 9}, "olga"), ({}, "")]
        kotae.switch.back(by="ada")
        assert kotae.configured()["manuals"]["k"] == 9
        kotae.switch.set_options("manuals", {}, by="ada")
        assert kotae.configured()["manuals"]["k"] == 4

    def test_what_does_not_concern_a_strategy_leaves_it_warm(self, kotae: Kotae) -> None:
        names = kotae.strategies.names()
        before = {name: kotae.strategies.get(name) for name in names}
        kotae.switch.set_options("manuals", {"k": 9}, by="olga")
        after = {name: kotae.strategies.get(name) for name in names}
        assert {name for name in names if before[name] is not after[name]} == {"manuals", "both"}

    def test_options_that_make_nothing_are_refused_and_the_old_ones_stay(self, kotae: Kotae) -> None:
        with pytest.raises(Misconfigured, match="option 'k'"):
            kotae.switch.set_options("manuals", {"k": 0}, by="olga")
        with pytest.raises(Misconfigured, match="no strategy 'nobody'"):
            kotae.switch.set_options("nobody", {"k": 1}, by="olga")
        with pytest.raises(Misconfigured, match="circle"):
            kotae.switch.set_options("both", {"of": ["both"]}, by="olga")
        assert kotae.switch.history() == []
        assert kotae.configured()["manuals"]["k"] == 4

    def test_another_process_follows(self, kotae: Kotae) -> None:
        strategies = Strategies(kotae.settings.strategy_options(), kotae.strategies._kit)
        theirs = Switch(kotae.engine, strategies, "manuals", kotae.settings.strategy_options())
        theirs.current()
        kotae.switch.set_options("manuals", {"k": 9}, by="olga")
        theirs.look()
        assert theirs._warming is not None
        theirs._warming.join(60)
        assert theirs.current()[1]._k == 9  # type: ignore[attr-defined]
        theirs.close()

    def test_who_was_made_with_a_change_follows_the_next_one(self, kotae: Kotae) -> None:
        kotae.switch.set_options("both", {"of": ["parrot", "manuals"]}, by="olga")
        door = kotae.strategies.get("both")
        standing = kotae.strategies.standing("both")
        kotae.switch.set_options("manuals", {"k": 9}, by="olga")
        assert kotae.strategies.get("both") is not door
        assert kotae.strategies.standing("both") != standing


class TestShares:
    def test_a_conversation_stays_with_whom_it_began_and_all_together_are_shared(self, kotae: Kotae) -> None:
        kotae.switch.share({"parrot": 20, "both": 30}, by="olga")
        who = [kotae.switch.speaker(f"conversation {n}")[0] for n in range(2000)]
        assert who == [kotae.switch.speaker(f"conversation {n}")[0] for n in range(2000)]
        counts = Counter(who)
        assert counts["parrot"] == pytest.approx(400, abs=60)
        assert counts["both"] == pytest.approx(600, abs=70)
        assert counts["manuals"] == pytest.approx(1000, abs=80)

    def test_customers_get_the_one_that_is_theirs(self, kotae: Kotae, customer: Customer) -> None:
        kotae.switch.share({"parrot": 100}, by="olga")
        assert customer.asks("Is it blue?").text == "Is it blue?"
        assert kotae.switch.name() == "manuals"

    def test_no_more_than_all_can_be_given_away(self, kotae: Kotae) -> None:
        with pytest.raises(Refused, match="110 %"):
            kotae.switch.share({"parrot": 60, "both": 50}, by="olga")
        with pytest.raises(Refused, match="-1 %"):
            kotae.switch.share({"parrot": -1}, by="olga")
        with pytest.raises(Misconfigured, match="no strategy 'nobody'"):
            kotae.switch.share({"nobody": 10}, by="olga")

    def test_who_is_switched_to_has_no_share_beside_itself_and_back_brings_it_again(
        self, kotae: Kotae
    ) -> None:
        kotae.switch.share({"parrot": 20}, by="olga")
        assert kotae.switch.use("parrot", by="olga").shares == {}
        change = kotae.switch.back(by="olga")
        assert (change.name, change.shares) == ("manuals", {"parrot": 20})

    def test_any_change_can_be_restored_and_the_file_alone_as_well(self, kotae: Kotae) -> None:
        first = kotae.switch.share({"parrot": 20}, by="olga")
        kotae.switch.set_options("manuals", {"k": 9}, by="olga")
        assert kotae.switch.restore(first.id, by="ada").shares == {"parrot": 20}
        assert kotae.configured()["manuals"]["k"] == 4
        assert kotae.switch.restore(0, by="ada").shares == {}
        with pytest.raises(NoWayBack):
            kotae.switch.restore(999, by="ada")


class TestShadows:
    def test_another_answer_is_recorded_and_its_customer_reads_nothing_of_it(
        self, kotae: Kotae, admin: Admin, customer: Customer
    ) -> None:
        admin.uploads(("descaling.md", b"# Descaling\n\nDescale the kettle every month with citric acid.\n"))
        kotae.switch.shadow({"parrot": 100}, by="olga")
        question = "How often should I descale the kettle?"
        answer = customer.asks(question)
        assert "every month" in answer.text
        assert kotae.shadows.wait(60)
        [shadow] = kotae.shadows.of_messages([answer.id])[answer.id]
        assert (shadow.strategy, shadow.text) == ("parrot", question)
        conversation = kotae.conversations.page()[0].id
        assert [message.strategy for message in kotae.conversations.get(conversation).messages] == [
            "",
            "manuals",
        ]
        assert "In the shadow: parrot" in admin.opens(f"/console/conversations/{conversation}").text

    def test_an_abstention_and_a_fault_are_recorded_too(self, kotae: Kotae, customer: Customer) -> None:
        kotae.switch.use("parrot", by="olga")
        kotae.switch.shadow({"manuals": 100}, by="olga")
        answer = customer.asks("Is it blue?")
        assert kotae.shadows.wait(60)
        assert kotae.shadows.of_messages([answer.id])[answer.id][0].abstained

    @pytest.fixture
    def shadows(self, kotae: Kotae) -> Iterator[Shadows]:
        shadows = Shadows(kotae.engine, kotae.settings.say, 60, most_waiting=2)
        yield shadows
        shadows.close()

    def wish(self, kotae: Kotae, strategy: Says) -> Wish:
        conversation = kotae.conversations.start()
        return Wish(conversation.id, Question("Is it blue?"), [("other", strategy)], "")

    def test_it_waits_while_a_customer_is_being_answered(self, kotae: Kotae, shadows: Shadows) -> None:
        strategy = Says(Token("yes"), Token(" no"))
        with shadows.customer():
            shadows.wish(self.wish(kotae, strategy))
            time.sleep(0.2)
            assert strategy.asked == []
        assert shadows.wait(60)
        assert len(strategy.asked) == 1

    def test_it_pauses_in_the_middle_when_a_customer_comes(self, kotae: Kotae, shadows: Shadows) -> None:
        slow = Slow("yes", " no", " well")
        shadows.wish(self.wish(kotae, slow))
        until(lambda: bool(slow.asked))
        shadows.begins()
        slow.go.set()
        time.sleep(0.2)
        assert not slow.closed.is_set()
        shadows.ends()
        assert shadows.wait(60)
        assert slow.closed.is_set()

    def test_when_too_many_wait_the_newest_is_left_out_and_nobody_waits_for_it(
        self, kotae: Kotae, shadows: Shadows
    ) -> None:
        with shadows.customer():
            for _ in range(5):
                shadows.wish(self.wish(kotae, Says(Token("yes"))))
            assert shadows.left_out == 3

    def test_a_strategy_that_breaks_in_the_shadow_breaks_nothing_else(
        self, kotae: Kotae, shadows: Shadows
    ) -> None:
        fine = Says(Token("yes"))
        shadows.wish(self.wish(kotae, Says(Unavailable("gone"))))
        shadows.wish(self.wish(kotae, fine))
        assert shadows.wait(60)
        assert len(fine.asked) == 1


def until(happens: Callable[[], bool], seconds: float = 30) -> None:
    ended = threading.Event()
    began = time.monotonic()
    while not happens():
        assert time.monotonic() - began < seconds
        ended.wait(0.01)


def test_an_operator_sees_the_history_of_shares(kotae: Kotae, operator: Operator) -> None:
    kotae.switch.share({"parrot": 20}, by="olga")
    assert "parrot 20" in operator.opens("/console/strategy").text
