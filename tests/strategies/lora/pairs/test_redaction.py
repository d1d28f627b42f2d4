"""Personal data goes, what a product's answers are made of stays."""

from __future__ import annotations

import pytest

from strategies.lora.pairs.redaction import redact


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Write to anna.lindqvist@mailbox.example, please", "Write to [email], please"),
        ("taro.yamada@example.jpまでご連絡ください", "[email]までご連絡ください"),
        ("my mail is <Ben+shop@Example.co.uk>.", "my mail is <[email]>."),
        ("You can call me on 07911 123456 after six", "You can call me on [phone] after six"),
        ("my number is +44 20 7946 0958", "my number is [phone]"),
        ("reach me at (415) 555-2671 tomorrow", "reach me at [phone] tomorrow"),
        ("please call 4155552671 today", "please call [phone] today"),
        ("携帯は090-1234-5678です", "携帯は[phone]です"),
        ("０９０－１２３４－５６７８にお電話ください", "[phone]にお電話ください"),
        ("mobile 09012345678", "mobile [phone]"),
        ("Tel. +49 30 901820", "Tel. [phone]"),
        ("my card 4111 1111 1111 1111 was charged", "my card [card] was charged"),
        ("card 378282246310005 exp 12/27", "card [card] exp 12/27"),
        ("カード番号は5555-5555-5555-4444です", "カード番号は[card]です"),
        ("IBAN DE89 3704 0044 0532 0130 00 PLEASE", "IBAN [iban] PLEASE"),
        ("refund to GB29NWBK60161331926819.", "refund to [iban]."),
        ("I connect from 81.2.69.142 at home", "I connect from [ip] at home"),
        ("it is 2a00:1450:4009:81f::200e now", "it is [ip] now"),
        ("a@b.example or +44 20 7946 0958", "[email] or [phone]"),
    ],
)
def test_what_belongs_to_a_person_is_taken_out(said: str, left: str) -> None:
    assert redact(said).text == left


@pytest.mark.parametrize(
    "said",
    [
        "Error E-204 means the lid is open; E4 and F07 are others.",
        "Model KT-1200-B and part 812-4471-09 fit the Mill.",
        "Serial numbers look like 2024-1187-5531 or SN 20240611-0042.",
        "It costs $1,299.00, or 12,800円 with tax; 1.299,00 EUR in Germany.",
        "We are open 9:00-17:30, Mon-Fri, and 10:30:15 is a time.",
        "Firmware 4.12.0.7 brings it; version 10.2.33.1 does too.",
        "Open http://192.168.1.1 or 10.0.0.1 and set the DNS to 8.8.8.8.",
        "Order 100245778 and ticket #20260611 are yours.",
        "Orders have ten digits such as 2025550143.",
        "EAN 4006381333931 is on the box. JAN 4901234567894.",
        "IMEI 356938035643809 is under the battery.",
        "Card 4111 1111 1111 1112 has a wrong digit.",
        "The tank holds 0.8 litres, 1,150 watts, 220-240 V, 50/60 Hz.",
        "保証期間は24か月、価格は12,800円、型番はKT-1200-Bです。",
        "注文番号2026-1123-0042の件、営業時間は10:00〜18:00です。",
        "Use icon@2x.png and the handle @kettle.",
        "Tracking number 1Z999AA10123456784, or 3SABCD1234567890.",
        "ISBN 978-3-16-148410-0, postal code 150-0001, 〒150-0043.",
        "Write to support@kettle.example or call 0800 123 4567 / 0120-444-113.",
        "Dates: 11/23/2026, 23.11.2026, 2026/11/23 10:15.",
        "Grind 15 g, water 250 ml at 92-96 °C for 2:30.",
        "SKU 00845123-77, lot 0612-3345-88, code 555-0199.",
    ],
)
def test_what_a_product_is_made_of_stays(said: str) -> None:
    assert redact(said).text == said


def test_what_was_taken_is_shown_to_nobody_in_full() -> None:
    found = redact("anna@mailbox.example, 07911 123456").found
    assert [(one.kind, one.masked) for one in found] == [("email", "an…@mailbox.example"), ("phone", "07…56")]


def test_the_desks_own_line_is_kept_when_the_admin_says_so() -> None:
    said = "Call us: +44 20 7946 0958, or anna@kettle.example"
    assert redact(said, keep=["+442079460958", "Anna@kettle.example"]).text == said


def test_numbers_of_another_country_are_known_by_its_name() -> None:
    said = "Ruf an: 030 901820"
    assert redact(said).text == said
    assert redact(said, regions=["DE"]).text == "Ruf an: [phone]"
