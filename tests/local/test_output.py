"""Many processes on one terminal."""

import asyncio
from io import StringIO

from deploy.local.output import Output, copy_lines

NAMES = ["redis", "gateway"]


def test_lines_are_aligned_after_the_name_of_their_process() -> None:
    stream = StringIO()
    output = Output(stream, names=NAMES, colour=False)

    output.line("redis", "one")
    output.line("gateway", "two")
    output.say("three")

    assert stream.getvalue() == "redis   | one\ngateway | two\n        | three\n"


def test_without_colour_there_is_no_escape_and_with_it_each_process_has_its_own() -> None:
    stream = StringIO()
    output = Output(stream, names=NAMES, colour=True)

    output.line("redis", "one")
    output.line("gateway", "two")

    first, second = stream.getvalue().splitlines()
    assert first.startswith("\x1b[36mredis   |\x1b[0m one")
    assert second.startswith("\x1b[33mgateway |\x1b[0m two")


def test_a_block_is_left_as_it_is() -> None:
    stream = StringIO()

    Output(stream, names=NAMES, colour=True).block("curl ...")

    assert stream.getvalue() == "curl ...\n"


def test_lines_stay_whole_however_they_arrive() -> None:
    assert _copied([b"on", b"e\ntwo\nth", b"ree\r\nno end"]) == ["one", "two", "three", "no end"]


def test_bytes_that_are_no_text_do_not_stop_the_copy() -> None:
    assert _copied([b"\xff\xfe\nafter\n"]) == ["\ufffd\ufffd", "after"]


def test_a_line_without_end_is_cut_rather_than_kept() -> None:
    lines = _copied([b"x" * (3 << 20)])

    assert len(lines) > 1
    assert "".join(lines) == "x" * (3 << 20)


def _copied(chunks: list[bytes]) -> list[str]:
    stream = StringIO()

    async def copy() -> None:
        reader = asyncio.StreamReader()
        for chunk in chunks:
            reader.feed_data(chunk)
        reader.feed_eof()
        await copy_lines(reader, Output(stream, names=["p"], colour=False), "p")

    asyncio.run(copy())
    return [line.removeprefix("p | ") for line in stream.getvalue().splitlines()]
