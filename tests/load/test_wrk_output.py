import pytest

from tests.load.wrk_output import parse

OUTPUT = """Running 3s test @ http://127.0.0.1:1/predict
  1 threads and 16 connections
Requests/sec:  12345.00
{"requests":30000,"duration_us":3000000,"p50_us":900.0,"p99_us":1800.0,"errors":2}
"""


def test_the_last_line_holds_the_figures() -> None:
    load = parse(OUTPUT)
    assert (load.requests_per_second, load.p50_us, load.p99_us, load.errors) == (10_000, 900, 1_800, 2)


def test_without_it_wrk_was_cut_short() -> None:
    with pytest.raises(ValueError, match="did not finish"):
        parse("unable to connect")
