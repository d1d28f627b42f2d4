"""The product model at a server: a small one that does as vLLM's adapter endpoints do, and a real one.

vLLM itself needs a GPU and does not run in the tests. What is asked of it here is its documented interface:
two endpoints, their answers and their refusals, and the adapter's name in the place of the model's.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from strategies.base import Question, Strategy
from strategies.errors import Misconfigured, NoAnswer, Unavailable
from strategies.events import Decision, Token, Usage, collect
from strategies.lora import bases
from strategies.lora.bases import template
from strategies.lora.served import Served, ServedOptions
from strategies.lora.shelf import Adapter, Proof, Shelf
from strategies.lora.testing import tiny_base
from strategies.streams import stream_of
from strategies.testing import StrategyContract, eventually, kit, said
from tests.strategies.llm.real_server import serving
from tests.strategies.lora.adapters import on_paper
from tests.strategies.passages import WARRANTY

ASKED = Question("How long does the battery of the lamp last?", language="en")


class Vllm(ThreadingHTTPServer):
    """Holds adapters by name, and says who speaks. `answers` are told instead, when there are any."""

    daemon_threads = True

    def __init__(self, *, runtime_updating: bool = True, key: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.runtime_updating = runtime_updating
        self.key = key
        self.held: dict[str, str] = {}
        self.asked: list[dict[str, Any]] = []
        self.posted: list[tuple[str, str]] = []
        self.answers: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Vllm

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server, what = self.server, self.path.rpartition("/")[2]
        if server.key and self.headers.get("Authorization") != f"Bearer {server.key}":
            return self._refuse(401, "Unauthorized")
        if what == "completions":
            return self._chat(body)
        server.posted.append((what, body["lora_name"]))
        if not server.runtime_updating:
            return self._refuse(404, "Not Found")
        name = body["lora_name"]
        if what == "load_lora_adapter":
            if name in server.held:
                return self._refuse(400, f"The lora adapter '{name}' has already been loaded.")
            if not Path(body["lora_path"]).is_dir():
                return self._refuse(
                    404, f"Loading lora {name} failed: No adapter found for {body['lora_path']}"
                )
            server.held[name] = body["lora_path"]
            return self._say(f"Success: LoRA adapter '{name}' added successfully.", "text/plain")
        if server.held.pop(name, None) is None:
            return self._refuse(404, f"The lora adapter '{name}' cannot be found.")
        return self._say(f"Success: LoRA adapter '{name}' removed successfully.", "text/plain")

    def _chat(self, body: dict[str, Any]) -> None:
        name = body["model"]
        if name != "base" and name not in self.server.held:
            return self._refuse(404, f"The model `{name}` does not exist.")
        if body["max_tokens"] != 1:
            self.server.asked.append(body)
        text = self.server.answers.pop(0) if self.server.answers else f"It lasts 12 hours, says {name}."
        usage = {"prompt_tokens": 40, "completion_tokens": 7, "total_tokens": 47}
        events: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
            for piece in text.split(" ")[:1] + [f" {word}" for word in text.split(" ")[1:]]
        ]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        events.append({"choices": [], "usage": usage})
        shape = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": name}
        lines = "".join(f"data: {json.dumps({**shape, **event})}\n\n" for event in events)
        return self._say(f"{lines}data: [DONE]\n\n", "text/event-stream")

    def _refuse(self, status: int, message: str) -> None:
        error = {"message": message, "type": "BadRequestError", "code": status}
        self._say(json.dumps({"error": error}), "application/json", status)

    def _say(self, text: str, kind: str, status: int = 200) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def servers() -> Iterator[Callable[..., Vllm]]:
    running: list[tuple[Vllm, threading.Thread]] = []

    def start(**options: Any) -> Vllm:
        server = Vllm(**options)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def vllm(servers: Callable[..., Vllm]) -> Vllm:
    return servers()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "adapters")
    for seed, name in enumerate(["spring", "summer sale"]):
        shelf.put(on_paper(tmp_path / name, name, seed=seed))
    return shelf


def proven(_: Adapter) -> Proof:
    return Proof()


@pytest.fixture
def product(vllm: Vllm, shelf: Shelf, tmp_path: Path) -> Served:
    shelf.promote("spring", "ada", proven)
    return at(vllm, tmp_path)


def at(server: Vllm, data: Path, **options: Any) -> Served:
    told = {"base_url": server.url, "model": "base", **options}
    return Served.make(ServedOptions(**told), kit([WARRANTY], data=data, named="product"))


class TestServed(StrategyContract):
    @pytest.fixture
    def strategy(self, product: Served) -> Strategy:
        return product


def test_the_promoted_adapter_speaks_under_a_name_of_its_version(
    product: Served, vllm: Vllm, shelf: Shelf
) -> None:
    product.warm_up()
    spring = shelf.get("spring")
    name = f"spring-{spring.hash}"
    assert vllm.held == {name: str(spring.path.resolve())}
    answer = collect(said(product, ASKED))
    assert answer.text == f"It lasts 12 hours, says {name}."
    assert answer.usage == Usage(
        prompt_tokens=40,
        completion_tokens=7,
        model="base",
        adapter=spring.hash,
        prompt_version="served-1",
    )
    assert answer.decisions[0].what == f"spoke with {spring.called}"


def test_it_is_asked_in_the_words_of_training(product: Served, vllm: Vllm) -> None:
    said(product, Question("  How long\nis the warranty? ", passages=(WARRANTY,), language="en"))
    asked = vllm.asked[0]
    assert asked["messages"][0]["role"] == "user"
    assert len(asked["messages"]) == 1, "an adapter was trained without instructions"
    passages, _, question = asked["messages"][0]["content"].rpartition("\n\n")
    assert question == "How long is the warranty?"
    assert "24 months" in passages
    assert asked["chat_template_kwargs"] == {"enable_thinking": False}
    assert asked["temperature"] == 0


def test_a_promotion_is_followed_and_the_old_version_leaves_the_server(
    product: Served, vllm: Vllm, shelf: Shelf
) -> None:
    product.warm_up()
    with closing(stream_of(product, ASKED)) as under_way:
        next(event for event in under_way if isinstance(event, Token))
        shelf.promote("summer sale", "ada", proven)
        summer = f"summer-sale-{shelf.get('summer sale').hash}"
        assert eventually(lambda: summer in collect(said(product, ASKED)).text)
        assert len(vllm.held) == 2, "an adapter was taken from somebody who spoke with it"
    assert eventually(lambda: list(vllm.held) == [summer])


def test_a_server_that_was_started_anew_is_told_its_adapter_again(product: Served, vllm: Vllm) -> None:
    product.warm_up()
    (name,) = vllm.held
    vllm.held.clear()
    assert name in collect(said(product, ASKED)).text
    assert vllm.posted == [("load_lora_adapter", name)] * 2


def test_another_process_may_have_loaded_it(
    vllm: Vllm, shelf: Shelf, product: Served, tmp_path: Path
) -> None:
    product.warm_up()
    at(vllm, tmp_path).warm_up()
    assert len(vllm.held) == 1


def test_until_an_adapter_is_promoted_it_warms_and_has_no_answer(vllm: Vllm, tmp_path: Path) -> None:
    nobody = at(vllm, tmp_path)
    nobody.warm_up()
    with pytest.raises(NoAnswer, match="no adapter is promoted: train one"):
        said(nobody, ASKED)


def test_an_adapter_that_refuses_abstains_and_its_cost_is_kept(product: Served, vllm: Vllm) -> None:
    product.warm_up()
    vllm.answers = ["NO_ANSWER"]
    with pytest.raises(NoAnswer, match="the model found no answer") as silent:
        said(product, ASKED)
    (spent,) = [event for event in silent.value.events if isinstance(event, Usage)]
    assert spent.adapter


def test_an_adapter_that_goes_round_in_a_circle_is_heard_once(product: Served, vllm: Vllm) -> None:
    product.warm_up()
    vllm.answers = ["Take the lid off. " * 9 + "Done."]
    events = said(product, ASKED)
    assert collect(events).text.strip() == "Take the lid off."
    assert [event.why for event in events if isinstance(event, Decision)][-1].endswith("'Take the lid off.'")


def test_where_the_server_finds_the_adapters_may_differ(vllm: Vllm, shelf: Shelf, tmp_path: Path) -> None:
    shelf.promote("spring", "ada", proven)
    mounted = tmp_path / "mounted"
    (mounted / shelf.get("spring").path.name).mkdir(parents=True)
    at(vllm, tmp_path, adapters_folder=str(mounted)).warm_up()
    assert list(vllm.held.values()) == [str(mounted / shelf.get("spring").path.name)]


@pytest.mark.parametrize(
    ("server", "options", "sentence"),
    [
        ({"runtime_updating": False}, {}, r"has no endpoint for adapters; start vLLM with --enable-lora"),
        (
            {},
            {"adapters_folder": "/nowhere"},
            r"does not take in spring .* from '/nowhere/.*No adapter found",
        ),
        ({"key": "sk-1"}, {"api_key": "sk-2"}, "refused the key; set api_key"),
    ],
)
def test_what_the_server_refuses_is_advice(
    servers: Callable[..., Vllm],
    shelf: Shelf,
    tmp_path: Path,
    server: dict[str, Any],
    options: dict[str, Any],
    sentence: str,
) -> None:
    shelf.promote("spring", "ada", proven)
    with pytest.raises(Misconfigured, match=sentence):
        at(servers(**server), tmp_path, **options).warm_up()


def test_a_server_that_is_down_is_tried_again(shelf: Shelf, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    as_it_is = Served.make(
        ServedOptions(base_url=url, model="base", adapter=""), kit(data=tmp_path, named="product")
    )
    with pytest.raises(Unavailable, match="cannot be reached"):
        as_it_is.warm_up()


def test_the_key_is_sent_and_not_shown(servers: Callable[..., Vllm], shelf: Shelf, tmp_path: Path) -> None:
    shelf.promote("spring", "ada", proven)
    locked = at(servers(key="sk-1"), tmp_path, api_key="sk-1")
    locked.warm_up()
    assert collect(said(locked, ASKED)).text
    assert "sk-1" not in repr(ServedOptions(base_url="http://a", model="b", api_key="sk-1"))


# --- a real server ---


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """`transformers serve` with a tiny Qwen3: an OpenAI-compatible server without adapters."""
    folder = tiny_base(tmp_path_factory.mktemp("served") / "qwen3", "qwen3")
    with serving(folder) as address:
        yield address, folder


@pytest.mark.server
def test_a_real_server_is_given_the_tokens_of_the_one_template(
    real: tuple[str, Path], tmp_path: Path
) -> None:
    url, folder = real
    options = ServedOptions(base_url=url, model=str(folder), adapter="", max_tokens=12)
    product = Served.make(options, kit(data=tmp_path, named="product"))
    product.warm_up()
    events = [*said(product, ASKED)]
    usage = collect(events).usage
    assert len([event for event in events if isinstance(event, Token)]) > 1
    base = bases.load(str(folder))
    assert usage.prompt_tokens == len(template.prompt(base, ASKED.text).ids)
    assert (usage.completion_tokens, usage.estimated) == (12, False)
    assert [event.what for event in events if isinstance(event, Decision)] == ["the answer was cut off"]


@pytest.mark.server
def test_a_real_server_without_adapters_is_told_apart_from_one_with(
    real: tuple[str, Path], shelf: Shelf, tmp_path: Path
) -> None:
    shelf.promote("spring", "ada", proven)
    options = ServedOptions(base_url=real[0], model=str(real[1]))
    with pytest.raises(Misconfigured, match=r"no endpoint for adapters; start vLLM with --enable-lora"):
        Served.make(options, kit(data=tmp_path, named="product")).warm_up()
