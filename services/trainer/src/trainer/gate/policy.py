"""What a model asks of its versions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """The bounds of the gate. A loss is an error in the unit of the target, or a share of wrong labels: less is better.

    Args:
        worst_loss: no version above it serves, whatever the champion is like.
        margin: how much worse than the champion's the loss may be, at the upper end of the interval.
        slice_margin: the same for each slice, for the loss itself.
        slice_rows: slices with fewer rows say too little to be judged.
        max_bytes: of the ONNX file.
        max_row_microseconds: of the session, for one row.
        is_automatic: whether a version that passes is promoted, or waits for somebody's approval.
    """

    worst_loss: float
    margin: float
    slice_margin: float
    slice_rows: int
    max_bytes: int = 20_000_000
    max_row_microseconds: float = 1_000.0
    is_automatic: bool = True
