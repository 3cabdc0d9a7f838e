"""Rules with one fault each, made mechanically: a condition that is missing, a bound that is moved, no patience."""

import re
from collections.abc import Iterator

from tests.alerts.trial import Rule

_SET_OPERATOR = re.compile(r"\b(and|or|unless)\b(\s+(?:on|ignoring)\s*\([^)]*\))?")
_BOUND = re.compile(r"(?<=[<>] )\d+(?:\.\d+)?(?!\S)|(?<=time\(\) - )\d+")
_TEXT = re.compile(r'"[^"]*"')


def mutants(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """What is wrong with each, and the rule."""
    expression = rule["expr"]
    for begin, end in _groups(expression):
        parts = _operands(expression, begin, end)
        for number, (_, operand) in enumerate(parts):
            if len(parts) > 1:
                kept = parts[:number] + parts[number + 1 :]
                rest = kept[0][1] + "".join(operator + part for operator, part in kept[1:])
                yield f"without {operand.strip()}", {**rule, "expr": expression[:begin] + rest + expression[end:]}
    for found in _BOUND.finditer(expression):
        for times in (0.5, 2):
            moved = f"{float(found[0]) * times:g}"
            if float(moved) != float(found[0]):
                faulty = expression[: found.start()] + moved + expression[found.end() :]
                yield f"{moved} for {found[0]}", {**rule, "expr": faulty}
    for key, fault in (("for", "without patience"), ("keep_firing_for", "over at once")):
        if key in rule:
            yield fault, {name: value for name, value in rule.items() if name != key}
    if "keep_firing_for" in rule:
        half = 30 * int(rule["keep_firing_for"].removesuffix("m"))
        yield "over early", {**rule, "keep_firing_for": f"{half}s"}


def _groups(expression: str) -> Iterator[tuple[int, int]]:
    """Begin and end of the whole, and of what lies between parentheses and commas."""
    yield 0, len(expression)
    opened: list[int] = []
    for place, character in enumerate(_without_texts(expression)):
        if character in "({":
            opened.append(place + 1)
        elif character in ",)}":
            yield opened.pop(), place
        if character == ",":
            opened.append(place + 1)


def _operands(expression: str, begin: int, end: int) -> list[tuple[str, str]]:
    """What `and`, `or` and `unless` connect in a group, each with the operator before it."""
    blank = _without_texts(expression)
    depth, place, start, operator = 0, begin, begin, ""
    parts = []
    while place < end:
        found = _SET_OPERATOR.match(blank, place)
        if found and depth == 0 and blank[place - 1] in " \n":
            parts.append((operator, expression[start:place]))
            operator, start, place = found[0], found.end(), found.end()
            continue
        depth += {"(": 1, ")": -1}.get(blank[place], 0)
        place += 1
    return [*parts, (operator, expression[start:end])]


def _without_texts(expression: str) -> str:
    return _TEXT.sub(lambda text: " " * len(text[0]), expression)
