"""Who may sign in, and who did what."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from bot.access.audit import Audit
from bot.access.users import UserRefused, Users
from bot.store import reading
from bot.store.tables import UserRow

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def users(engine: sa.Engine) -> Users:
    return Users(engine, QUICK)


def test_a_user_signs_in_with_their_password_however_they_write_their_email(users: Users) -> None:
    ann = users.add(" Ann@Shop.Example ", "correct horse", "operator", by="root")
    assert ann.email == "ann@shop.example"
    assert users.check("ANN@shop.example", "correct horse") == ann
    assert users.check("ann@shop.example", "Correct horse") is None
    assert users.get(ann.id, users.seal(ann.id)) == ann
    assert users.get(ann.id, "another seal") is None
    assert users.get("nobody", users.seal("nobody")) is None
    assert list(users.list()) == [ann]


def test_adding_a_user_is_in_the_audit(users: Users, engine: sa.Engine) -> None:
    users.add("ann@shop.example", "correct horse", "admin", by="root")
    [line] = Audit(engine).page()
    assert (line.who, line.what, line.subject, line.detail) == (
        "root",
        "add user",
        "ann@shop.example",
        {"role": "admin"},
    )


def test_the_password_is_kept_as_an_argon2_hash(users: Users, engine: sa.Engine) -> None:
    users.add("ann@shop.example", "correct horse", "admin")
    with reading(engine) as session:
        kept = session.scalar(sa.select(UserRow.password))
    assert kept is not None
    assert kept.startswith("$argon2id$")
    assert "horse" not in kept


def test_an_unknown_email_costs_as_much_hashing_as_a_wrong_password(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, kept: str | bytes, password: str | bytes) -> bool:
            verified.append(str(kept))
            return super().verify(kept, password)

    users._hasher = Watched(time_cost=1, memory_cost=8, parallelism=1)
    users.add("ann@shop.example", "correct horse", "admin")
    assert users.check("ann@shop.example", "guess") is None
    assert users.check("nobody@shop.example", "guess") is None
    assert len(verified) == 2
    assert all(kept.startswith("$argon2id$v=19$m=8,t=1,p=1$") for kept in verified)


@pytest.mark.parametrize(
    "email", ["", "ann", "@shop.example", "ann@", "a@b@c", "a b@c", "a\n@c", "x" * 250 + "@c.de"]
)
def test_what_is_no_email_is_refused(users: Users, email: str) -> None:
    with pytest.raises(UserRefused, match="is no email address"):
        users.add(email, "correct horse", "admin")


def test_a_short_password_an_unknown_role_and_a_taken_email_are_refused(users: Users) -> None:
    with pytest.raises(UserRefused, match="from 8 to 1,000 characters"):
        users.add("ann@shop.example", "1234567", "admin")
    with pytest.raises(UserRefused, match="no role 'boss'"):
        users.add("ann@shop.example", "correct horse", "boss")  # type: ignore[arg-type]
    users.add("ann@shop.example", "correct horse", "admin")
    with pytest.raises(UserRefused, match="already"):
        users.add("ANN@shop.example", "another horse", "operator")


def test_the_only_admin_stays_and_a_stranger_has_no_password(users: Users) -> None:
    users.add("ann@shop.example", "correct horse", "admin")
    with pytest.raises(UserRefused, match=r"'ann@shop.example' is the only admin"):
        users.remove("ann@shop.example")
    users.add("ben@shop.example", "correct horse", "admin")
    assert users.remove("Ann@shop.example").email == "ann@shop.example"
    assert [user.email for user in users.list()] == ["ben@shop.example"]
    with pytest.raises(UserRefused, match=r"there is no user 'ann@shop.example'"):
        users.change_password("ann@shop.example", "another horse")
    with pytest.raises(UserRefused, match="from 8 to 1,000 characters"):
        users.change_password("ben@shop.example", "short")


def test_a_hash_made_with_weaker_settings_is_renewed_at_the_next_sign_in(engine: sa.Engine) -> None:
    Users(engine, QUICK).add("ann@shop.example", "correct horse", "admin")
    stronger = Users(engine, PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert stronger.check("ann@shop.example", "correct horse") is not None
    with reading(engine) as session:
        assert "m=16,t=2" in str(session.scalar(sa.select(UserRow.password)))
    assert stronger.check("ann@shop.example", "correct horse") is not None


def test_the_first_admin_gets_a_password_of_their_own_once(users: Users) -> None:
    made = users.first_admin()
    assert made is not None
    admin, password = made
    assert admin.role == "admin"
    assert users.check(admin.email, password) == admin
    assert users.first_admin() is None


def test_of_processes_that_start_at_once_one_makes_the_admin(users: Users) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: users.first_admin(), range(4)))
    assert len([one for one in made if one]) == 1
    assert len(users.list()) == 1


def test_the_audit_tells_the_newest_first(engine: sa.Engine) -> None:
    audit = Audit(engine)
    audit.note("ann", "sign in")
    audit.note("ann", "upload", "d1", source="kettle.pdf", version=2)
    newest, oldest = audit.page()
    assert (newest.what, newest.subject, newest.detail) == (
        "upload",
        "d1",
        {"source": "kettle.pdf", "version": 2},
    )
    assert (oldest.who, oldest.what, oldest.subject) == ("ann", "sign in", "")
    assert audit.page(limit=1) == [newest]
