"""The strategy page: cards with their traffic, a form of the options, versions, shares and shadows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from bot.kotae import Kotae
from bot.settings import Settings
from tests.people import Admin, Customer, Operator
from web.cli import main


@pytest.fixture
def settings(settings: Settings) -> Settings:
    tables = {
        "manuals": {"use": "rag", "inner": "quotes", "k": 4},
        "parrot": {"use": "echo"},
        "served": {
            "use": "llm",
            "model": "m",
            "base_url": "http://127.0.0.1:9/v1",
            "api_key": "sk-very-secret",
            "temperature": 0.5,
        },
    }
    return settings.model_copy(update={"strategies": tables})


def test_a_card_tells_what_its_strategy_did(operator: Operator, customer: Customer) -> None:
    assert "It has answered no customer" in operator.opens("/console/strategy").text
    operator.switches_to("parrot")
    answer = customer.asks("Is it blue?")
    customer.rates(answer.id, "up")
    assert "100% · n = 1" in operator.opens("/console/strategy").text


def test_a_form_changes_an_option_live_and_one_click_brings_the_old_one_back(
    operator: Operator, kotae: Kotae
) -> None:
    page = operator.opens("/console/strategy/manuals").text
    assert 'name="k" value="4"' in page
    assert 'max="50"' in page  # the bound of its schema
    operator.sends("/console/strategy/manuals", k="9", inner="quotes", neighbours="0", note="more to read")
    assert kotae.configured()["manuals"]["k"] == 9
    page = operator.opens("/console/strategy/manuals").text
    assert "<del>as in the file</del> → <ins>9</ins>" in page
    assert operator.email in page
    assert "more to read" in operator.opens("/console/strategy").text
    operator.sends("/console/strategy/manuals/version", change="0")
    assert kotae.configured()["manuals"]["k"] == 4
    assert operator.sends("/console/strategy/manuals/version", change="77").status_code == 404


def test_what_the_schema_refuses_is_said_and_what_was_typed_stays(operator: Operator, kotae: Kotae) -> None:
    refused = operator.sends("/console/strategy/manuals", k="99", inner="quotes", neighbours="0")
    assert refused.status_code == 400
    assert "option &#39;k&#39;" in refused.text
    assert 'value="99"' in refused.text
    assert kotae.configured()["manuals"]["k"] == 4


def test_an_option_that_answers_nobody_just_now_is_changed_without_being_warmed(
    operator: Operator, kotae: Kotae
) -> None:
    fields = {"model": "better", "temperature": "0.1", "max_tokens": "100", "context_tokens": "0"}
    done = operator.sends("/console/strategy/served", **fields)
    assert done.status_code == 302, done.text
    assert kotae.configured()["served"]["temperature"] == 0.1


def test_no_secret_is_shown_or_sent_elsewhere_from_the_console(operator: Operator, kotae: Kotae) -> None:
    page = operator.opens("/console/strategy/served").text
    assert "sk-very-secret" not in page + operator.opens("/console/strategy").text
    assert 'name="api_key"' not in page
    assert 'name="base_url"' not in page
    operator.sends(
        "/console/strategy/served",
        model="m",
        base_url="http://evil.example/v1",
        api_key="mine",
        api_key_file="/etc/passwd",
    )
    table = kotae.configured()["served"]
    assert (table["base_url"], table["api_key"]) == ("http://127.0.0.1:9/v1", "sk-very-secret")
    assert "api_key_file" not in table
    assert "sk-very-secret" not in str([entry.detail for entry in kotae.audit.page()])


def test_traffic_is_shared_and_shadowed_by_one_form(
    operator: Operator, customer: Customer, kotae: Kotae
) -> None:
    operator.sends("/console/strategy/shares", **{"share-parrot": "100", "shadow-manuals": "100"})
    assert customer.asks("Is it blue?").text == "Is it blue?"
    assert kotae.shadows.wait(60)
    page = operator.opens("/console/strategy").text
    assert "share: parrot 100 %" in page
    assert "In the shadow: 1 answer," in page
    operator.sends("/console/strategy/shares", **{"share-parrot": "130"})
    assert "The traffic stays as it was" in operator.opens("/console/strategy").text
    assert kotae.switch.chosen().shares == {"parrot": 100}
    assert len(kotae.switch.history()) == 1
    operator.goes_back()
    last = kotae.switch.chosen()
    assert (last.shares, last.shadows) == ({}, {})


def test_any_change_of_the_history_is_one_click_back(operator: Operator, kotae: Kotae) -> None:
    operator.switches_to("parrot")
    change = kotae.switch.chosen().id
    operator.switches_to("manuals")
    operator.sends("/console/strategy/restore", change=str(change))
    assert kotae.switch.name() == "parrot"
    assert "Back to what the configuration file says" in operator.opens("/console/strategy").text
    operator.sends("/console/strategy/restore", change="0")
    assert kotae.switch.name() == "manuals"


def test_a_strategy_that_does_not_exist_has_no_page(operator: Operator) -> None:
    assert operator.opens("/console/strategy/nobody").status_code == 404


def test_who_changed_what_is_in_the_audit(admin: Admin) -> None:
    admin.sends("/console/strategy/manuals", k="9", inner="quotes", neighbours="0")
    entry = next(entry for entry in admin.kotae.audit.page() if entry.what == "switch")
    assert entry.detail["overrides"] == {"from": {}, "to": {"manuals": {"k": 9}}}


def test_the_same_on_the_command_line(kotae: Kotae) -> None:
    kotae.close()
    config = kotae.settings.data.parent / "kotae.toml"
    config.write_text(
        '[chat]\nstrategy = "manuals"\n[strategies.manuals]\nuse = "rag"\ninner = "quotes"\n'
        '[strategies.parrot]\nuse = "echo"\n'
    )

    def run(*arguments: str, code: int = 0) -> Any:
        place = ["--json", "--data", str(kotae.settings.data), "--config", str(config)]
        done = CliRunner().invoke(main, [*place, "strategy", *arguments])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if not code else done.output

    first = run("set", "manuals", "k=9")
    assert first["overrides"] == {"manuals": {"k": 9}}
    assert run("share", "parrot=20")["shares"] == {"parrot": 20}
    assert run("shadow", "parrot=50")["shadows"] == {"parrot": 50}
    assert "from 0 to 100 %" in run("share", "parrot=120", code=1)
    assert "option 'k'" in run("set", "manuals", "k=0", code=1)
    assert run("restore", str(first["id"]))["shares"] == {}
    assert run("set", "manuals", "k=")["overrides"] == {}
