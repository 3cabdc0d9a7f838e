import pytest

from mlplatform.contracts import HOUSING
from mlplatform.errors import NotAcceptable, UnsupportedMediaType
from mlplatform.serving.formats import formats_of
from mlplatform.serving.negotiation import Negotiation

NEGOTIATION = Negotiation(formats_of(HOUSING, 10))
JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"


def agree(content_type: str = "", accept: str = "", encoding: str = "") -> tuple[str, str]:
    asked, answered = NEGOTIATION.agree(content_type.encode(), encoding.encode(), accept.encode())
    return asked.media_type, answered.media_type


@pytest.mark.parametrize("content_type", ["", JSON, "Application/JSON", "application/json; charset=utf-8"])
def test_json_is_spoken_in_every_spelling_and_by_default(content_type: str) -> None:
    assert agree(content_type) == (JSON, JSON)


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        ("", CSV),
        ("*/*", CSV),
        ("text/*", CSV),
        ("application/*", JSON),
        (JSON, JSON),
        (f"{JSON};q=0.1, {NDJSON}", NDJSON),
        ("image/png, */*;q=0.1", CSV),
        ("text/html, application/json", JSON),
    ],
)
def test_the_answer_is_what_the_client_likes_best_or_else_as_asked(accept: str, answer: str) -> None:
    assert agree(CSV, accept) == (CSV, answer)


@pytest.mark.parametrize("accept", ["image/png", "text/html;q=0.9", f"{JSON};q=0"])
def test_a_client_that_takes_none_of_ours_is_told(accept: str) -> None:
    with pytest.raises(NotAcceptable, match=JSON):
        agree(JSON, accept)


@pytest.mark.parametrize("content_type", ["application/xml", "application/x-www-form-urlencoded", "nonsense", ";"])
def test_a_body_in_another_media_type_is_told_which_there_are(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=CSV):
        agree(content_type)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_compressed_body_is_not_unpacked(encoding: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="compressed"):
        agree(JSON, encoding=encoding)
