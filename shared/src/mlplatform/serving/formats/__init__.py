"""The media types in which rows come and answers go. A new one is one file and one line in `formats_of`."""

from mlplatform.contracts import Contract
from mlplatform.serving.formats.arrow import ArrowFormat
from mlplatform.serving.formats.base import Format
from mlplatform.serving.formats.csv import CsvFormat
from mlplatform.serving.formats.json import JsonFormat
from mlplatform.serving.formats.ndjson import NdjsonFormat


def formats_of(contract: Contract, max_rows: int) -> dict[str, Format]:
    """Every format of a contract by its media type; the first one is what a request without a type is in."""
    formats: list[Format] = [
        JsonFormat(contract, max_rows),
        NdjsonFormat(contract, max_rows),
        CsvFormat(contract, max_rows),
        ArrowFormat(contract, max_rows),
    ]
    return {each.media_type: each for each in formats}


__all__ = ["Format", "formats_of"]
