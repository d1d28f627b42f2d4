"""A configuration is refused, not guessed, and every fault is told at once by its name."""

from __future__ import annotations

import base64
import re
import tomllib
from pathlib import Path

import pytest

from bot.settings import BadSettings, Settings
from bot.settings_page import PAGE, page

ROOT = Path(__file__).parent.parent.parent


def toml(folder: Path, text: str) -> Path:
    file = folder / "kotae.toml"
    file.write_text(text, encoding="utf-8")
    return file


def faults(file: Path | None = None) -> list[str]:
    with pytest.raises(BadSettings) as refused:
        Settings.load(file)
    return refused.value.faults


def test_without_any_configuration_the_manuals_answer_in_their_own_words() -> None:
    settings = Settings.load()
    assert settings.chat.strategy == "manuals"
    assert settings.strategies["manuals"] == {"use": "rag", "inner": "quotes", "k": 8}
    assert settings.limits.question_characters == 2000


def test_the_shipped_file_says_what_the_defaults_are_and_adds_who_learns_to_refuse() -> None:
    shipped, usual = Settings.load(ROOT / "kotae.toml").model_dump(), Settings.load().model_dump()
    assert shipped["strategies"].pop("careful")["of"] == [usual["chat"]["strategy"]] == ["manuals"]
    assert shipped["chat"].pop("strategy") == "careful"
    del usual["chat"]["strategy"]
    assert shipped == usual


def test_whatever_is_commented_out_in_the_shipped_file_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("DESK_SECRET", "whsec_" + base64.b64encode(bytes(24)).decode())
    shipped = (ROOT / "kotae.toml").read_text("utf-8")
    settings = Settings.load(toml(tmp_path, re.sub(r"(?m)^# (\[|\w+ = )", r"\1", shipped)))
    shipped_ones = {"manuals", "careful", "product", "both", "best", "together", "echo"}
    assert set(settings.strategies) == shipped_ones | {"router", "quick", "model", "gpt", "surest"}
    assert settings.limits.model_dump(exclude={"url"}) == Settings().limits.model_dump(exclude={"url"})
    assert settings.web.port == Settings().web.port


def test_every_fault_is_told_at_once_and_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAE_STREAM", "yes")
    monkeypatch.setenv("KOTAE_LIMITS__QUESTION_CHARACTERS", "lots")
    file = toml(
        tmp_path,
        """
        colour = "blue"
        [web]
        port = 70000
        prot = 80
        [chat]
        strategy = "bset"
        [texts.ja]
        greting = "やあ"
        [strategies.best]
        use = "llm"
        api_key = "file:/nowhere/key"
        headers = [{ token = "env:KEY_THAT_IS_NOT_SET" }]
        """,
    )
    told = faults(file)
    for fragment in (
        "KOTAE_STREAM: no such setting",
        "KOTAE_LIMITS__QUESTION_CHARACTERS = 'lots': input should be a valid integer",
        "colour in kotae.toml: no such setting",
        "web.port in kotae.toml = 70000: input should be less than or equal to 65535",
        "web.prot in kotae.toml: no such setting, did you mean port?; accepted: host, identity_secret, ",
        "chat.strategy = 'bset': no such strategy; configured: best",
        "texts.ja.greting in kotae.toml: no such setting, did you mean greeting?",
        "strategies.best.api_key = 'file:/nowhere/key': the file '/nowhere/key' cannot be read",
        "strategies.best.headers[0].token = 'env:KEY_THAT_IS_NOT_SET': the environment variable",
    ):
        assert len([fault for fault in told if fault.startswith(fragment)]) == 1, (fragment, told)
    assert len(told) == 9


def test_a_file_that_is_not_there_or_no_toml_is_one_sentence(tmp_path: Path) -> None:
    assert faults(tmp_path / "absent.toml") == [
        f"{tmp_path / 'absent.toml'}: the configuration file cannot be read (No such file or directory)"
    ]
    [fault] = faults(toml(tmp_path, "[web\nport = 1"))
    assert fault.startswith(f"{tmp_path / 'kotae.toml'}: not a TOML file (")


def test_the_command_line_goes_before_the_environment_and_that_before_secrets_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = toml(tmp_path, 'data = "from-file"\nproduct = "Kettle"\n[web]\nport = 1\nhost = "::1"\n')
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "kotae_web__port").write_text("2")
    (secrets / "kotae_web__secret").write_text("hush\n")
    monkeypatch.setenv("KOTAE_SECRETS", str(secrets))
    monkeypatch.setenv("KOTAE_DATA", "from-environment")

    settings = Settings.load(file)
    assert (settings.data, settings.product) == (Path("from-environment"), "Kettle")
    assert (settings.web.port, settings.web.host) == (2, "::1")
    assert settings.web.secret.get_secret_value() == "hush"
    monkeypatch.setenv("KOTAE_WEB__PORT", "3")
    settings = Settings.load(file, data=tmp_path)
    assert (settings.data, settings.web.port) == (tmp_path, 3)


def test_a_file_is_found_by_variable_and_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml(tmp_path, 'product = "Here"')
    assert Settings.load().product == "Here"
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text('product = "Elsewhere"')
    monkeypatch.setenv("KOTAE_CONFIG", str(elsewhere))
    assert Settings.load().product == "Elsewhere"


def test_a_secret_of_a_strategy_stays_where_it_is_until_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("sk-file\n")
    monkeypatch.setenv("MODEL_KEY", "sk-env")
    file = toml(
        tmp_path,
        f"""
        [strategies.manuals]
        use = "llm"
        api_key = "file:{tmp_path / "key"}"
        other = ["env:MODEL_KEY", 5]
        """,
    )
    settings = Settings.load(file)
    assert settings.strategy_options()["manuals"] == {
        "use": "llm",
        "api_key": "sk-file",
        "other": ["sk-env", 5],
    }
    assert "sk-" not in repr(settings)


def test_an_option_of_a_strategy_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAE_STRATEGIES__MANUALS__USE", "rag")
    monkeypatch.setenv("KOTAE_STRATEGIES__MANUALS__K", "7")
    assert Settings.load().strategies == {"manuals": {"use": "rag", "k": "7"}}


SIGNS = "whsec_" + base64.b64encode(bytes(24)).decode()


def test_each_webhook_has_a_secret_of_its_own_wherever_that_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("kotae_webhooks__pager__secret", "crm"):
        (secrets / name).write_text(SIGNS)
    monkeypatch.setenv("KOTAE_SECRETS", str(secrets))
    monkeypatch.setenv("KOTAE_WEBHOOKS__DESK__SECRET", SIGNS)
    tables = "".join(
        f"[webhooks.{name}]\nurl = 'https://{name}.example/'\n" for name in ("desk", "pager", "crm")
    )
    settings = Settings.load(toml(tmp_path, f"{tables}secret = 'file:{secrets / 'crm'}'"))
    assert {name: webhook.key for name, webhook in settings.webhooks.items()} == dict.fromkeys(
        ("desk", "pager", "crm"), SIGNS
    )
    assert SIGNS not in repr(settings)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (
            "[webhooks.desk]\nurl = 'https://d.example'\nsecret = 'hush'",
            "webhooks.desk.secret: a webhook is signed",
        ),
        ("[webhooks.desk]\nurl = 'https://d.example'\nsecret = 'env:NOT'", "'NOT' is not set"),
        ("[webhooks.desk]\nurl = 'desk'\nsecret = 'hush'", "webhooks.desk.url"),
        ("[webhooks.desk]\nurl = 'https://d.example'", "webhooks.desk.secret"),
        (
            f"[webhooks.desk]\nurl = 'https://d.example'\nsecret = '{SIGNS}'\nevents = ['handoff']",
            "webhooks.desk.events",
        ),
        ("[webhook]\nurl = 'https://d.example'", "did you mean webhooks?"),
    ],
)
def test_a_webhook_that_cannot_be_told_is_refused(tmp_path: Path, table: str, fault: str) -> None:
    with pytest.raises(BadSettings) as refused:
        Settings.load(toml(tmp_path, table))
    assert fault in str(refused.value)


def test_sites_may_be_separated_by_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAE_WEB__SITES", "https://shop.example, https://help.example")
    assert Settings.load().web.sites == ("https://shop.example", "https://help.example")


@pytest.mark.parametrize(
    "site", ["shop.example", "https://shop.example/help", "https://a.example; script-src *", "*"]
)
def test_what_is_no_origin_may_not_embed_the_widget(monkeypatch: pytest.MonkeyPatch, site: str) -> None:
    monkeypatch.setenv("KOTAE_WEB__SITES", f"http://localhost:3000,{site}")
    [fault] = faults()
    assert (
        fault == f"web.sites = {site!r}: an origin such as https://shop.example is accepted, without a path"
    )


def test_an_operators_sentence_replaces_ours_and_only_that_one(tmp_path: Path) -> None:
    settings = Settings.load(
        toml(tmp_path, '[texts.ja]\ngreeting = "いらっしゃいませ"\n[texts.de]\ngreeting = "Guten Tag"')
    )
    assert settings.say("greeting", "ja") == "いらっしゃいませ"
    assert settings.say("handoff", "ja") == "担当者におつなぎしましょうか。"
    assert settings.say("greeting", "de") == "Guten Tag"
    assert settings.say("handoff", "de") == settings.say("handoff", "en") == settings.say("handoff", "xx")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_sentence_about_length_names_the_limit(language: str) -> None:
    assert "2,000" in Settings().say("too_long", language)


def test_secrets_are_not_shown_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAE_STORE__URL", "postgresql+psycopg://kotae:hush@db/kotae")
    monkeypatch.setenv("KOTAE_WEB__SECRET", "hush")
    assert "hush" not in repr(Settings.load())


def test_the_page_of_settings_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m bot.settings_page"


def test_the_toml_on_the_page_of_settings_is_accepted(tmp_path: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", page(), re.DOTALL):
        given, settings = tomllib.loads(block), Settings.load(toml(tmp_path, block))
        assert given.get("strategies", settings.strategies) == settings.strategies
        assert given.get("prices", {}).keys() == settings.prices.keys()
