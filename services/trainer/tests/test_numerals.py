import pytest

from trainer.numerals import number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (20_640, "20,640"),
        (20e6, "20,000,000"),
        (323_411.4, "323,411"),
        (1_000.0, "1,000"),
        (0.45190001, "0.4519"),
        (-122.23, "-122.2"),
        (1e-05, "1e-05"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_read_as_people_write_them(value: float, text: str) -> None:
    assert number(value) == text
