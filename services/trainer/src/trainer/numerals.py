"""Numbers as people read them."""

_DIGITS = 4
_MANY = 1e15  # from here on a float has no room for its ones


def number(value: float) -> str:
    """Whole numbers in full, others to a few digits."""
    if abs(value) < _MANY and value == round(value):
        return f"{round(value):,}"
    if abs(value) >= 10**_DIGITS:
        return f"{value:,.0f}"
    return f"{value:.{_DIGITS}g}"
