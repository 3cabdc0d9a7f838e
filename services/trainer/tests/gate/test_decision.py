import json
from dataclasses import replace

import pytest

from trainer.gate.comparison import Comparison, SliceDifference
from trainer.gate.decision import Evidence, Verdict, decide
from trainer.gate.policy import Policy

POLICY = Policy(
    worst_loss=0.5, margin=0.01, slice_margin=0.03, slice_rows=100, max_bytes=1_000, max_row_microseconds=50
)
GOOD = Evidence(
    loss=0.45,
    onnx_bytes=1_000,
    row_microseconds=50,
    parity_difference=1e-7,
    parity_tolerance=1e-5,
    contract_breaks=(),
)
LEVEL = Comparison("3", candidate=0.45, champion=0.45, low=-0.01, high=0.01, slices=())


def part(difference: float, rows: int = 100) -> SliceDifference:
    return SliceDifference("region: north", rows, 0.4 + difference, 0.4)


@pytest.mark.parametrize(
    ("evidence", "comparison", "verdict", "failed"),
    [
        ({}, None, Verdict.PROMOTE, []),
        ({"loss": 0.5}, None, Verdict.PROMOTE, []),
        ({"loss": 0.501}, None, Verdict.REJECT, ["loss"]),
        ({"loss": float("nan")}, None, Verdict.REJECT, ["loss"]),
        ({"onnx_bytes": 1_001}, None, Verdict.REJECT, ["size"]),
        ({"row_microseconds": 50.1}, None, Verdict.REJECT, ["latency"]),
        ({"contract_breaks": ("its labels are (a), those of the contract (b)",)}, None, Verdict.REJECT, ["contract"]),
        ({"contract_breaks": ("its inputs are (x), those of version 3 (y)",)}, {}, Verdict.REJECT, ["contract"]),
        ({"parity_difference": 1e-5}, None, Verdict.PROMOTE, []),
        ({"parity_difference": 2e-5}, None, Verdict.REJECT, ["parity"]),
        ({"parity_difference": float("nan")}, None, Verdict.REJECT, ["parity"]),
        ({"loss": 0.6, "onnx_bytes": 2_000}, None, Verdict.REJECT, ["loss", "size"]),
        ({}, {}, Verdict.PROMOTE, []),
        ({}, {"high": 0.011}, Verdict.REJECT, ["champion"]),
        ({}, {"low": -0.2, "high": -0.1}, Verdict.PROMOTE, []),
        ({}, {"low": 0.0, "high": 0.0}, Verdict.PROMOTE, []),
        ({}, {"low": 1e-6, "high": 0.009}, Verdict.PROMOTE, []),
        ({}, {"low": 0.002, "high": 0.009}, Verdict.REJECT, ["progress"]),
        ({}, {"low": float("nan")}, Verdict.REJECT, ["progress"]),
        ({}, {"high": float("nan")}, Verdict.REJECT, ["champion"]),
        ({}, {"slices": (part(0.029),)}, Verdict.PROMOTE, []),
        ({}, {"slices": (part(float("nan")),)}, Verdict.REJECT, ["slice"]),
        ({}, {"slices": (part(0.031), part(-0.2))}, Verdict.REJECT, ["slice"]),
        ({}, {"slices": (part(0.5, rows=99),)}, Verdict.PROMOTE, []),
        ({"loss": 0.6}, {"high": 0.2, "slices": (part(0.2),)}, Verdict.REJECT, ["loss", "champion", "slice"]),
    ],
)
def test_only_what_passes_every_check_is_promoted_and_every_failure_is_told(
    evidence: dict[str, float], comparison: dict[str, object] | None, verdict: Verdict, failed: list[str]
) -> None:
    beside = None if comparison is None else replace(LEVEL, **comparison)  # type: ignore[arg-type] # by name
    decision = decide(POLICY, replace(GOOD, **evidence), beside)  # type: ignore[arg-type] # by name
    assert decision.verdict is verdict
    assert [reason.check for reason in decision.reasons if not reason.passed] == failed


def test_a_policy_of_approval_holds_what_would_be_promoted() -> None:
    careful = replace(POLICY, is_automatic=False)
    assert decide(careful, GOOD, LEVEL).verdict is Verdict.HOLD
    assert decide(careful, replace(GOOD, loss=0.6), LEVEL).verdict is Verdict.REJECT


def test_the_first_good_version_serves_whatever_the_policy() -> None:
    assert decide(replace(POLICY, is_automatic=False), GOOD, None).verdict is Verdict.PROMOTE


def test_every_check_is_told_whether_it_was_passed_or_not() -> None:
    beside = replace(LEVEL, slices=(part(0.0), part(0.0, rows=99), part(0.1)))
    checks = [reason.check for reason in decide(POLICY, GOOD, beside).reasons]
    assert checks == [
        "loss",
        "size",
        "latency",
        "contract",
        "parity",
        "champion",
        "progress",
        "slice",
        "slice",
        "slice",
    ]


def test_slices_that_are_too_small_to_be_judged_are_named() -> None:
    beside = replace(LEVEL, slices=(part(0.5, rows=99),))
    told = decide(POLICY, GOOD, beside).reasons[-1]
    assert told.detail == "not judged, with fewer than 100 rows: region: north (99 rows)"


def test_a_champion_that_cannot_be_met_leaves_the_decision_to_somebody_whatever_the_policy() -> None:
    held = decide(POLICY, GOOD, None, unmet="version 3 serves and cannot be met: another file")
    assert held.verdict is Verdict.HOLD
    assert held.summary == "version 3 serves and cannot be met: another file; it waits for somebody to decide"
    assert decide(POLICY, replace(GOOD, loss=0.6), None, unmet="no file").verdict is Verdict.REJECT


def test_a_break_of_the_contract_is_told_in_words_and_counted() -> None:
    broken = replace(GOOD, contract_breaks=("its features are (b, a), those of the contract (a, b)", "and more"))
    decision = decide(POLICY, broken, None)
    assert decision.summary == "its features are (b, a), those of the contract (a, b); and more"
    assert {reason.check: reason.numbers for reason in decision.reasons}["contract"] == {"differences": 2}


def test_a_decision_is_plain_json_with_every_number() -> None:
    told = json.loads(json.dumps(decide(POLICY, replace(GOOD, loss=0.6), LEVEL).as_json()))
    assert told["verdict"] == "reject"
    assert told["summary"] == "the loss on the hold-out: 0.6, more than 0.5"
    numbers = {reason["check"]: reason["numbers"] for reason in told["reasons"]}
    assert numbers["champion"] == {
        "candidate": 0.45,
        "champion": 0.45,
        "interval_low": -0.01,
        "interval_high": 0.01,
        "margin": 0.01,
    }
