"""The admin's pairs: a file is reported on before anything is kept; then looked through, mended, exported."""

from __future__ import annotations

import json
import time
from io import BytesIO
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from bot.kotae import Kotae
from tests.people import Admin, Operator
from web.admin import drafts as drafts_of
from web.admin.drafts import Drafts, UnknownDraftError

PAIRS = [
    {"question": "How much water does the kettle hold?", "answer": "It holds 1.7 litres.", "tags": ["tank"]},
    {"question": "What is the volume of the kettle?", "answer": "It holds 1.7 litres.", "tags": ["tank"]},
    {"question": "Which colours are there?", "answer": "There are black, white and green kettles."},
    {"question": "ケトルの色は何色ありますか。", "answer": "黒、白、緑の三色です。", "language": "ja"},
]


def lines(*entries: dict[str, object] | str) -> bytes:
    return "\n".join(e if isinstance(e, str) else json.dumps(e) for e in entries).encode()


def chooses(admin: Admin, content: bytes, name: str = "pairs.jsonl") -> TestResponse:
    """A file in the import form; the report it leads to."""
    sent = admin.sends("/console/pairs/check", file=(BytesIO(content), name))
    assert sent.status_code == 302, sent.text
    return admin.opens(sent.location)


def keeps(admin: Admin, content: bytes, name: str = "pairs.jsonl") -> TestResponse:
    sent = admin.sends("/console/pairs/check", file=(BytesIO(content), name))
    return admin.sends(f"{sent.location}/keep")


@pytest.fixture
def filled(admin: Admin) -> Admin:
    keeps(admin, lines(*PAIRS))
    return admin


def test_an_operator_may_not_open_the_pairs(operator: Operator) -> None:
    for path in ("/console/pairs", "/console/pairs/new", "/console/pairs/file?format=plain"):
        assert operator.opens(path).status_code == 403
    assert operator.sends("/console/pairs/check").status_code == 403
    assert "Pairs" not in operator.opens("/console/strategy").text


def test_a_desk_without_pairs_is_told_what_to_do_first(admin: Admin) -> None:
    page = admin.opens("/console/pairs").text
    assert "Import a file of questions that your desk has answered" in page
    assert "Train on them" not in page


def test_a_file_is_reported_on_and_nothing_is_kept_before_the_admin_says_so(
    admin: Admin, kotae: Kotae
) -> None:
    report = chooses(admin, lines(*PAIRS)).text
    assert "Keep 4 pairs" in report
    assert kotae.pairs.counts().pairs == 0
    keeps(admin, lines(*PAIRS))
    assert kotae.pairs.counts().pairs == 4
    assert "New pairs: 4. They are kept." in admin.opens("/console/pairs").text


def test_the_report_names_each_line_and_what_is_wrong_with_it(admin: Admin) -> None:
    report = chooses(
        admin,
        lines(
            *PAIRS,
            {"question": "Which colours are there?", "answer": "There is a red kettle."},
            {"question": "Where is my parcel?", "answer": "Write to jane.doe@gmail.com about it."},
            {"question": ""},
            "nothing",
        ),
    ).text
    assert "One question, answers that disagree" in report
    assert "line 3, 5" in report
    assert "Lines that cannot be taken" in report
    assert "line 8" in report
    assert "Keep 6 of the pairs, leave 2 lines out" in report
    assert "jane.doe@gmail.com" not in report


def test_a_row_with_too_many_columns_is_named_with_what_is_expected_and_left_out_whole(
    admin: Admin, kotae: Kotae
) -> None:
    sheet = "question,answer\nHow long, in months?,24\nHow hot?,95 °C.\n".encode()
    report = chooses(admin, sheet, "faq.csv").text
    assert "it has 3 columns instead of 2 (question, answer): How long | in months? | 24" in report
    assert "line 2" in report
    assert "Keep 1 of the pairs, leave 1 line out" in report
    keeps(admin, sheet, "faq.csv")
    assert [kept.pair.question for kept in kotae.pairs.list().pairs] == ["How hot?"]


def test_a_row_that_may_have_been_cut_is_to_be_looked_at_before_it_is_kept(admin: Admin) -> None:
    report = chooses(admin, b"question,answer,tags\nIs it loud?,No, it is quiet.\n", "faq.csv").text
    assert "Lines that are taken, to look at first" in report
    assert "begins with a space: if a comma has cut the cell before it" in report


def test_personal_data_is_taken_out_and_noted_in_the_audit(admin: Admin, kotae: Kotae) -> None:
    keeps(admin, lines({"question": "Where?", "answer": "Write to jane.doe@gmail.com about it."}))
    (kept,) = kotae.pairs.list().pairs
    assert "jane.doe" not in kept.pair.answer
    (entry,) = [entry for entry in kotae.audit.page() if entry.what == "import pairs"]
    assert (entry.who, entry.detail["redacted"]) == (admin.email, {"email": 1})


def test_what_is_not_kept_is_forgotten_at_once(admin: Admin, kotae: Kotae) -> None:
    sent = admin.sends("/console/pairs/check", file=(BytesIO(lines(*PAIRS)), "pairs.jsonl"))
    admin.sends(f"{sent.location}/discard")
    assert kotae.pairs.counts().pairs == 0
    assert list((kotae.settings.data / "drafts").iterdir()) == []
    again = admin.client.get(sent.location, follow_redirects=True).text
    assert "This file is no longer here. Choose it again." in again


def test_what_nobody_keeps_or_discards_is_forgotten_after_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = Drafts(tmp_path / "drafts")
    old = drafts.put(BytesIO(b"secret"), "pairs.jsonl")
    later = time.time() + drafts_of.SECONDS + 1
    monkeypatch.setattr(drafts_of.time, "time", lambda: later)
    drafts.put(BytesIO(b"new"), "pairs.jsonl")
    with pytest.raises(UnknownDraftError), drafts.open(old):
        pass


@pytest.mark.parametrize("token", ["..", "../../kotae.db", "x" * 32, "A" * 32, ""])
def test_a_draft_is_asked_for_by_its_token_alone(tmp_path: Path, token: str) -> None:
    with pytest.raises(UnknownDraftError), Drafts(tmp_path).open(token):
        pass


def test_a_file_that_is_none_is_refused_in_a_sentence(admin: Admin, kotae: Kotae) -> None:
    sent = admin.sends("/console/pairs/check", file=(BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(64)), "cat.jsonl"))
    page = admin.client.get(sent.location, follow_redirects=True).text
    assert "Nothing can be read from this file" in page or "cannot be taken" in page
    assert "Traceback" not in page
    assert kotae.pairs.counts().pairs == 0


@pytest.mark.parametrize(
    ("language", "told", "of_tables"),
    [("en", "it is no JSON", "names its columns"), ("ja", "JSONではありません", "列名の行")],
)
def test_of_json_lines_below_a_title_the_title_is_told_and_nothing_of_tables(
    admin: Admin, language: str, told: str, of_tables: str
) -> None:
    admin.client.set_cookie("language", language)
    page = chooses(admin, lines("Questions of our desk", *PAIRS)).text
    assert told in page
    assert of_tables not in page


def test_no_file_at_all_is_asked_for(admin: Admin) -> None:
    page = admin.client.get(admin.sends("/console/pairs/check").location).text
    assert "Choose a file first." in page


def test_a_file_beyond_the_limit_is_refused(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.admin.pairs.FILE_BYTES", 1000)
    answer = admin.sends("/console/pairs/check", file=(BytesIO(b"x" * 100_000), "pairs.jsonl"))
    assert answer.status_code == 413


def test_pairs_are_found_by_words_language_tag_and_part(filled: Admin, kotae: Kotae) -> None:
    assert "Pairs: 4 of 4, facts: about 3" in filled.opens("/console/pairs").text
    found = filled.opens("/console/pairs?q=volume").text
    assert "What is the volume of the kettle?" in found
    assert "Which colours" not in found
    assert "何色" in filled.opens("/console/pairs?written=ja").text
    assert "Pairs: 2 of 4" in filled.opens("/console/pairs?tag=tank").text
    for part in ("train", "held-out"):
        total = kotae.pairs.list(split=part).total
        page = filled.opens(f"/console/pairs?part={part}").text
        assert (f"Pairs: {total} of 4" if total else "No pair matches.") in page
    assert "No pair matches." in filled.opens("/console/pairs?q=unheard").text


def test_many_pairs_are_read_page_by_page(admin: Admin) -> None:
    keeps(admin, lines(*({"question": f"Question number {n}?", "answer": f"Answer {n}."} for n in range(30))))
    first, second = admin.opens("/console/pairs").text, admin.opens("/console/pairs?page=2").text
    assert "Question number 0?" in first
    assert "Question number 29?" not in first
    assert "Question number 29?" in second
    assert "page=2" in first
    assert "page=1" in second


def test_a_pair_is_added_mended_and_removed(admin: Admin, kotae: Kotae) -> None:
    admin.sends("/console/pairs/new", question="Is it loud?", answer="No.", tags="noise, kitchen")
    (kept,) = kotae.pairs.list().pairs
    assert (kept.pair.question, kept.pair.tags, kept.by) == ("Is it loud?", ("noise", "kitchen"), admin.email)
    path = f"/console/pairs/{kept.id}"
    assert "Is it loud?" in admin.opens(path).text
    admin.sends(path, question="Is it loud?", answer="It is as quiet as a cat.", tags="noise")
    assert kotae.pairs.get(kept.id).pair.answer == "It is as quiet as a cat."
    admin.sends(f"{path}/remove")
    assert kotae.pairs.list().pairs == ()
    assert admin.opens(path).status_code == 404


def test_a_pair_that_is_none_is_sent_back_with_what_was_typed(admin: Admin, kotae: Kotae) -> None:
    answer = admin.sends("/console/pairs/new", question="Is it loud?", answer="")
    assert answer.status_code == 400
    assert "Is it loud?" in answer.text
    assert 'role="alert"' in answer.text
    assert kotae.pairs.list().pairs == ()


def test_the_same_pair_twice_is_refused_by_name(filled: Admin) -> None:
    answer = filled.sends("/console/pairs/new", question=PAIRS[0]["question"], answer=PAIRS[0]["answer"])
    assert answer.status_code == 400
    assert "is there already with this answer" in answer.text


def test_a_pair_shows_the_other_wordings_of_its_question_and_no_hash(filled: Admin, kotae: Kotae) -> None:
    first, second, alone, *_ = kotae.pairs.list().pairs
    page = filled.opens(f"/console/pairs/{first.id}").text
    assert f'href="/console/pairs/{second.id}"' in page
    assert second.pair.question in page
    assert alone.pair.question not in page
    assert "None yet." in filled.opens(f"/console/pairs/{alone.id}").text
    whole = filled.opens("/console/pairs").text
    wordings = f"/console/pairs?of={first.id}"
    assert wordings in whole
    assert first.pair.fact not in page + whole
    assert "Pairs: 2 of 4" in filled.opens(wordings).text


def test_another_wording_is_added_from_a_pair_and_stays_with_it(filled: Admin, kotae: Kotae) -> None:
    (first, *_) = kotae.pairs.list("hold").pairs
    form = f"/console/pairs/new?like={first.id}"
    assert first.pair.answer in filled.opens(form).text
    filled.sends(form, question="How many litres fit in?", answer="1.7 litres, up to the mark.")
    (added,) = kotae.pairs.list("mark").pairs
    assert added.pair.fact == first.pair.fact
    filled.sends(f"/console/pairs/{added.id}", question="How many litres?", answer="Up to the mark: 1.7.")
    assert kotae.pairs.get(added.id).pair.fact == first.pair.fact
    filled.sends(
        f"/console/pairs/{added.id}", question="How many litres?", answer="1.7 litres.", fact="tank.s"
    )
    assert kotae.pairs.get(added.id).pair.fact == "tank.s"
    assert 'value="tank.s"' in filled.opens(f"/console/pairs/{added.id}").text
    assert filled.opens("/console/pairs/new?like=nothing").status_code == 404


def test_what_is_held_out_stays_held_out(admin: Admin, kotae: Kotae) -> None:
    for question in ("Is it loud?", "How loud is it?", "Does it make noise?"):
        admin.sends("/console/pairs/new", question=question, answer="It is as quiet as a cat.")
    chosen = kotae.pairs.list("noise").pairs[0]
    path = f"/console/pairs/{chosen.id}"
    fields = {"question": chosen.pair.question, "answer": chosen.pair.answer}
    admin.sends(path, **fields, held_out="true")
    assert kotae.pairs.get(chosen.id).pair.split == "held-out"
    admin.sends(path, **fields)
    assert kotae.pairs.get(chosen.id).pair.split == "held-out"
    assert "held out" in admin.opens(path).text


def test_a_pair_whose_document_was_deleted_is_not_taught_until_the_admin_says_so(
    admin: Admin, kotae: Kotae
) -> None:
    admin.uploads(("filter.md", b"# Filter\n\nChange the water filter every 60 days.\n"))
    (document,) = kotae.library.documents()
    keeps(
        admin, lines({"question": "When to change it?", "answer": "Every 60 days.", "document": "filter.md"})
    )
    admin.sends(f"/console/documents/{document.id}/remove")
    kotae.jobs.drain()
    (kept,) = kotae.pairs.list().pairs
    page = admin.opens(f"/console/pairs/{kept.id}").text
    assert "withdrawn" in page
    assert "was deleted" in page
    assert kotae.pairs.all() == []
    admin.sends(f"/console/pairs/{kept.id}/restore")
    assert len(kotae.pairs.all()) == 1


@pytest.mark.parametrize("form", ["openai", "alpaca", "sharegpt", "plain", "csv"])
def test_what_is_exported_comes_in_again_as_the_same(filled: Admin, kotae: Kotae, form: str) -> None:
    file = filled.opens(f"/console/pairs/file?format={form}")
    assert file.headers["Content-Disposition"].startswith("attachment")
    before = {kept.pair.key for kept in kotae.pairs.list().pairs}
    for kept in kotae.pairs.list().pairs:
        kotae.pairs.remove(kept.id, by="")
    keeps(filled, file.data, "again.csv" if form == "csv" else "again.jsonl")
    assert {kept.pair.key for kept in kotae.pairs.list().pairs} == before


def test_an_unknown_format_and_an_unknown_pair_are_pages_that_say_so(filled: Admin) -> None:
    for path in ("/console/pairs/file?format=exe", "/console/pairs/file", "/console/pairs/nothing"):
        assert filled.opens(path).status_code == 404
    assert filled.sends("/console/pairs/nothing/remove").status_code == 404


def test_markup_in_a_pair_is_text_in_the_console(admin: Admin, kotae: Kotae) -> None:
    evil = {"question": "Is <script>alert(1)</script> loud?", "answer": "<img src=x onerror=alert(2)> no."}
    report = chooses(admin, lines(evil), '"><script>alert(3)</script>.jsonl').text
    keeps(admin, lines(evil))
    (kept,) = kotae.pairs.list().pairs
    pages = [report, *(admin.opens(f"/console/pairs{path}").text for path in ("", f"/{kept.id}"))]
    for page in pages:
        assert "<script>alert" not in page
        assert "<img" not in page


def test_nothing_is_changed_without_the_csrf_token(filled: Admin, kotae: Kotae) -> None:
    (kept, *_) = kotae.pairs.list().pairs
    for path in ("/console/pairs/new", f"/console/pairs/{kept.id}", f"/console/pairs/{kept.id}/remove"):
        assert filled.client.post(path, data={"question": "a", "answer": "b"}).status_code == 400
    assert filled.client.post("/console/pairs/check").status_code == 400
    assert kotae.pairs.counts().pairs == 4
