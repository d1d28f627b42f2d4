"""A small server that speaks the fine-tuning API as OpenAI's reference describes it: files, jobs, events.

A job moves on by one state each time it is looked at, and what came of it can be asked by its name.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import make_server

KEY = "sk-test"
STATES = ("validating_files", "queued", "running", "running", "succeeded")


@dataclass
class TuningServer:
    url: str = ""
    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)  # chats
    fails: str = ""  # why a job fails while it runs
    stays: bool = False  # a job runs for ever
    down: int = 0  # looks that are answered by 503
    calls: list[str] = field(default_factory=list)

    def job(self, number: int = -1) -> dict[str, Any]:
        return self.jobs[number]

    def moves_on(self, job: dict[str, Any]) -> None:
        if job["status"] not in STATES[:-1] or (self.stays and job["status"] == "running"):
            return
        job["seen"] += 1
        job["status"] = STATES[job["seen"]]
        step = job["seen"]
        loss = {"step": step, "total_steps": len(STATES) - 1, "train_loss": 2 / step, "valid_loss": 3 / step}
        self.happens(job, f"Step {step}/{len(STATES) - 1}: training loss={2 / step:.2f}", loss)
        if self.fails and job["status"] == "running":
            job.update(status="failed", error={"code": "x", "message": self.fails, "param": None})
        elif job["status"] == "succeeded":
            name = f"ft:{job['model']}:desk:{job['suffix']}:{len(self.jobs)}"
            job.update(fine_tuned_model=name, finished_at=job["created_at"] + 90, trained_tokens=1234)
            self.happens(job, "The job has successfully completed")

    @staticmethod
    def happens(job: dict[str, Any], message: str, data: dict[str, Any] | None = None) -> None:
        job["events"].insert(
            0,
            {
                "object": "fine_tuning.job.event",
                "id": f"ftevent-{len(job['events'])}",
                "created_at": 1,
                "level": "info",
                "message": message,
                "type": "metrics" if data else "message",
                "data": data,
            },
        )


@contextmanager
def tuning_server() -> Iterator[TuningServer]:
    server = TuningServer()
    http = make_server("127.0.0.1", 0, app_of(server), threaded=True)
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def app_of(server: TuningServer) -> Flask:
    app = Flask("fine-tuning")

    @app.before_request
    def known() -> Any:
        server.calls.append(f"{request.method} {request.path}")
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return refused(401, "Incorrect API key provided")
        return None

    @app.post("/v1/files")
    def upload() -> Any:
        head = f"Content-Type: {request.content_type}\n\n".encode()
        parts = {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
            for part in message_from_bytes(head + request.get_data()).walk()
            if not part.is_multipart()
        }
        if parts["purpose"] != b"fine-tune":
            return refused(400, "purpose must be fine-tune")
        file = f"file-{len(server.files)}"
        server.files[file] = [json.loads(line) for line in parts["file"].splitlines()]
        told = {"id": file, "object": "file", "bytes": 1, "created_at": 1, "filename": "x.jsonl"}
        return {**told, "purpose": "fine-tune", "status": "processed"}

    @app.post("/v1/fine_tuning/jobs")
    def create() -> Any:
        body = request.get_json()
        if body["training_file"] not in server.files:
            return refused(400, "invalid training_file")
        made = {
            "id": f"ftjob-{len(server.jobs)}",
            "object": "fine_tuning.job",
            "created_at": 1_700_000_000,
            "error": None,
            "fine_tuned_model": None,
            "finished_at": None,
            "hyperparameters": {},
            "organization_id": "org",
            "result_files": [],
            "trained_tokens": None,
            "validation_file": None,
            "estimated_finish": None,
            **body,
            "status": STATES[0],
            "seen": 0,
            "events": [],
        }
        server.jobs.append(made)
        server.happens(made, "Created fine-tuning job")
        return shown(made)

    @app.get("/v1/fine_tuning/jobs")
    def listed() -> Any:
        return {"object": "list", "data": [shown(one) for one in reversed(server.jobs)], "has_more": False}

    @app.get("/v1/fine_tuning/jobs/<job>")
    def retrieve(job: str) -> Any:
        if server.down:
            server.down -= 1
            return refused(503, "try again later")
        found = next((one for one in server.jobs if one["id"] == job), None)
        if found is None:
            return refused(404, "no such job")
        server.moves_on(found)
        return shown(found)

    @app.get("/v1/fine_tuning/jobs/<job>/events")
    def events(job: str) -> Any:
        found = next(one for one in server.jobs if one["id"] == job)
        return {"object": "list", "data": found["events"], "has_more": False}

    @app.post("/v1/fine_tuning/jobs/<job>/<change>")
    def change(job: str, change: str) -> Any:
        found = next(one for one in server.jobs if one["id"] == job)
        found["status"] = {"pause": "paused", "resume": "queued", "cancel": "cancelled"}[change]
        return shown(found)

    @app.post("/v1/chat/completions")
    def chat() -> Any:
        body = request.get_json()
        if body["model"] not in {job["fine_tuned_model"] for job in server.jobs}:
            return refused(404, f"The model {body['model']} does not exist")
        if set(body) & {"chat_template_kwargs"}:
            return refused(400, "Unrecognized request argument supplied: chat_template_kwargs")
        server.asked.append(body)
        base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        said = [
            {**base, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
            for word in ("The lamp ", "is 12 cm.")
        ]
        end = {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        usage = {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}
        frames = [*said, end, {**base, "choices": [], "usage": usage}]
        lines = "".join(f"data: {json.dumps(frame)}\n\n" for frame in frames)
        return Response(lines + "data: [DONE]\n\n", mimetype="text/event-stream")

    return app


def shown(job: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in job.items() if name not in {"events", "seen"}}


def refused(status: int, why: str) -> tuple[dict[str, Any], int]:
    return {"error": {"message": why, "type": "invalid_request_error", "param": None, "code": None}}, status
