"""A card as a page: one file that fetches nothing, for screens of any width and for paper."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from math import inf, nextafter

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from trainer.card.facts import Card
from trainer.numerals import number


def render(card: Card, version: str, aliases: Sequence[str]) -> str:
    """The page of a version's card; every value is escaped."""
    longest = max((loss for part in card.slices for loss in (part.loss, part.champion) if loss), default=1.0)
    return _template().render(card=card, version=version, aliases=aliases, longest=longest, style=_style())


@cache
def content_security_policy() -> str:
    """Nothing but the page's own style may have an effect."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _style() -> str:
    return files("trainer.card").joinpath("page.css").read_text()


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("trainer", "card"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "bound": bound}
    return environment.get_template("page.html.j2")


def bound(value: float) -> str:
    """As a reader would say it: the least number above nought is `above 0`."""
    whole = round(value)
    return f"above {number(whole)}" if value == nextafter(whole, inf) else number(value)
