"""Which format a request is in, and which one its answer goes in (RFC 9110, sections 8.3 and 12.5.1)."""

from collections.abc import Mapping
from functools import lru_cache

from mlplatform.errors import NotAcceptable, UnsupportedMediaType
from mlplatform.serving.formats import Format

_REMEMBERED = 256


class Negotiation:
    """Between the formats that there are and the headers of a request."""

    def __init__(self, formats: Mapping[str, Format]) -> None:
        self._formats = formats
        self._default = next(iter(formats.values()))
        self.agree = lru_cache(_REMEMBERED)(self._agree)

    def _agree(self, content_type: bytes, content_encoding: bytes, accept: bytes) -> tuple[Format, Format]:
        """The format of the request and that of the answer.

        Raises:
            UnsupportedMediaType: the body is in no format of ours, or compressed.
            NotAcceptable: the client takes no format of ours.
        """
        if content_encoding not in {b"", b"identity"}:
            raise UnsupportedMediaType("a compressed body is not answered; send it as it is")
        asked = self._format_of(content_type)
        return asked, self._answer_format(asked, accept)

    def _format_of(self, content_type: bytes) -> Format:
        if not content_type:
            return self._default
        media_type = _media_type(content_type)
        if media_type not in self._formats:
            raise UnsupportedMediaType(f"the Content-Type should be one of {', '.join(self._formats)}")
        return self._formats[media_type]

    def _answer_format(self, asked: Format, accept: bytes) -> Format:
        ranges = [part for part in accept.split(b",") if part.strip()]
        for media_range in sorted(ranges, key=_quality, reverse=True):
            wanted = _media_type(media_range)
            if _quality(media_range) == 0:
                break
            family = wanted.removesuffix("*")
            if wanted == "*/*" or (wanted.endswith("/*") and asked.media_type.startswith(family)):
                return asked
            if wanted in self._formats:
                return self._formats[wanted]
            if wanted.endswith("/*"):
                for media_type, each in self._formats.items():
                    if media_type.startswith(family):
                        return each
        if not ranges:
            return asked
        raise NotAcceptable(f"the answer can be one of {', '.join(self._formats)}")


def _media_type(value: bytes) -> str:
    return value.split(b";")[0].strip().lower().decode("latin-1")


def _quality(media_range: bytes) -> float:
    for parameter in media_range.split(b";")[1:]:
        name, _, value = parameter.strip().partition(b"=")
        if name.lower() == b"q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
