"""What the shipped base is taught: lessons, made from public data and from our own templates.

    continue   the text before ─▶ the text after                                  how language goes on
    converse   what was said ─▶ what an agent said next
    answer     a question ─▶ its answer, nothing to read                          paraphrases, near misses
    find       a few words of a sentence, passages ─▶ that sentence               copy, from varying places
    read       a question, passages with the answer and without ─▶ the answer     and the refusal

The data comes as folders of JSON lines, each with its licence; none of its text is kept in this repository.
The lessons of one source row fall into training or into the held-out part together, by their hash.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from zlib import crc32

from knowledge_base.sentences import sentences

HELD_OUT = 100  # one row in so many is held out
REFUSED = 0.2  # of the reading lessons: the answer is taken out of the passages

Rows = Iterator[dict[str, object]]


@dataclass(frozen=True)
class Lesson:
    """`answer` is `""` where the right thing to say is that it is not there."""

    skill: str
    question: str
    answer: str
    passages: tuple[str, ...] = ()
    held_out: bool = False


def lessons(data: Path, seed: int = 0, invented: int = 60_000) -> dict[str, list[Lesson]]:
    """All lessons by their source, `invented` of them about products of our own. The seed decides all."""
    chance = random.Random(seed)
    docs = [*documents(data, chance)]
    return {
        "continue": [*continued(docs)],
        "find": [*findable(docs, chance)],
        "sections": [*sections(docs, chance)],
        "converse": [*conversations(data, chance)],
        "desk": [*desk(data)],
        "instructions": [*instructions(data)],
        "venues": [*venues(data, chance)],
        "squad": [*squad(data, chance)],
        "products": [*products(invented, chance)],
    }


def is_held_out(key: str) -> bool:
    return crc32(key.encode()) % HELD_OUT == 0


def rows(path: Path) -> Rows:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


# ---- documents: language, finding, sections ----


@dataclass(frozen=True)
class Page:
    key: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]  # heading, sentences


DOCUMENTS = (
    ("adobe_workfront/documents_en.jsonl", 2400),
    ("adobe_analytics/documents_en.jsonl", 900),
    ("healthchecks_docs/documents.jsonl", 40),
    ("aws_docs_prose/documents.jsonl", 5000),
)
MARKUP = re.compile(
    r"<[^>]+>|!\[[^\]]*\]\([^)]*\)|\{[^}\n]*\}|^\s*\|.*$|^\s*[-=]{3,}\s*$|```.*?```|^\s*>\s?(?:\[![A-Z]+\])?",
    re.M | re.S,
)
LINK = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\[[^\]]*\])")
EMPHASIS = re.compile(r"\*\*|__|`|\\(?=[^\w\s])")


def documents(data: Path, chance: random.Random) -> Iterator[Page]:
    for name, at_most in DOCUMENTS:
        found = [*rows(data / name)]
        for row in chance.sample(found, min(at_most, len(found))):
            yield Page(str(row["doc_id"]), tuple(cut(str(row["text"]))))


def cut(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Sections of a Markdown text, as plain sentences."""
    heading = ""
    for part in re.split(r"^(#{1,6} .*)$", text, flags=re.M):
        if part.startswith("#"):
            heading = plain(part.lstrip("# "))
        elif said := tuple(s for s in spoken(plain(part)) if 20 <= len(s) <= 320):
            yield heading, said


def plain(text: str) -> str:
    text = EMPHASIS.sub("", LINK.sub(r"\1", MARKUP.sub("", text)))
    return re.sub(r"\n\s*\n+", "\n\n", re.sub(r"[ \t]+", " ", text)).strip()


def spoken(text: str) -> list[str]:
    return [re.sub(r"\s+", " ", text[start:end]).strip() for start, end in sentences(text, "en")]


def continued(docs: Sequence[Page]) -> Iterator[Lesson]:
    """One to three sentences, and the two that follow."""
    for page in docs:
        for heading, said in page.sections:
            before = [*([f"{heading}."] if heading else []), *said]
            for at in range(1, len(before) - 1, 2):
                after = " ".join(before[at : at + 2])
                yield Lesson(
                    "continue", " ".join(before[max(0, at - 3) : at]), after, held_out=is_held_out(page.key)
                )


def findable(docs: Sequence[Page], chance: random.Random) -> Iterator[Lesson]:
    """Some words of a sentence, and the sentence among its neighbours; or its neighbours alone."""
    for page in docs:
        for _, said in page.sections:
            if len(said) < 3:
                continue
            for _ in range(min(3, len(said) // 3)):
                at = chance.randrange(len(said))
                around = [*said[max(0, at - chance.randint(0, 4)) : at + 1 + chance.randint(0, 4)]]
                query = keywords(said[at], chance)
                if len(query.split()) < 2:
                    continue
                yield reading("find", query, said[at], around, [at_of(around, said[at])], chance, page.key)


def keywords(sentence: str, chance: random.Random) -> str:
    """A third of its longer words, in order: what somebody types who half remembers it."""
    words = [word for word in re.findall(r"[\w'-]+", sentence) if len(word) > 3 or word.isdigit()]
    kept = sorted(chance.sample(range(len(words)), min(len(words), chance.randint(2, 6))))
    return " ".join(words[at] for at in kept)


ASKED = (
    "{}?",
    "{}",
    "How do I {}?",
    "how to {}",
    "Can you tell me about {}?",
    "What should I know about {}?",
    "I need help with {}.",
    "Where can I read about {}?",
)


def sections(docs: Sequence[Page], chance: random.Random) -> Iterator[Lesson]:
    """A heading as a question; the section's beginning answers, among the beginnings of others."""
    for page in docs:
        begun = [(heading, " ".join(said[:2])) for heading, said in page.sections if len(heading) > 8]
        if len(begun) < 3:
            continue
        for at in chance.sample(range(len(begun)), min(3, len(begun))):
            heading, start = begun[at]
            others = [text for other, text in begun if other != heading]
            near = chance.sample(others, min(len(others), chance.randint(1, 3)))
            if len(start) > 360 or not near:
                continue
            parts = [start, *near]
            chance.shuffle(parts)
            asked = chance.choice(ASKED).format(heading[:1].lower() + heading[1:])
            yield reading("read", asked, start, parts, [at_of(parts, start)], chance, page.key)


# ---- people: conversations, a desk, instructions ----


def conversations(data: Path, chance: random.Random) -> Iterator[Lesson]:
    for name in ("sgd/train.jsonl", "taskmaster/tm4_coffee.jsonl"):
        for row in rows(data / name):
            turns: list[dict[str, str]] = row["turns"]  # type: ignore[assignment]
            for before, after in pairwise(turns):
                if after["role"] == "agent" and before["role"] == "user" and chance.random() < 0.35:
                    said = after["text"].strip()
                    if said:
                        yield Lesson("converse", before["text"], said, held_out=is_held_out(str(row["id"])))


PLACEHOLDER = re.compile(r"\{\{([^}]+)\}\}")


def desk(data: Path) -> Iterator[Lesson]:
    """Customers' wordings and a desk's answers."""
    for name in ("bitext_2023-09_4514.jsonl", "bitext_2023-08_short_6480.jsonl"):
        for row in rows(data / "bitext_support" / name):
            asked, said = (unmasked(str(row[field])) for field in ("instruction", "response"))
            if len(said) < 900:
                yield Lesson("answer", asked, said, held_out=is_held_out(asked))
    for name in ("adobe_workfront/faq_en.jsonl", "adobe_analytics/faq_en.jsonl"):
        for row in rows(data / name):
            said = " ".join(spoken(plain(str(row["answer"])))[:3])
            if said:
                yield Lesson("answer", str(row["question"]), said, held_out=is_held_out(str(row["question"])))


def unmasked(text: str) -> str:
    return PLACEHOLDER.sub(lambda found: found[1].replace(" Anonymized", "").lower(), text)


def instructions(data: Path) -> Iterator[Lesson]:
    for row in rows(data / "dolly15k" / "dolly.jsonl"):
        asked, said = str(row["instruction"]).strip(), str(row["response"]).strip()
        context = str(row["context"]).strip()
        if not said or len(said) > 500 or len(asked) > 400 or len(context) > 900:
            continue
        passages = tuple(grouped(spoken(context))) if context else ()
        yield Lesson("read" if passages else "answer", asked, said, passages, is_held_out(asked))
    for row in rows(data / "self_instruct_seed" / "seed_tasks.jsonl"):
        instances: list[dict[str, str]] = row["instances"]  # type: ignore[assignment]
        for case in instances[:2]:
            if 0 < len(case["output"]) < 500 and len(case["input"]) < 400:
                asked = f"{row['instruction']} {case['input']}".strip()
                yield Lesson("answer", asked, case["output"], held_out=is_held_out(asked))


# ---- reading: venues, articles, products ----


def venues(data: Path, chance: random.Random) -> Iterator[Lesson]:
    """A place's own questions and answers: with the place named, from memory; and reading the others."""
    places: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in rows(data / "dstc10_faq" / "knowledge.jsonl"):
        place = (str(row["entity"]), str(row["city"]))
        places.setdefault(place, []).append((str(row["question"]), str(row["answer"])))
    for (entity, city), known in places.items():
        named = entity.title() if entity.isupper() else entity
        key = f"{entity}/{city}"
        for at, (asked, said) in enumerate(known):
            others = [other for place, other in enumerate(known) if place != at]
            plainly = asked if entity.lower() in asked.lower() else f"{named}: {asked}"
            yield Lesson("answer", plainly, said, held_out=is_held_out(key))
            for _ in range(2):
                near = chance.sample(others, min(len(others), chance.randint(2, 5)))
                asks = chance.random() < 0.5  # a passage may be the question with its answer
                shown = [f"{q} {a}" if asks else a for q, a in [(asked, said), *near]]
                order = [*range(len(shown))]
                chance.shuffle(order)
                parts = [shown[place] for place in order]
                yield reading("read", asked, said, parts, [order.index(0)], chance, key)


def squad(data: Path, chance: random.Random) -> Iterator[Lesson]:
    """Articles: the sentence that answers, among those around it. Questions of version 2.0 that nothing
    answers are refused.
    """
    for name in ("dev-1.1.jsonl", "dev-2.0.jsonl"):
        for row in rows(data / "squad_dev" / name):
            context = str(row["context"])
            spans = sentences(context, "en")
            said = [context[start:end].strip() for start, end in spans]
            answers: list[dict[str, object]] = row["answers"]  # type: ignore[assignment]
            if not said or max(map(len, said)) > 400:
                continue
            if not answers:
                at = chance.randrange(len(said))
                yield Lesson(
                    "read", str(row["question"]), "", tuple(window(said, at, chance)), is_held_out(context)
                )
                continue
            start = int(str(answers[0]["answer_start"]))
            at = next((n for n, (a, b) in enumerate(spans) if a <= start < b), -1)
            if at < 0:
                continue
            around = window(said, at, chance)
            target = [n for n, part in enumerate(around) if said[at] in part]
            yield reading("read", str(row["question"]), said[at], around, target, chance, context)


def window(said: Sequence[str], at: int, chance: random.Random) -> list[str]:
    """Sentences around one, together or apart, shuffled when apart."""
    near = [*said[max(0, at - chance.randint(0, 3)) : at + 1 + chance.randint(0, 3)]]
    if chance.random() < 0.5:
        return [*grouped(near)]
    chance.shuffle(near)
    return near


def grouped(said: Sequence[str], letters: int = 300) -> Iterator[str]:
    """Sentences joined to passages of about so many letters."""
    held = ""
    for sentence in said:
        if held and len(held) + len(sentence) > letters:
            yield held
            held = ""
        held = f"{held} {sentence}".strip()
    if held:
        yield held


def reading(
    skill: str,
    asked: str,
    said: str,
    parts: Sequence[str],
    right: Sequence[int],
    chance: random.Random,
    key: str,
) -> Lesson:
    """The lesson, or, one time in five and if something is left to read, the one where it is not there."""
    left = tuple(part for at, part in enumerate(parts) if at not in right)
    if left and chance.random() < REFUSED:
        return Lesson(skill, asked, "", left, is_held_out(key))
    return Lesson(skill, asked, said, tuple(parts), is_held_out(key))


def at_of(parts: Sequence[str], part: str) -> int:
    return parts.index(part)


# ---- invented products: numbers, names, near misses ----


@dataclass(frozen=True)
class Fact:
    """What may be said of a product: questions, statements, and where the value comes from."""

    asked: tuple[str, ...]
    told: tuple[str, ...]
    value: Callable[[random.Random], str]


def number(low: int, high: int, *units: str, step: int = 1) -> Callable[[random.Random], str]:
    def draw(chance: random.Random) -> str:
        return f"{chance.randrange(low, high, step)} {chance.choice(units)}".strip()

    return draw


def decimal(low: float, high: float, *units: str) -> Callable[[random.Random], str]:
    def draw(chance: random.Random) -> str:
        return f"{chance.uniform(low, high):.1f} {chance.choice(units)}"

    return draw


def one_of(*values: str) -> Callable[[random.Random], str]:
    return lambda chance: chance.choice(values)


def price(chance: random.Random) -> str:
    return (
        f"{chance.choice('€$£')}{chance.randrange(4, 900)}{chance.choice(['', '.50', '.90', '.99', '.00'])}"
    )


def code(chance: random.Random) -> str:
    letters = "".join(chance.choices("ABCDEFHKLMPRSTX", k=chance.randint(1, 3)))
    return f"{letters}{chance.choice(['-', '', ' '])}{chance.randrange(1, 9999)}"


def clock(chance: random.Random) -> str:
    return f"{chance.randint(6, 22)}:{chance.choice(['00', '15', '30', '45'])}"


COLOURS = ("red", "green", "blue", "white", "black", "silver", "orange", "yellow", "grey", "purple")
PARTS = (
    "filter",
    "lid",
    "tray",
    "brush",
    "seal",
    "cable",
    "handle",
    "tank",
    "charger",
    "blade",
    "hose",
    "sensor",
)
PLACES = (
    "under the lid",
    "on the back",
    "on the left side",
    "below the tank",
    "next to the power button",
    "inside the door",
    "in the app under Settings",
    "at the bottom of the base",
)

FACTS = (
    Fact(
        (
            "How long does the battery of the {p} last?",
            "battery life of the {p}",
            "How many hours can I use the {p} on one charge?",
            "when does the {p} run out of power?",
        ),
        (
            "The battery of the {p} lasts {v}.",
            "On one charge, the {p} runs for {v}.",
            "A full battery keeps the {p} going for {v}.",
        ),
        number(2, 60, "hours"),
    ),
    Fact(
        ("How long does the {p} take to charge?", "charging time {p}", "when is my {p} fully charged?"),
        (
            "Charging the {p} takes {v}.",
            "The {p} is full after {v} at the charger.",
            "It takes {v} to charge the {p}.",
        ),
        number(15, 240, "minutes", step=5),
    ),
    Fact(
        ("How much does the {p} weigh?", "weight of the {p}?", "is the {p} heavy"),
        ("The {p} weighs {v}.", "Its weight is {v} for the {p}.", "With packaging, the {p} weighs {v}."),
        decimal(0.2, 25, "kg"),
    ),
    Fact(
        (
            "How big is the tank of the {p}?",
            "what is the capacity of the {p}?",
            "how much water fits in the {p}",
        ),
        ("The tank of the {p} holds {v}.", "The {p} has a capacity of {v}.", "{v} fit into the {p}."),
        decimal(0.3, 9, "litres", "l"),
    ),
    Fact(
        ("How much power does the {p} use?", "wattage of the {p}", "how many watts does my {p} draw?"),
        (
            "The {p} draws {v}.",
            "The power consumption of the {p} is {v}.",
            "While running, the {p} uses {v}.",
        ),
        number(5, 2400, "watts", "W", step=5),
    ),
    Fact(
        (
            "What does the {p} cost?",
            "price of the {p}?",
            "how much is the {p}",
            "how much do I pay for a {p}?",
        ),
        ("The {p} costs {v}.", "The price of the {p} is {v}.", "You can buy the {p} for {v}."),
        price,
    ),
    Fact(
        (
            "How long is the warranty on the {p}?",
            "is there a guarantee for the {p}",
            "For how long is the {p} covered?",
        ),
        ("The warranty on the {p} is {v}.", "The {p} is covered for {v}.", "We guarantee the {p} for {v}."),
        number(1, 12, "years", "months"),
    ),
    Fact(
        ("What does error {c} mean on the {p}?", "my {p} shows {c}", "{p} error code {c}"),
        ("Error {c} on the {p} means that {v}.", "If the {p} shows {c}, {v}.", "{c} says that {v}."),
        one_of(
            "the tank is empty",
            "the filter is full",
            "the door is open",
            "the motor is too hot",
            "the battery is low",
            "the network was lost",
            "the sensor is dirty",
            "the lid is not closed",
            "the pump is blocked",
            "the firmware is out of date",
        ),
    ),
    Fact(
        (
            "What colour is the light on the {p} when it is {s}?",
            "light on {p} while {s}",
            "which light shows that my {p} is {s}?",
        ),
        (
            "When it is {s}, the light of the {p} is {v}.",
            "The {p} shows a {v} light while {s}.",
            "A {v} light on the {p} means {s}.",
        ),
        one_of(*COLOURS),
    ),
    Fact(
        (
            "Where is the {t} of the {p}?",
            "i can't find the {t} on my {p}",
            "where do I find the {t} of a {p}?",
        ),
        ("The {t} of the {p} is {v}.", "You find the {t} {v} of the {p}.", "On the {p}, the {t} sits {v}."),
        one_of(*PLACES),
    ),
    Fact(
        (
            "How often should I clean the {t} of the {p}?",
            "cleaning interval {t} {p}",
            "when does the {t} of my {p} need cleaning?",
        ),
        (
            "Clean the {t} of the {p} every {v}.",
            "The {t} of the {p} needs cleaning every {v}.",
            "Every {v}, wash the {t} of the {p}.",
        ),
        number(2, 30, "days", "weeks", "uses"),
    ),
    Fact(
        (
            "How often do I replace the {t} of the {p}?",
            "new {t} for {p} when",
            "how long does a {t} last in the {p}?",
        ),
        (
            "Replace the {t} of the {p} after {v}.",
            "A {t} of the {p} lasts {v}.",
            "The {t} in the {p} should be changed every {v}.",
        ),
        number(2, 24, "months", "weeks"),
    ),
    Fact(
        (
            "What is the part number of the {t} for the {p}?",
            "order number {t} {p}",
            "which {t} fits the {p}?",
        ),
        (
            "The {t} for the {p} has the part number {v}.",
            "Order the {t} of the {p} as {v}.",
            "Part {v} is the {t} of the {p}.",
        ),
        code,
    ),
    Fact(
        ("At which temperature does the {p} work?", "how hot does the {p} get", "temperature of the {p}?"),
        ("The {p} works at {v}.", "The {p} reaches {v}.", "The temperature of the {p} is {v}."),
        number(20, 240, "°C", "degrees"),
    ),
    Fact(
        ("How loud is the {p}?", "noise of the {p}", "is the {p} quiet?"),
        (
            "The {p} makes {v} of noise.",
            "The noise level of the {p} is {v}.",
            "At full speed, the {p} reaches {v}.",
        ),
        number(28, 90, "dB", "decibels"),
    ),
    Fact(
        ("Which Wi-Fi does the {p} need?", "wifi band {p}", "does the {p} work with my network?"),
        (
            "The {p} connects to {v} networks.",
            "You need a {v} network for the {p}.",
            "The {p} supports {v} Wi-Fi.",
        ),
        one_of("2.4 GHz", "5 GHz", "2.4 and 5 GHz", "6 GHz"),
    ),
    Fact(
        (
            "How long do I hold the button to reset the {p}?",
            "reset {p}",
            "how can I restore the {p} to factory settings?",
        ),
        (
            "To reset the {p}, hold the button for {v}.",
            "Hold the button of the {p} for {v} to restore the factory settings.",
            "The {p} is reset when you press the button for {v}.",
        ),
        number(2, 40, "seconds"),
    ),
    Fact(
        (
            "How many days do I have to return the {p}?",
            "return period for the {p}",
            "can I send the {p} back?",
        ),
        (
            "You can return the {p} within {v}.",
            "The return period of the {p} is {v}.",
            "Send the {p} back within {v} if you do not like it.",
        ),
        number(7, 100, "days"),
    ),
    Fact(
        ("How long does delivery of the {p} take?", "when will my {p} arrive", "shipping time {p}"),
        ("The {p} is delivered within {v}.", "Delivery of the {p} takes {v}.", "Expect your {p} in {v}."),
        number(1, 21, "working days", "days"),
    ),
    Fact(
        ("What does shipping cost for the {p}?", "delivery fee {p}", "do I pay for shipping a {p}?"),
        ("Shipping the {p} costs {v}.", "The delivery fee for the {p} is {v}.", "We ship the {p} for {v}."),
        price,
    ),
    Fact(
        (
            "When is the hotline for the {p} open?",
            "opening hours {p} support",
            "until what time can I call about the {p}?",
        ),
        (
            "The hotline for the {p} is open until {v}.",
            "You can call about the {p} until {v}.",
            "Our {p} team answers until {v}.",
        ),
        clock,
    ),
    Fact(
        (
            "Which app do I need for the {p}?",
            "app name {p}",
            "what do I install to use the {p} with my phone?",
        ),
        (
            "The {p} works with the {v} app.",
            "Install the {v} app for the {p}.",
            "You control the {p} with the app {v}.",
        ),
        lambda chance: name(chance),
    ),
    Fact(
        (
            "Can I put the {t} of the {p} in the dishwasher?",
            "is the {t} of the {p} dishwasher safe",
            "how do I wash the {t} of the {p}",
        ),
        ("The {t} of the {p} {v}.", "For the {p}: the {t} {v}."),
        one_of(
            "is dishwasher safe",
            "must be washed by hand",
            "goes into the top rack of the dishwasher",
            "must never get wet",
            "is wiped with a dry cloth",
            "is rinsed with cold water",
        ),
    ),
    Fact(
        ("Is the {p} waterproof?", "can I use the {p} in the rain", "water resistance of the {p}"),
        (
            "The {p} is rated {v}.",
            "With its {v} rating, the {p} may get wet.",
            "The {p} has protection class {v}.",
        ),
        one_of("IPX4", "IP54", "IP67", "IPX7", "IP20", "IP68"),
    ),
    Fact(
        (
            "What is the serial number of the {p} for?",
            "which file does the {p} read",
            "what format does the {p} accept?",
        ),
        ("The {p} reads {v} files.", "The {p} accepts files in the {v} format."),
        one_of("CSV", "PDF", "JPEG", "MP3", "WAV", "XML", "STL"),
    ),
)
STATES = ("charging", "ready", "cleaning", "updating", "heating up", "offline", "full")
OPENINGS = (
    "Thanks for asking!",
    "Good question!",
    "Hello!",
    "Hi there!",
    "Thank you for your message.",
    "Happy to help!",
)
CLOSINGS = (
    "Let us know if you need anything else.",
    "Have a nice day!",
    "We are here if you need us.",
    "Take care!",
    "Just write to us again.",
    "Enjoy!",
)
SYLLABLES = (
    "ve",
    "lo",
    "ra",
    "mi",
    "ta",
    "kor",
    "zen",
    "pa",
    "lu",
    "bri",
    "no",
    "xa",
    "del",
    "fi",
    "gro",
    "sta",
    "qui",
    "mo",
    "ner",
    "ly",
    "as",
    "tor",
    "ka",
    "wen",
    "jo",
    "ul",
    "ba",
    "sil",
    "hem",
    "da",
)


def name(chance: random.Random) -> str:
    stem = "".join(chance.choices(SYLLABLES, k=chance.randint(2, 3))).capitalize()
    ending = chance.choice(["", "", " Mini", " Pro", " Max", " Duo", " Go", " Plus", " One", " Home"])
    return stem + ending + (f" {chance.randrange(2, 990)}" if chance.random() < 0.35 else "")


@dataclass(frozen=True)
class Told:
    asked: str
    said: str
    passage: str


def told(fact: Fact, product: str, chance: random.Random) -> Told:
    """The fact about this product, in one wording each; statement and passage may differ."""
    blanks = {"p": product, "c": code(chance), "s": chance.choice(STATES), "t": chance.choice(PARTS)}
    value = fact.value(chance)
    asked, said, passage = (chance.choice(forms) for forms in (fact.asked, fact.told, fact.told))
    filled = [form.format(v=value, **blanks) for form in (asked, said, passage)]
    return Told(*(text[:1].upper() + text[1:] if at else text for at, text in enumerate(filled)))


def products(count: int, chance: random.Random) -> Iterator[Lesson]:
    """Sheets of invented products: the right line among other facts of this product and the same fact of
    others. No value is learnt by heart: each product is drawn anew.
    """
    for at in range(count):
        product, sibling = name(chance), name(chance)
        here = chance.sample(FACTS, chance.randint(2, 4))
        asked = told(here[0], product, chance)
        near = [told(fact, product, chance).passage for fact in here[1:]]
        if chance.random() < 0.7:
            near += [told(here[0], sibling, chance).passage]
        parts = [asked.passage, *near]
        chance.shuffle(parts)
        yield reading(
            "read",
            asked.asked,
            mannered(asked.said, chance),
            parts,
            [parts.index(asked.passage)],
            chance,
            f"{product}{at}",
        )


def mannered(said: str, chance: random.Random) -> str:
    """One answer in three comes with an opening and a closing, as a desk has them."""
    if chance.random() < 0.67:
        return said
    return f"{chance.choice(OPENINGS)} {said} {chance.choice(CLOSINGS)}"
