"""A number in an address that nobody could have meant opens the page as it opens without one."""

from __future__ import annotations

import pytest

from tests.people import Admin


@pytest.mark.parametrize("number", ["9" * 30, "-" + "9" * 30, str(2**31 - 1), "-1", "abc", ""])
@pytest.mark.parametrize("path", ["audit?before=", "pairs?page=", "search?q=kettle&k=", "inbox/list?page="])
def test_a_number_that_is_none_changes_no_page(admin: Admin, path: str, number: str) -> None:
    assert admin.opens(f"/console/{path}{number}").status_code == 200
