"""What a page of HTML makes a browser fetch before it shows."""

from html.parser import HTMLParser


def assets_of(html: str) -> list[tuple[str, str]]:
    """The address and kind, `javascript` or `css`, of every script and stylesheet that the page names."""
    reader = _Reader()
    reader.feed(html)
    return reader.assets


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.assets: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        source, target = given.get("src"), given.get("href")
        if tag == "script" and source:
            self.assets.append((source, "javascript"))
        if tag == "link" and target and given.get("rel") == "stylesheet":
            self.assets.append((target, "css"))
