"""Fakes with the real interfaces, for the tests of whatever depends on them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from mlplatform.errors import ModelVersionNotFound, RegistryUnavailable
from mlplatform.registry.manifest import MANIFEST_TAG
from trainer.card import facts
from trainer.errors import BrokerUnavailable
from trainer.options import Effort
from trainer.promotions.registry import Version
from trainer.promotions.replicas import Replica


@dataclass
class InMemoryQueue:
    """A `Queue` that keeps what it was handed, and by id the traces; `messages` are those that nobody took or lost.
    `is_up = False` makes it refuse as a lost broker does.
    """

    published: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    traceparents: dict[str, str | None] = field(default_factory=dict)
    is_up: bool = True

    def publish(self, job_id: str, traceparent: str | None = None) -> None:
        if not self.is_up:
            raise BrokerUnavailable("the broker is away; nothing was handed over")
        self.published.append(job_id)
        self.messages.append(job_id)
        self.traceparents[job_id] = traceparent

    def waiting(self) -> set[str]:
        if not self.is_up:
            raise BrokerUnavailable("the broker is away; nobody knows what waits")
        return set(self.messages)


@dataclass
class InMemoryModels:
    """A `Registry` of versions that the pipeline registered. `is_up = False` takes it away."""

    model_tags: dict[str, dict[str, str]] = field(default_factory=dict)
    pointers: dict[str, dict[str, str]] = field(default_factory=dict)
    registered: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    measured: dict[str, dict[str, float]] = field(default_factory=dict)
    files: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    is_up: bool = True

    def register(self, registered_model: str, version: str, **tags: str) -> None:
        """A version with a manifest and these tags."""
        self.registered[registered_model, version] = {MANIFEST_TAG: "0" * 64, **tags}

    def aliases(self, registered_model: str) -> dict[str, str]:
        self._answer()
        return dict(self.pointers.get(registered_model, {}))

    def set_alias(self, registered_model: str, alias: str, version: str) -> None:
        self._answer()
        self.pointers.setdefault(registered_model, {})[alias] = version

    def drop_alias(self, registered_model: str, alias: str) -> None:
        self._answer()
        self.pointers.get(registered_model, {}).pop(alias, None)

    def tags(self, registered_model: str) -> dict[str, str]:
        self._answer()
        return dict(self.model_tags.get(registered_model, {}))

    def set_tag(self, registered_model: str, key: str, value: str) -> None:
        self._answer()
        self.model_tags.setdefault(registered_model, {})[key] = value

    def drop_tag(self, registered_model: str, key: str) -> None:
        self._answer()
        self.model_tags.get(registered_model, {}).pop(key, None)

    def version(self, registered_model: str, version: str) -> Version:
        self._answer()
        if (registered_model, version) not in self.registered:
            raise ModelVersionNotFound(f"no version {version}")
        tags = self.registered[registered_model, version]
        return {"version": version, "creation_timestamp": 0, "run_id": f"run-{version}", "tags": tags}

    def versions(self, registered_model: str) -> list[Version]:
        mine = [version for name, version in self.registered if name == registered_model]
        return [self.version(registered_model, version) for version in sorted(mine, key=int, reverse=True)]

    def metrics(self, run_id: str) -> dict[str, float]:
        self._answer()
        return self.measured.get(run_id, {})

    def file(self, registered_model: str, version: str, name: str) -> bytes:
        self._answer()
        if (registered_model, version, name) not in self.files:
            raise ModelVersionNotFound(f"no {name} of version {version}")
        return self.files[registered_model, version, name]

    def _answer(self) -> None:
        if not self.is_up:
            raise RegistryUnavailable("it was taken away")


@dataclass
class InMemoryReplicas:
    """`Replicas` that say what they are told to."""

    told: dict[str, list[Replica]] = field(default_factory=dict)

    def of(self, model: str) -> list[Replica]:
        return self.told.get(model, [])


def example_card(text: str = "plain", **changes: object) -> facts.Card:
    """A card of a version that met a champion; whatever may be any text is `text`."""
    card = facts.Card(
        model="iris",
        registered_model="IrisBestModel",
        target="species",
        unit=None,
        labels=["setosa", "versicolor", "virginica"],
        loss="share of wrong labels",
        onnx_bytes=57_487,
        onnx_sha256="a" * 64,
        features=[
            facts.Feature(name="petal_width", description=text, low=5e-324, high=100, seen_low=0.1, seen_high=2.5)
        ],
        data=facts.Data(
            file="iris_raw.csv",
            sha256="b" * 64,
            description=text,
            period=text,
            rows=150,
            train_rows=120,
            holdout_rows=30,
            feedback=facts.Feedback(used=12, refused={text: 3}, sha256="c" * 64),
        ),
        making=facts.Making(
            reason=text,
            effort=Effort.QUICK,
            run_id="d" * 32,
            made_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
            seed=42,
            metric="accuracy",
            candidates=[
                facts.Candidate(
                    name=text, parameters={text: text}, folds=[0.9, 1.0], mean=0.95, std=0.05, refused=None
                ),
                facts.Candidate(name="other", parameters={}, folds=[0.8, 0.9], mean=0.85, std=0.05, refused=text),
            ],
            winner=text,
            parent="1",
        ),
        code=facts.Code(version="0.1.0+0123456789ab", revision=text, libraries={"numpy": text}),
        metrics={"accuracy": facts.Measure(value=0.9667, low=0.9, high=1)},
        slices=[
            facts.Slice(name=text, rows=10, loss=0.1, champion=0.2, is_judged=True),
            facts.Slice(name="small", rows=3, loss=0, champion=None, is_judged=False),
        ],
        gate=facts.Gate(
            verdict="reject",
            summary=text,
            reasons=[facts.Reason(check="loss", passed=False, detail=text, numbers={"value": 0.3, "bound": 0.1})],
        ),
        parity=facts.Parity(rows={"holdout": 30}, greatest_difference=1e-7, tolerance=1e-5),
        limits=[text],
    )
    return card.model_copy(update=changes)
