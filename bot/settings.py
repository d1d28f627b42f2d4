"""Settings: `kotae.toml`, `KOTAE_*`, secrets from files. Only this module reads the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=0, le=65535)]


class BadSettings(Exception):
    """The configuration is refused. `faults` names each setting at fault and what it accepts."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Chat(Section):
    strategy: str = Field("manuals", description="The strategy that answers until an operator switches.")


class Texts(Section):
    """What customers read in one language."""

    greeting: str = Field(description="The widget's first words.")
    no_answer: str = Field(description="Said when the documents do not answer the question.")
    handoff: str = Field(description="Offers a person, after the sentence above.")
    too_long: str = Field(description="Said to a question longer than the limit; {limit} is replaced by it.")
    too_many: str = Field(description="Said when questions come faster than allowed.")
    busy: str = Field(description="Said to a question asked while the answer before it is still being written.")
    nothing: str = Field(description="Said to a question without text.")
    failed: str = Field(description="Said when something broke on our side.")
    empty: str = Field(description="Said when the strategy returned nothing.")


class Web(Section):
    host: str = Field("127.0.0.1", description="The address the server listens on.")
    port: Port = Field(8000, description="The port the server listens on.")
    sites: tuple[str, ...] = Field((), description="Origins whose pages may embed the widget.")
    secret: SecretStr = Field(SecretStr(""), description="Signs sessions; empty: made once and kept in the data directory.")


class Store(Section):
    url: str = Field("", description="SQLAlchemy URL of the database; empty: SQLite in the data directory.")


class Vectors(Section):
    url: str = Field("", description="A Chroma server; empty: Chroma in this process, in the data directory.")


class JobQueue(Section):
    url: str = Field("", description="redis://… for the job queue; empty: a file in the data directory.")


class Embedding(Section):
    model: str = Field("all-MiniLM-L6-v2", description="The model that embeds passages and questions.")


class Limits(Section):
    question_characters: int = Field(2000, ge=1, description="The longest question read.")
    questions_per_minute: int = Field(20, ge=1, description="Questions a minute in one conversation.")
    client_questions_per_minute: int = Field(60, ge=1, description="Questions a minute from one address.")
    upload_megabytes: int = Field(50, ge=1, description="The largest file taken.")
    history_turns: int = Field(6, ge=0, description="Earlier messages a strategy is given.")
    answer_seconds: float = Field(60, gt=0, description="The longest an answer may take.")
    url: str = Field("", description="redis://… where questions are counted for all processes; empty: in this process.")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="KOTAE_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data: Path = Field(Path("data"), description="Where everything of this installation is kept.")
    product: str = Field("", description="The product's name; it heads each passage.")
    chat: Chat = Field(default_factory=Chat)
    strategies: dict[str, dict[str, Any]] = Field(
        default_factory=lambda: {"manuals": {"use": "rag", "inner": "quotes"}},
        description="The strategies an operator may choose, by name.",
    )
    texts: dict[str, Texts] = Field(default_factory=dict, description="What customers read, per language.")
    web: Web = Field(default_factory=Web)
    store: Store = Field(default_factory=Store)
    vectors: Vectors = Field(default_factory=Vectors)
    jobs: JobQueue = Field(default_factory=JobQueue)
    embedding: Embedding = Field(default_factory=Embedding)
    limits: Limits = Field(default_factory=Limits)

    @classmethod
    def load(cls, file: Path | None = None, data: Path | None = None) -> Self:
        """From `file`, else $KOTAE_CONFIG, else ./kotae.toml, else the defaults. BadSettings tells all faults."""
        raise NotImplementedError

    def say(self, name: str, language: str) -> str:
        """What a customer reads: `say("greeting", "ja")`; English where a language has no texts."""
        raise NotImplementedError
