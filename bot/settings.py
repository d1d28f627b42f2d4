"""Settings: `kotae.toml`, `KOTAE_*`, secrets from files. Only this module reads the environment.

    command line  over  KOTAE_*  over  /run/secrets/kotae_*  over  kotae.toml  over  the defaults below

A configuration is refused, not guessed: an unknown name is a fault like a wrong value. All faults are told at
once.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from bot.appearance import Appearance
from bot.evaluation.decision import Rules
from bot.handoff.hours import span, zone_of
from bot.notices.signing import signs
from bot.texts import ASKS_FOR_A_PERSON, Texts, complete
from knowledge_base.embedding import SHIPPED, Model

PREFIX: Final = "KOTAE_"
HandoffEvent = Literal["handoff.asked", "handoff.left", "handoff.taken", "handoff.closed"]
OURS: Final = {
    "KOTAE_CONFIG",
    "KOTAE_SECRETS",
}  # which file, which folder of secrets: not settings themselves


Value = TypeVar("Value")


class BadSettings(Exception):
    """The configuration is refused. Each of `faults` names a setting and what it accepts."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Section(BaseModel):
    """A table of kotae.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Chat(Section):
    strategy: str = Field("manuals", description="The strategy that answers until an operator switches.")


class Web(Section):
    host: str = Field("127.0.0.1", min_length=1, description="The address the server listens on.")
    port: int = Field(8420, ge=0, le=65535, description="The port the server listens on; 0 takes a free one.")
    sites: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins whose pages may embed the widget, such as `https://shop.example`."
    )
    secret: SecretStr = Field(
        SecretStr(""),
        description="Signs sessions and tokens; empty: made once and kept in the data directory.",
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        description="What a program that collects `/metrics` shows as its bearer token; empty: nobody does.",
    )
    identity_secret: SecretStr = Field(
        SecretStr(""),
        description="Your site signs with it who its customer is (docs/embedding.md); "
        "empty: nobody is believed.",
    )
    proxies: int = Field(
        0,
        ge=0,
        description="Proxies in front of the server; their word on address, host and https is taken. "
        "0 believes nobody.",
    )

    @field_validator("sites", mode="before")
    @classmethod
    def separated_by_commas(cls, value: Any) -> Any:
        """KOTAE_WEB__SITES holds them in one string."""
        if isinstance(value, str):
            return [site.strip() for site in value.split(",") if site.strip()]
        return value

    @field_validator("sites")
    @classmethod
    def origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """They become part of a header, where nothing else may slip in."""
        wrong = [site for site in value if not re.fullmatch(r"https?://[\w.\-\[\]:]+", site)]
        if wrong:
            accepted = "an origin such as https://shop.example is accepted, without a path"
            raise ValueError("\n".join(f"web.sites = {site!r}: {accepted}" for site in wrong))
        return value


class Store(Section):
    url: SecretStr = Field(
        SecretStr(""),
        description="The database (`postgresql+psycopg://…`); empty: SQLite in the data directory.",
    )


class Vectors(Section):
    url: str = Field(
        "",
        pattern=r"^(|https?://.+)$",
        description="A Chroma server (`http://host:port`); empty: Chroma in this process, on disk.",
    )
    token: SecretStr = Field(
        SecretStr(""), description="What the server, or whoever guards it, asks for as `X-Chroma-Token`."
    )
    tenant: str = Field("default_tenant", min_length=1, description="The tenant there.")
    database: str = Field("default_database", min_length=1, description="The tenant's database.")


class JobQueue(Section):
    url: SecretStr = Field(
        SecretStr(""), description="The job queue (`redis://…`); empty: a file in the data directory."
    )


class Embedding(Section):
    """Loaded here, or with `base_url` asked at a server: docs/embedders.md."""

    model: str = Field(
        SHIPPED,
        min_length=1,
        description="The model that embeds passages and questions: its name on the hub, a folder, or "
        "its name at the server.",
    )
    base_url: str = Field(
        "",
        pattern=r"^(|https?://\S+)$",
        description="An OpenAI-compatible server that has it, up to /v1; empty: it is loaded here.",
    )
    api_key: SecretStr = Field(SecretStr(""), description="The server's key, when it wants one.")
    api_key_file: str = Field("", description="A file that holds it instead; trainings can use it, too.")
    query_prefix: str = Field(
        "", description="What the model wants in front of a question, such as `query: ` for E5."
    )
    passage_prefix: str = Field("", description="… in front of a passage, such as `passage: `.")
    input_types: bool = Field(
        False, description="Whether the server is told in `input_type` what is a query and what a passage."
    )
    revision: str = Field(
        "",
        description="A word of yours that is part of the index's identity: change it when another model is "
        "behind the same name.",
    )
    dimensions: int = Field(
        0,
        ge=0,
        description="How many numbers a vector has, of a server that offers the choice; 0: as it likes.",
    )
    tokens: int = Field(
        256,
        ge=64,
        description="How many tokens a text has at most at a server, as they are estimated; half of what the "
        "model reads is safe.",
    )
    at_once: int = Field(32, ge=1, description="How many texts the server gets in one request.")
    seconds: float = Field(20, gt=0, description="How long the server may take for one request.")

    @model_validator(mode="after")
    def belonging_together(self) -> Self:
        """What is said of a server has one, and the shipped model is asked as it was trained."""
        of_a_server = ("api_key", "api_key_file", "input_types", "dimensions", "tokens", "at_once", "seconds")
        named = [name for name in of_a_server if name in self.model_fields_set and not self.base_url]
        faults = [f"embedding.{name}: it is for a server; set embedding.base_url" for name in named]
        if self.api_key_file and self.api_key.get_secret_value():
            faults.append("embedding.api_key and embedding.api_key_file are both set; keep one")
        prefixed = [name for name in ("query_prefix", "passage_prefix") if getattr(self, name)]
        if prefixed and self.of.shipped:
            faults += [f"embedding.{name}: {SHIPPED} was trained without one" for name in prefixed]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def of(self) -> Model:
        """As the knowledge base takes it."""
        said = self.model_dump(exclude={"model", "api_key"})
        return Model(name=self.model, api_key=self.api_key.get_secret_value(), **said)


class Limits(Section):
    question_characters: int = Field(
        2000, ge=1, description="The longest question that is read, in characters."
    )
    questions_per_minute: int = Field(20, ge=1, description="Questions a minute in one conversation.")
    client_questions_per_minute: int = Field(
        60, ge=1, description="Questions a minute from one address, over all of its conversations."
    )
    upload_megabytes: int = Field(50, ge=1, description="The largest document taken, in megabytes.")
    history_turns: int = Field(6, ge=0, description="How many earlier messages a strategy is given.")
    answer_seconds: float = Field(60, gt=0, description="The longest an answer may take, in seconds.")
    away_seconds: float = Field(
        30, ge=0, description="How long an answer goes on that nobody reads: a lost connection comes back."
    )
    url: SecretStr = Field(
        SecretStr(""),
        description="Where questions are counted (`redis://…`); empty: in each process.",
    )


class Log(Section):
    level: Literal["info", "warning", "error"] = Field(
        "info", description="What a server or a worker writes to standard error, from so grave on."
    )
    format: Literal["text", "json"] = Field(
        "text", description="How: a line for people, or an object of JSON a line for programs."
    )


class CandidateQueue(Section):
    asked: int = Field(
        2,
        ge=0,
        description="In how many conversations a question must have gone unanswered before it waits among "
        "the candidates by itself; 0: never.",
    )


class Retention(Section):
    days: int = Field(
        0,
        ge=0,
        description="How many days the words of a conversation are kept; what it cost and how it was rated "
        "stays. 0 keeps them.",
    )


class Price(Section):
    """What tokens cost, of one strategy or of one model."""

    prompt: float = Field(0, ge=0, description="Per million tokens that are read, passages among them.")
    completion: float = Field(0, ge=0, description="Per million tokens that are written.")


class Handoff(Section):
    enabled: bool = Field(True, description="Whether customers may ask for a person.")
    after_abstentions: int = Field(
        2, ge=1, description="A person is offered when the bot had no answer so many times in a row."
    )
    words: tuple[str, ...] = Field(
        ASKS_FOR_A_PERSON,
        description="A message that holds one of these goes to a person; whole words, in any case.",
    )
    topics: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Topics that go to a person, by name, each with examples of what customers say: what is "
        "near one of them in meaning is on the topic.",
    )
    upset: tuple[Literal["en", "ja"], ...] = Field(
        (),
        description="Languages in which a message goes to a person when its words show that the customer is "
        "upset, such as `en`; none: never.",
    )
    likeness: float = Field(
        0.6, gt=0, le=1, description="How near that is: the cosine of the embedder, 1 for the same words."
    )
    hours: tuple[str, ...] = Field(
        (), description="Office hours, lines such as `mon-fri 09:00-17:30`; none: always."
    )
    closed: tuple[date, ...] = Field((), description="Days without office hours, such as `2026-12-25`.")
    timezone: str = Field("UTC", description="Where the desk is, such as `Europe/Berlin`.")
    email_to: str = Field(
        "",
        pattern=r"^(|[^@\s]+@[^@\s]+)$",
        description="The desk's address, to which transcripts are sent; empty: they stay in the inbox alone.",
    )
    retry_seconds: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        (5, 30, 300, 1800, 7200, 18000, 36000),
        description="Seconds to wait after each attempt that failed to send a transcript or a webhook.",
    )

    @field_validator("hours")
    @classmethod
    def understood(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Each line, so that all faults are told at once."""
        faults = [f"handoff.hours: {fault}" for line in value if (fault := _fault(span, line))]
        if faults:
            raise ValueError("\n".join(faults))
        return value

    @field_validator("timezone")
    @classmethod
    def known(cls, value: str) -> str:
        if fault := _fault(zone_of, value):
            raise ValueError(f"handoff.timezone: {fault}")
        return value


class Mail(Section):
    host: str = Field("", description="The SMTP server; empty: no mail is sent.")
    port: int = Field(587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is protected: `starttls`, `tls` or `none`."
    )
    user: str = Field("", description="Who signs in there; empty: nobody.")
    password: SecretStr = Field(SecretStr(""), description="The password of that user.")
    sender: str = Field(
        "kotae@localhost",
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="The address that mail comes from; answers to it go to the customer.",
    )
    transcripts: int = Field(
        3,
        ge=0,
        description="How often a day a chat is mailed to its customer, out of one conversation and to one "
        "address; 0: never.",
    )


class OpenAI(Section):
    """Where models are tuned by the fine-tuning API."""

    base_url: str = Field(
        "https://api.openai.com/v1",
        pattern=r"^https?://\S+$",
        description="The fine-tuning API, for `kotae train --base openai:…`.",
    )
    api_key: SecretStr = Field(SecretStr(""), description="Its key; empty: nothing is tuned there.")
    look_seconds: float = Field(10, gt=0, description="The time between two looks how far a job there is.")


class Webhook(Section):
    """Where the desk's own software hears of handoffs."""

    url: str = Field(pattern=r"^https?://\S+$", description="Where it is told.")
    secret: SecretStr = Field(
        description="Signs what is sent, as Standard Webhooks do: `whsec_` and 24 to 64 bytes in base64. "
        "It may stand elsewhere: `env:NAME`, `file:/run/secrets/name`."
    )
    events: tuple[HandoffEvent, ...] = Field((), description="The events it wants to hear of; none: all.")
    seconds: float = Field(10, gt=0, description="How long its answer may take.")

    @property
    def key(self) -> str:
        """The secret itself. Raises ValueError where it stands elsewhere and is not there."""
        return resolve(self.secret.get_secret_value())

    def wants(self, event: str) -> bool:
        return not self.events or event in self.events


class Helper(Section):
    """A chat model that helps operators. It never speaks to a customer."""

    strategy: str = Field(
        "", description="Its model is that of this `llm` strategy; empty: the one at `base_url`, if any."
    )
    base_url: str = Field(
        "",
        pattern=r"^(|https?://\S+)$",
        description="An OpenAI-compatible server, up to /v1, whose model gives its opinion of answers, "
        "drafts questions and suggests wordings; empty: nobody does.",
    )
    model: str = Field("", description="The model's name there.")
    api_key: SecretStr = Field(SecretStr(""), description="The server's key, when it wants one.")

    @property
    def configured(self) -> bool:
        return bool(self.strategy or self.base_url)

    @model_validator(mode="after")
    def one_of_them(self) -> Self:
        """One model, and all that is needed to ask it."""
        if self.strategy and self.base_url:
            raise ValueError("helper.strategy and helper.base_url are both set; keep one")
        if bool(self.base_url) != bool(self.model):
            raise ValueError("helper.base_url and helper.model belong together; set both")
        return self


class Fetching(Section):
    private_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts in your own network that pages may be fetched from, with or without a port, such "
        "as `intranet.example:8080`; all others there are refused.",
    )
    page_megabytes: int = Field(20, ge=1, description="The largest page that is fetched, in megabytes.")
    page_seconds: float = Field(30, gt=0, description="The longest that fetching a page may take.")
    site_pages: int = Field(2000, ge=1, description="The most pages that are taken from one sitemap.")

    @field_validator("private_hosts", mode="before")
    @classmethod
    def separated_by_commas(cls, value: Any) -> Any:
        """KOTAE_FETCHING__PRIVATE_HOSTS holds them in one string."""
        if isinstance(value, str):
            return [host.strip() for host in value.split(",") if host.strip()]
        return value


class Settings(BaseSettings):
    """All of it. `Settings(…)` is what is given and the environment; `load` reads the file too."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        secrets_dir_missing="ok",
    )

    data: Path = Field(
        Path("data"), description="The folder in which everything of this installation is kept."
    )
    product: str = Field(
        "", description="The product's name; it stands above each passage when it is embedded."
    )
    chat: Chat = Field(default_factory=Chat)
    strategies: dict[str, dict[str, Any]] = Field(
        validate_default=True,
        default_factory=lambda: {
            "manuals": {"use": "rag", "inner": "quotes", "k": 8},
            "product": {"use": "lora"},
            "both": {"use": "rag", "inner": "product", "k": 8},
            "best": {"use": "first_of", "of": ["both", "manuals"], "surest": True},
            "together": {"use": "first_of", "of": ["both", "manuals"], "surest": True, "within": 1.0},
            "echo": {"use": "echo"},
        },
        min_length=1,
        description="Strategies to choose from, by name: `use` is the kind, the rest its options.",
    )
    texts: dict[str, Texts] = Field(
        default_factory=dict, validate_default=True, description="What customers read, per language."
    )
    widget: Appearance = Field(default_factory=Appearance)
    web: Web = Field(default_factory=Web)
    store: Store = Field(default_factory=Store)
    vectors: Vectors = Field(default_factory=Vectors)
    jobs: JobQueue = Field(default_factory=JobQueue)
    embedding: Embedding = Field(default_factory=Embedding)
    limits: Limits = Field(default_factory=Limits)
    log: Log = Field(default_factory=Log)
    candidates: CandidateQueue = Field(default_factory=CandidateQueue)
    retention: Retention = Field(default_factory=Retention)
    fetching: Fetching = Field(default_factory=Fetching)
    handoff: Handoff = Field(default_factory=Handoff)
    mail: Mail = Field(default_factory=Mail)
    webhooks: dict[str, Webhook] = Field(
        default_factory=dict,
        description="Where the desk's own software hears of handoffs, by names of your choice.",
    )
    openai: OpenAI = Field(default_factory=OpenAI)
    helper: Helper = Field(default_factory=Helper)
    prices: dict[str, Price] = Field(
        default_factory=dict,
        description="What tokens cost, by the name of a strategy, or else of the model that spoke.",
    )
    gate: Rules = Field(default_factory=Rules)

    @field_validator("texts", mode="before")
    @classmethod
    def both_languages(cls, value: Any) -> Any:
        """English and Japanese are always there."""
        return complete(value) if isinstance(value, Mapping) else value

    @field_validator("strategies")
    @classmethod
    def complete_and_chosen_from(
        cls, value: dict[str, dict[str, Any]], info: ValidationInfo
    ) -> dict[str, dict[str, Any]]:
        """Its `file:` and `env:` lead somewhere, and `chat.strategy` is one of its names."""
        faults = []
        for path, reference in _strings(value, "strategies"):
            try:
                resolve(reference)
            except ValueError as fault:
                faults.append(f"{path} = {reference!r}: {fault}")
        chat = info.data.get("chat")
        if chat is not None and chat.strategy not in value:
            known = ", ".join(sorted(value))
            faults.append(f"chat.strategy = {chat.strategy!r}: no such strategy; configured: {known}")
        if faults:
            raise ValueError("\n".join(faults))
        return value

    @field_validator("helper")
    @classmethod
    def a_model_of_ours(cls, value: Helper, info: ValidationInfo) -> Helper:
        """`helper.strategy` names a strategy that has a model."""
        known = info.data.get("strategies", {})
        models = [name for name, options in known.items() if options.get("use") == "llm"]
        if value.strategy and known and value.strategy not in models:
            told = ", ".join(sorted(models)) or "none is configured"
            raise ValueError(f"helper.strategy = {value.strategy!r}: no `llm` strategy; configured: {told}")
        return value

    @field_validator("webhooks")
    @classmethod
    def signed(cls, value: dict[str, Webhook]) -> dict[str, Webhook]:
        """Nothing is sent that its receiver cannot check."""
        faults = []
        for name, webhook in value.items():
            if not re.fullmatch(r"[\w-]{1,64}", name):
                faults.append(f"webhooks.{name}: letters, digits, - and _ make a name, up to 64")
            if fault := _fault(_signing, webhook):
                faults.append(f"webhooks.{name}.secret: {fault}")
        if faults:
            raise ValueError("\n".join(faults))
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - a name given by pydantic-settings
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order above."""
        return (
            init_settings,
            env_settings,
            NestedSecretsSettingsSource(file_secret_settings),
            TomlConfigSettingsSource(settings_cls),
        )

    @classmethod
    def load(cls, file: Path | None = None, data: Path | None = None) -> Self:
        """From `file`, else $KOTAE_CONFIG, else ./kotae.toml if it exists. BadSettings tells all faults."""
        found = _configuration_file(file)
        unreadable = _unreadable(found)
        faults = [*unreadable, *_unknown_variables(cls)]
        loaded: type[Self] = type(
            cls.__name__,
            (cls,),
            {
                "__module__": cls.__module__,
                "__doc__": cls.__doc__,
                "model_config": SettingsConfigDict(
                    toml_file=None if unreadable else found,
                    secrets_dir=os.environ.get("KOTAE_SECRETS", "/run/secrets"),
                ),
            },
        )
        given: dict[str, Any] = {} if data is None else {"data": data}
        try:
            settings = loaded(**given)
        except ValidationError as error:
            faults += [told for detail in error.errors() for told in _tell(detail, cls, found)]
        except SettingsError as error:
            faults.append(f"{error}: {error.__cause__}" if error.__cause__ else str(error))
        if faults:
            raise BadSettings(faults)
        return settings

    def say(self, name: str, language: str) -> str:
        """What a customer reads: `say("greeting", "ja")`; English where a language has no texts."""
        sentence: str = getattr(self.texts.get(language) or self.texts["en"], name)
        return sentence.replace("{limit}", f"{self.limits.question_characters:,}")

    def strategy_options(self) -> dict[str, dict[str, Any]]:
        """[strategies] with its secrets in place: what strategies are made from, never shown."""
        return {name: _resolved(options) for name, options in self.strategies.items()}


def _fault(read: Callable[[Value], Any], value: Value) -> str:
    """Why a value is not understood; "" when it is."""
    try:
        read(value)
    except ValueError as fault:
        return str(fault)
    return ""


def _signing(webhook: Webhook) -> None:
    """Raises ValueError where a webhook cannot be signed."""
    if not signs(webhook.key):
        raise ValueError("a webhook is signed; 'whsec_' and 24 to 64 bytes in base64 are accepted")


# ---- references ----


def resolve(value: str) -> str:
    """What `file:/run/secrets/key` or `env:NAME` stands for; other values as they are. Raises ValueError."""
    kind, _, where = value.partition(":")
    if kind == "file":
        try:
            return Path(where).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise ValueError(f"the file {where!r} cannot be read ({reason})") from error
    if kind == "env":
        if where not in os.environ:
            raise ValueError(f"the environment variable {where!r} is not set")
        return os.environ[where]
    return value


def _resolved(value: Any) -> Any:
    match value:
        case str():
            return resolve(value)
        case dict():
            return {name: _resolved(inner) for name, inner in value.items()}
        case list():
            return [_resolved(inner) for inner in value]
        case _:
            return value


def _strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text in nested options, with its name."""
    match value:
        case str():
            yield path, value
        case dict():
            for name, inner in value.items():
                yield from _strings(inner, f"{path}.{name}")
        case list():
            for position, inner in enumerate(value):
                yield from _strings(inner, f"{path}[{position}]")


# ---- faults, each by its name ----


def _configuration_file(file: Path | None) -> Path | None:
    if file is not None:
        return file
    if named := os.environ.get("KOTAE_CONFIG"):
        return Path(named)
    here = Path("kotae.toml")
    return here if here.exists() else None


def _unreadable(file: Path | None) -> list[str]:
    """What keeps the file from being read, if anything does."""
    if file is None:
        return []
    try:
        tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        return [f"{file}: the configuration file cannot be read ({error.strerror})"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return [f"{file}: not a TOML file ({error})"]
    return []


def _unknown_variables(cls: type[Settings]) -> list[str]:
    """KOTAE_ variables that name no setting. What is wrong deeper down, pydantic finds."""
    known = {PREFIX + name.upper() for name in cls.model_fields} | OURS
    return [
        f"{name}: no such setting{_nearest(name, known)}"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name.split("__")[0] not in known
    ]


def _tell(detail: ErrorDetails, cls: type[Settings], file: Path | None) -> list[str]:
    """One fault as sentences: the name it was given by, the value, and what is accepted."""
    path = [str(part) for part in detail["loc"]]
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"]).splitlines()
    name = _name(path, file)
    if detail["type"] == "extra_forbidden":
        accepted = _accepted(cls, path[:-1])
        return [
            f"{name}: no such setting{_nearest(path[-1], accepted)}; accepted: {', '.join(sorted(accepted))}"
        ]
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return [f"{name} = {detail['input']!r}: {message}"]


def _name(path: list[str], file: Path | None) -> str:
    """A setting as whoever set it knows it."""
    variable = PREFIX + "__".join(path).upper()
    if any(name.upper() == variable for name in os.environ):
        return variable
    dotted = ".".join(path)
    return f"{dotted} in {file.name}" if file else dotted


def _accepted(model: type[BaseModel], path: list[str]) -> set[str]:
    """The names a section accepts."""
    for part in path:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
        elif path[0] == "texts":
            model = Texts
    return set(model.model_fields)


def _nearest(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {near[0]}?" if near else ""
