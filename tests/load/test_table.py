from tests.load.table import table


def test_the_first_column_is_left_and_figures_are_right() -> None:
    assert table(("name", "requests/s"), [("ours", "15,000"), ("a longer name", "9")]).splitlines() == [
        "name           requests/s",
        "-------------  ----------",
        "ours               15,000",
        "a longer name           9",
    ]
