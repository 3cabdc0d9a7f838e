"""Fakes with the real interfaces, for the tests of whatever depends on them."""

from dataclasses import dataclass, field

from trainer.errors import BrokerUnavailable


@dataclass
class InMemoryQueue:
    """A `Queue` that keeps what it was handed. `is_up = False` makes it refuse as a lost broker does."""

    published: list[str] = field(default_factory=list)
    is_up: bool = True

    def publish(self, job_id: str) -> None:
        if not self.is_up:
            raise BrokerUnavailable("the broker is away; nothing was accepted")
        self.published.append(job_id)
