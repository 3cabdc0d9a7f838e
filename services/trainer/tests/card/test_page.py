"""The page of a card."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from trainer.card.page import bound, content_security_policy, render
from trainer.testing import example_card

EVIL = """<script>alert(1)</script>"'&{{ 7 * 7 }}"""
VOID = {"meta", "br", "rect"}


class Reader(HTMLParser):
    """Every tag with its attributes, and what is not closed as it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def test_the_page_tells_the_facts() -> None:
    page = render(example_card(), "7", ["champion"])
    for fact in (
        "<title>iris, version 7: model card</title>",
        "rejected by the gate",
        "<li>champion</li>",
        "0.9667",
        "95 %: 0.9 to 1",
        "It met version 1",
        "✗ failed",
        "57,487 bytes",
        "above 0 to 100",
        "3 left out: plain",
        "(not judged)",
    ):
        assert fact in page, fact


def test_a_first_version_without_feedback_is_told_as_such() -> None:
    card = example_card()
    first = card.model_copy(
        update={
            "making": card.making.model_copy(update={"parent": None}),
            "data": card.data.model_copy(update={"feedback": None}),
            "slices": [],
            "gate": card.gate.model_copy(update={"verdict": "promote"}),
        }
    )
    page = render(first, "1", [])
    assert "There was no champion to compare it with." in page
    assert "not asked for" in page
    assert "passed the gate" in page
    assert read(page).faults == []


def test_whatever_a_client_wrote_is_shown_as_text() -> None:
    page = render(example_card(EVIL), "7", [EVIL])
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&amp;{{ 7 * 7 }}") >= 15
    assert [tag for tag, _ in read(page).tags] == [tag for tag, _ in read(render(example_card(), "7", ["x"])).tags]


def test_the_page_is_whole_and_fetches_nothing() -> None:
    page = render(example_card(), "7", [])
    reader = read(page)
    assert reader.faults == reader.open == []
    assert {"script", "link", "img", "iframe", "a"}.isdisjoint(tag for tag, _ in reader.tags)
    for _, attributes in reader.tags:
        assert {"src", "href", "style", "onclick"}.isdisjoint(attributes)
    assert not re.search(r"url\(|@import|https?:", page)


def test_the_policy_lets_exactly_the_pages_own_style_pass() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", render(example_card(), "7", []), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in content_security_policy()
    assert content_security_policy().startswith("default-src 'none'; ")


def test_the_page_can_be_read_without_seeing_it() -> None:
    reader = read(render(example_card(), "7", []))
    tags = [tag for tag, _ in reader.tags]
    assert dict(reader.tags)["html"] == {"lang": "en"}
    assert tags.count("h1") == tags.count("main") == 1
    assert tags.count("table") == tags.count("caption") == 4
    assert all(attributes.get("scope") in {"col", "row"} for tag, attributes in reader.tags if tag == "th")
    assert all(attributes.get("aria-hidden") for tag, attributes in reader.tags if tag == "svg")
    ids = {attributes["id"] for _, attributes in reader.tags if "id" in attributes}
    assert {attributes["aria-labelledby"] for tag, attributes in reader.tags if tag == "section"} == ids


@pytest.mark.parametrize(
    ("value", "text"), [(5e-324, "above 0"), (0, "0"), (-90, "-90"), (10_000_000, "10,000,000"), (0.25, "0.25")]
)
def test_a_bound_is_told_as_a_reader_would_say_it(value: float, text: str) -> None:
    assert bound(value) == text
