"""The same question at every stage of a model."""

from __future__ import annotations

from pathlib import Path

from strategies.lora.bases.stages import stages


def test_what_was_only_pre_trained_continues_and_what_was_taught_answers(tmp_path: Path) -> None:
    first, second, third = stages("How do I cancel my order?", tmp_path)
    assert (first.name, second.name, third.name) == ("pre-training", "demonstrations", "product")
    assert first.text
    assert "order" in second.text
    assert first.text != second.text


def test_without_a_promoted_adapter_the_last_stage_says_what_to_do(tmp_path: Path) -> None:
    *_, last = stages("How do I cancel my order?", tmp_path)
    assert not last.text
    assert "no adapter is promoted yet" in last.note
