"""One terminal for many processes: each line whole, with the name of its process before it."""

import asyncio
from typing import TextIO

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95)
_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_LONGEST_LINE_BYTES = 1 << 20


class Output:
    """Where every line goes.

    Args:
        stream: the terminal, or what stands for it.
        names: of all processes, so that columns align and colours stay.
        colour: whether the stream shows colours.
    """

    def __init__(self, stream: TextIO, *, names: list[str], colour: bool) -> None:
        self._stream = stream
        self._width = max(map(len, names))
        self._colour_of = dict(zip(names, _COLOURS * len(names), strict=False)) if colour else {}
        self._bold = colour

    def line(self, name: str, text: str) -> None:
        """One line of a process."""
        prefix = f"{name:<{self._width}} |"
        if colour := self._colour_of.get(name):
            prefix = f"\x1b[{colour}m{prefix}{_RESET}"
        self._write(f"{prefix} {text}{_RESET if self._bold else ''}")

    def say(self, text: str) -> None:
        """A line of the runner itself."""
        for line in text.splitlines() or [""]:
            plain = f"{'':<{self._width}} | {line}"
            self._write(f"{_BOLD}{plain}{_RESET}" if self._bold else plain)

    def block(self, text: str) -> None:
        """Lines to copy from: nothing is added to them."""
        self._write(text)

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


async def copy_lines(reader: asyncio.StreamReader, output: Output, name: str) -> None:
    """Copies what a process writes, line by line, until it writes no more."""
    rest = b""
    while chunk := await reader.read(1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            output.line(name, _text(line))
        if len(rest) > _LONGEST_LINE_BYTES:
            output.line(name, _text(rest))
            rest = b""
    if rest:
        output.line(name, _text(rest))


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
