"""Whether a candidate may serve: a decision with every reason and number. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from trainer.gate.comparison import Comparison
from trainer.gate.policy import Policy
from trainer.numerals import number

_NOISE = 1e-6
"""So much worse is as good: the answers of a model are 32-bit floats."""


class Verdict(StrEnum):
    """What becomes of a candidate."""

    PROMOTE = "promote"
    HOLD = "hold"
    REJECT = "reject"


@dataclass(frozen=True)
class Reason:
    """One check, whether it was passed, in words and in numbers."""

    check: str
    passed: bool
    detail: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class Evidence:
    """What was measured of a candidate by itself.

    Args:
        loss: on the hold-out.
        onnx_bytes: of its file.
        row_microseconds: of one row.
        parity_difference: the greatest, relative, between the ONNX model and the pipeline.
        parity_tolerance: how great it may be.
        contract_breaks: in words, where its signature is not that of the contract or of the champion.
    """

    loss: float
    onnx_bytes: int
    row_microseconds: float
    parity_difference: float
    parity_tolerance: float
    contract_breaks: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """The verdict and all that led to it."""

    verdict: Verdict
    reasons: tuple[Reason, ...]

    @property
    def summary(self) -> str:
        """One line: what spoke against it, or that nothing did."""
        against = [reason.detail for reason in self.reasons if not reason.passed]
        return "; ".join(against) or "every check was passed"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "verdict": str(self.verdict), "summary": self.summary}


def decide(policy: Policy, evidence: Evidence, comparison: Comparison | None, *, unmet: str | None = None) -> Decision:
    """Promote what is good enough by itself and not worse than the champion, in all and in every slice.

    Where there is a champion that could not be met, nobody knows that, and somebody has to decide.

    Args:
        policy: the bounds.
        evidence: of the candidate.
        comparison: with the champion; none where there is none, and then the first good version serves at once.
        unmet: why there is no comparison although there is a champion.
    """
    reasons = (*_by_itself(policy, evidence), *(_beside(policy, comparison) if comparison else ()))
    if not all(reason.passed for reason in reasons):
        return Decision(Verdict.REJECT, reasons)
    if unmet:
        missing = Reason("champion", passed=False, detail=f"{unmet}; it waits for somebody to decide", numbers={})
        return Decision(Verdict.HOLD, (*reasons, missing))
    waits = comparison is not None and not policy.is_automatic
    return Decision(Verdict.HOLD if waits else Verdict.PROMOTE, reasons)


def _by_itself(policy: Policy, evidence: Evidence) -> tuple[Reason, ...]:
    return (
        _at_most("loss", "the loss on the hold-out", evidence.loss, policy.worst_loss),
        _at_most("size", "the bytes of the file", evidence.onnx_bytes, policy.max_bytes),
        _at_most("latency", "the microseconds of one row", evidence.row_microseconds, policy.max_row_microseconds),
        Reason(
            "contract",
            passed=not evidence.contract_breaks,
            detail="; ".join(evidence.contract_breaks) or "it takes and answers what the contract and the champion do",
            numbers={"differences": len(evidence.contract_breaks)},
        ),
        _at_most(
            "parity",
            "the relative difference between the ONNX model and the pipeline",
            evidence.parity_difference,
            evidence.parity_tolerance,
        ),
    )


def _beside(policy: Policy, comparison: Comparison) -> tuple[Reason, ...]:
    high = comparison.high
    champion = Reason(
        "champion",
        passed=high <= policy.margin,
        detail=(
            f"the loss may be worse than that of version {comparison.champion_version} by {number(high)}, "
            f"{'within' if high <= policy.margin else 'beyond'} the margin of {number(policy.margin)}"
        ),
        numbers={
            "candidate": comparison.candidate,
            "champion": comparison.champion,
            "interval_low": comparison.low,
            "interval_high": high,
            "margin": policy.margin,
        },
    )
    # Within the margin is what may be as good. What is surely worse is not, or small losses would add up.
    sure = Reason(
        "progress",
        passed=comparison.low <= _NOISE,
        detail=(
            f"the loss is surely worse than that of version {comparison.champion_version}, by {number(comparison.low)} "
            "at least"
            if comparison.low > _NOISE
            else f"the loss is not surely worse than that of version {comparison.champion_version}"
        ),
        numbers={"interval_low": comparison.low, "bound": _NOISE},
    )
    return champion, sure, *_by_slice(policy, comparison)


def _by_slice(policy: Policy, comparison: Comparison) -> Iterator[Reason]:
    for part in comparison.slices:
        if part.rows >= policy.slice_rows:
            what = f"how much worse than the champion it is for {part.name} ({part.rows} rows)"
            yield _at_most("slice", what, part.difference, policy.slice_margin)
    small = [part for part in comparison.slices if part.rows < policy.slice_rows]
    if small:
        named = ", ".join(f"{part.name} ({part.rows} rows)" for part in small)
        detail = f"not judged, with fewer than {policy.slice_rows} rows: {named}"
        yield Reason("slice", passed=True, detail=detail, numbers={"slices": len(small), "bound": policy.slice_rows})


def _at_most(check: str, what: str, value: float, bound: float) -> Reason:
    passed = value <= bound
    detail = f"{what}: {number(value)}, {'at most' if passed else 'more than'} {number(bound)}"
    return Reason(check, passed, detail, {"value": float(value), "bound": float(bound)})
