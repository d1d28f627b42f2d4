"""What an operator may set for the `llm` strategy."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from strategies.base import Options
from strategies.errors import Misconfigured


class LlmOptions(Options):
    """With `base_url` the model is asked over HTTP; without, it is loaded into this process from a folder or
    the hub.
    """

    model: str = Field(
        min_length=1,
        description="The model's name at the server, or a folder, a GGUF file, or its name on the hub.",
    )
    base_url: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Address of an OpenAI-compatible server, up to /v1.",
    )
    api_key: SecretStr = Field(default=SecretStr(""), description="The server's key, when it wants one.")
    api_key_file: Path | None = Field(
        default=None, description="A file that holds the key, instead of api_key."
    )
    instructions: str = Field(
        default="", max_length=4000, description="Your own words for the model, after our rules."
    )
    temperature: float = Field(default=0.0, ge=0, le=2, description="0 says the likeliest word.")
    frequency_penalty: float = Field(
        default=0.0,
        ge=0,
        le=2,
        description="How much less likely a word gets each time that the answer has it, for a model that "
        "repeats itself; 0 changes nothing.",
    )
    max_tokens: int = Field(default=512, ge=1, description="Where an answer is cut off.")
    context_tokens: int = Field(
        default=0,
        ge=0,
        description="Room for prompt and answer; 0: as the local model says, unlimited at a server.",
    )
    connect_seconds: float = Field(default=5, gt=0, description="How long reaching the server may take.")
    load_seconds: float = Field(
        default=120, gt=0, description="How long its first word after a start may take."
    )
    first_token_seconds: float = Field(
        default=30, gt=0, description="How long the first word of an answer may take."
    )
    between_tokens_seconds: float = Field(
        default=15, gt=0, description="How long it may be silent in the middle."
    )
    device: str = Field(default="", description='Where a local model runs: "cpu", "cuda"; empty chooses.')
    dtype: Literal["", "float32", "bfloat16", "float16"] = Field(
        default="",
        description="The numbers in which a local model calculates; empty: those it was saved in, where the "
        "processor is made for them.",
    )
    at_once: int = Field(
        default=2, ge=1, description="How many answers a local model makes at the same time."
    )

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.api_key.get_secret_value() and self.api_key_file:
            raise ValueError("api_key and api_key_file are both set; keep one")
        return self

    def key(self) -> str:
        """The key, from wherever it is kept. Raises Misconfigured when the file cannot be read."""
        if self.api_key_file is None:
            return self.api_key.get_secret_value()
        try:
            return self.api_key_file.read_text("utf-8").strip()
        except OSError as error:
            raise Misconfigured(
                f"the file of api_key_file, {str(self.api_key_file)!r}, cannot be read: {error.strerror}"
            ) from error
