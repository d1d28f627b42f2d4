"""A customer is whoever holds the token: bound to one conversation, expiring, not to be forged."""

from __future__ import annotations

from pathlib import Path

import pytest
from apiflask import APIFlask
from itsdangerous import URLSafeTimedSerializer

from bot.kotae import Kotae
from bot.settings import BadSettings
from tests.people import Customer
from web import auth, security

VIEWS = [
    ("GET", "/api/conversation"),
    ("POST", "/api/messages"),
    ("POST", "/api/messages/m/feedback"),
    ("POST", "/api/messages/m/stop"),
]


def call(app: APIFlask, method: str, path: str, authorization: str | None):
    headers = {"Authorization": authorization} if authorization is not None else {}
    return app.test_client().open(path, method=method, json={"text": "Hi", "value": "up"}, headers=headers)


@pytest.mark.parametrize(("method", "path"), VIEWS)
@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer x", "Bearer a.b.c", "Basic dTpw", "Bearer é"]
)
def test_without_a_token_of_ours_nothing_opens(
    app: APIFlask, method: str, path: str, authorization: str | None
) -> None:
    response = call(app, method, path, authorization)
    assert response.status_code == 401
    assert response.json["error"].startswith("This request carries no valid conversation token.")


def test_a_token_signed_with_another_secret_opens_nothing(
    app: APIFlask, customer: Customer, kotae: Kotae
) -> None:
    (conversation,) = (kotae.conversations.start(),)
    forged = URLSafeTimedSerializer("guessed", salt="kotae.conversation").dumps(conversation.id)
    assert call(app, "GET", "/api/conversation", f"Bearer {forged}").status_code == 401


def test_a_session_cookies_signature_is_no_token(app: APIFlask) -> None:
    """The same secret signs both; the salt keeps them apart."""
    other = URLSafeTimedSerializer(app.secret_key, salt="cookie-session").dumps("conversation")
    assert call(app, "GET", "/api/conversation", f"Bearer {other}").status_code == 401


def test_a_token_changed_in_one_letter_opens_nothing(app: APIFlask, customer: Customer) -> None:
    token = customer.token
    changed = ("A" if token[0] != "A" else "B") + token[1:]
    assert call(app, "GET", "/api/conversation", f"Bearer {changed}").status_code == 401


def test_an_old_token_has_expired_and_says_so(
    app: APIFlask, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert customer.token
    monkeypatch.setattr(auth, "TOKEN_SECONDS", -1)
    response = call(app, "GET", "/api/conversation", f"Bearer {customer.token}")
    assert response.status_code == 401
    assert response.json == {
        "error": "This conversation has expired. Please start a new one.",
        "retry": False,
    }


def test_a_token_of_a_conversation_that_is_gone_says_so(app: APIFlask) -> None:
    with app.test_request_context():
        token = auth.token_for("gone")
    response = call(app, "GET", "/api/conversation", f"Bearer {token}")
    assert response.status_code == 404
    assert response.json["error"] == "There is no such conversation. Please start a new one."
    assert call(app, "POST", "/api/messages", f"Bearer {token}").status_code == 404


def test_tokens_survive_a_restart_because_the_secret_is_kept(
    app: APIFlask, customer: Customer, kotae: Kotae
) -> None:
    from web.app import create_app

    again = create_app(kotae)
    assert call(again, "GET", "/api/conversation", f"Bearer {customer.token}").status_code == 200


def test_nobody_signs_with_a_secret_that_was_never_written(tmp_path: Path) -> None:
    """Its disk was full, or its process was killed."""
    (tmp_path / "secret").touch()
    with pytest.raises(BadSettings, match=r"'.*secret' is empty: delete it"):
        security.secret(tmp_path)


def test_the_secret_is_for_its_owner_alone(app: APIFlask, kotae: Kotae) -> None:
    path = kotae.settings.data / "secret"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text()) >= 48
