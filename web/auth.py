"""Who is asking: operators and admins by a session, customers by a token that opens one conversation."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar, cast

from apiflask import HTTPError, HTTPTokenAuth
from flask import Blueprint, Flask, current_app, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_wtf import FlaskForm
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from wtforms import EmailField, PasswordField, SubmitField
from wtforms.validators import DataRequired, Length

from knowledge_base.errors import Unavailable
from web.current import kotae
from web.errors import ANSWERING
from web.security import limiter

if TYPE_CHECKING:
    from bot.access.users import User

TOKEN_SECONDS = 30 * 24 * 3600
OURS = re.compile(r"/console(/[\w-]+)*/?(\?[^\\\s]*)?", re.ASCII)  # a page of the console, as a path
RANKS = {"operator": 1, "admin": 2}  # an admin may do what an operator may

log = logging.getLogger(__name__)

bp = Blueprint("auth", __name__, url_prefix="/console")
customer = HTTPTokenAuth(
    description="The token that POST /api/conversations returned; it opens that conversation alone."
)
people = LoginManager()
people.login_view = "auth.sign_in"

P = ParamSpec("P")
R = TypeVar("R")


# Customers


def token_for(conversation_id: str) -> str:
    """A signed token bound to one conversation."""
    return _tokens().dumps(conversation_id)


def conversation_id() -> str:
    """The conversation that the request's token opens; only in views behind `customer`."""
    return cast(str, customer.current_user)


@customer.verify_token  # type: ignore[untyped-decorator]
def _verify(token: str) -> str:
    try:
        opened = _tokens().loads(token, max_age=TOKEN_SECONDS)
    except SignatureExpired:
        raise HTTPError(401, _("This conversation has expired. Please start a new one.")) from None
    except BadSignature:
        opened = None
    if not isinstance(opened, str):
        raise HTTPError(
            401, _("This request carries no valid conversation token. Please start a new conversation.")
        )
    return opened


@customer.error_processor
def _refuse(_error: HTTPError) -> NoReturn:
    """No token at all."""
    raise HTTPError(
        401, _("This request carries no valid conversation token. Please start a new conversation.")
    )


def _tokens() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(cast(str, current_app.secret_key), salt="kotae.conversation")


# Operators and admins


@dataclass(frozen=True)
class Person(UserMixin):  # type: ignore[misc]
    """Somebody who signed in, as Flask-Login wants it."""

    id: str
    email: str
    role: str
    seal: str

    def get_id(self) -> str:
        """What their session keeps: it ends when they are removed or have another password."""
        return f"{self.id}:{self.seal}"

    def may(self, role: str) -> bool:
        return RANKS[self.role] >= RANKS[role]


def requires(role: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Only for people who signed in with this role or a higher one."""

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not current_user.may(role):
                raise HTTPError(403, _("This page is for the role %(role)s.", role=role))
            return view(*args, **kwargs)

        return cast("Callable[P, R]", login_required(guarded))

    return guard


class SignIn(FlaskForm):  # type: ignore[misc]
    email = EmailField(
        _l("Email"),
        validators=[DataRequired(), Length(max=254)],
        render_kw={"autocomplete": "username", "autofocus": True},
    )
    password = PasswordField(
        _l("Password"),
        validators=[DataRequired(), Length(max=1024)],
        render_kw={"autocomplete": "current-password"},
    )
    submit = SubmitField(_l("Sign in"))


@bp.route("/sign-in", methods=["GET", "POST"])
@limiter.limit("10 per minute; 60 per hour", methods=["POST"])
def sign_in() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(_next())
    form = SignIn()
    if form.validate_on_submit():
        user = kotae().users.sign_in(form.email.data.strip(), form.password.data)
        if user is not None:
            login_user(_person(user, kotae().users.seal(user.id)))
            log.info("signed in: %r (%s) from %s", user.email, user.role, request.remote_addr)
            return redirect(_next())
        log.warning("sign-in refused: %r from %s", form.email.data, request.remote_addr)
        form.password.errors = [_("This email and password do not go together. Check both and try again.")]
    return render_template("sign_in.html", form=form), 200 if request.method == "GET" else 400


@bp.post("/sign-out")
@login_required  # type: ignore[untyped-decorator]
def sign_out() -> ResponseReturnValue:
    kotae().users.sign_out(current_user.email)
    logout_user()
    flash(_("You are signed out."))
    return redirect(url_for("auth.sign_in"))


@people.user_loader  # type: ignore[untyped-decorator]
def _load(signed_in: str) -> Person | None:
    user_id, _colon, seal = signed_in.partition(":")
    try:
        user = kotae().users.get(user_id, seal)
    except Unavailable:
        if not g.get(ANSWERING):
            raise
        return None  # the page that says so is for anybody
    return None if user is None else _person(user, seal)


def _person(user: User, seal: str) -> Person:
    return Person(str(user.id), user.email, user.role, seal)


def _next() -> str:
    """Where the reader was going, when that is a page of ours; never another site's."""
    target = request.args.get("next", "")
    return target if OURS.fullmatch(target) else "/console/"


def know_people(app: Flask) -> None:
    """Sessions and the sign-in pages."""
    people.init_app(app)
    people.unauthorized_handler(_unauthorized)
    app.register_blueprint(bp)


def _unauthorized() -> Any:
    wants_json = request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    if wants_json or request.method != "GET":
        raise HTTPError(401, _("Please sign in first."))
    return redirect(url_for("auth.sign_in", next=request.full_path.rstrip("?")))
