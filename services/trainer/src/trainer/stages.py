"""The stages of a training as spans."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mlplatform.telemetry.tracing import Tracing
from trainer.candidates import Progress


@contextmanager
def traced_stages(tracing: Tracing, progress: Progress) -> Iterator[Progress]:
    """Each stage that is told of is a step until the next is, or until the block ends, however it does."""
    with ExitStack() as stage_under_way:

        def tell(stage: str, percent: int) -> None:
            stage_under_way.close()
            progress(stage, percent)
            stage_under_way.enter_context(tracing.step(stage, {"percent": percent}))

        yield tell
