"""What a person may choose when starting the platform on this machine: environment variables, no prefix."""

from collections import Counter
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]

# The order is each process's default distance from the gateway's port.
PORT_SETTINGS = {
    "gateway": "GATEWAY_PORT",
    "housing-predictor": "HOUSING_PREDICTOR_PORT",
    "iris-predictor": "IRIS_PREDICTOR_PORT",
    "trainer": "TRAINER_PORT",
    "mlflow": "MLFLOW_PORT",
    "redis": "REDIS_PORT",
    "gateway-internal": "GATEWAY_INTERNAL_PORT",
    "trainer-worker": "TRAINER_WORKER_PORT",
    "trainer-beat": "TRAINER_BEAT_PORT",
    "prometheus": "PROMETHEUS_PORT",
    "trainer-upkeep": "TRAINER_UPKEEP_PORT",
}

_LAST_PORT = 65535
_LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 # looked up, not bound


class Settings(BaseSettings):
    """One stack. Moving `GATEWAY_PORT` moves every port that is not set by itself."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    gateway_host: str = "127.0.0.1"
    """The address the gateway listens on; everything else stays on the loopback."""
    gateway_port: int = Field(default=8080, ge=1, le=_LAST_PORT)
    housing_predictor_port: int | None = Field(default=None, ge=1, le=_LAST_PORT)
    iris_predictor_port: int | None = Field(default=None, ge=1, le=_LAST_PORT)
    trainer_port: int | None = Field(default=None, ge=1, le=_LAST_PORT)
    mlflow_port: int | None = Field(default=None, ge=1, le=_LAST_PORT)
    redis_port: int | None = Field(default=None, ge=1, le=_LAST_PORT)
    gateway_internal_port: int | None = Field(default=None, ge=1, le=_LAST_PORT)
    trainer_worker_port: int | None = Field(default=None, ge=1, le=_LAST_PORT)
    trainer_beat_port: int | None = Field(default=None, ge=1, le=_LAST_PORT)
    trainer_upkeep_port: int | None = Field(default=None, ge=1, le=_LAST_PORT)
    prometheus_port: int | None = Field(default=None, ge=1, le=_LAST_PORT)
    local_state: Path | None = None
    """Where everything that outlives the run is kept; relative to the project. By default `.local/GATEWAY_PORT`."""
    processed_dir: Path = Path("data/processed")
    """Where the trainer leaves its splits; relative to the project."""

    @property
    def ports(self) -> dict[str, int]:
        """The port of each process that listens."""
        return {
            process: getattr(self, setting.lower()) or self.gateway_port + offset
            for offset, (process, setting) in enumerate(PORT_SETTINGS.items())
        }

    @property
    def state_dir(self) -> Path:
        return ROOT / (self.local_state or Path(".local") / str(self.gateway_port))

    @property
    def gateway_listen(self) -> str:
        """What nginx listens on."""
        return f"{_bracketed(self.gateway_host)}:{self.gateway_port}"

    @property
    def gateway_url(self) -> str:
        """Where a client on this machine reaches the gateway."""
        host = _LOOPBACK_OF.get(self.gateway_host, self.gateway_host)
        return f"http://{_bracketed(host)}:{self.gateway_port}"

    def url(self, process: str) -> str:
        """Where the other processes reach this one."""
        return f"http://127.0.0.1:{self.ports[process]}"

    @model_validator(mode="after")
    def _ports_fit(self) -> Self:
        ports = self.ports
        if max(ports.values()) > _LAST_PORT:
            raise ValueError(f"GATEWAY_PORT {self.gateway_port} leaves no room for the ports after it")
        port, uses = Counter(ports.values()).most_common(1)[0]
        if uses > 1:
            names = " and ".join(PORT_SETTINGS[process] for process in ports if ports[process] == port)
            raise ValueError(f"{names} are both {port}")
        return self


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
