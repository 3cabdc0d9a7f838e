"""Settings come from the environment, once, in a process's composition root.

One that is secret comes from a file of the setting's name in /run/secrets, where containers find theirs: an environment
shows in `docker inspect` and is handed on to children. Where both are there, the environment counts.
"""

import logging
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from mlplatform.process import tell

PREFIX = "MLPLATFORM_"
SECRETS = Path("/run/secrets")


class ServiceSettings(BaseSettings):
    """What every process of the platform can be told."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, use_attribute_docstrings=True)

    log_format: Literal["json", "console"] = "json"
    """One JSON object a line, or columns for a person."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least severe events that are logged."""

    otlp_endpoint: str | None = None
    """Where spans are sent, OTLP over HTTP, such as `http://collector:4318/v1/traces`; without it there are none."""

    @field_validator("otlp_endpoint")
    @classmethod
    def _none_if_empty(cls, value: str | None) -> str | None:
        return value or None  # a setting that compose hands on may be empty

    mlflow_url: str = "http://127.0.0.1:5000"
    """Base URL of the MLflow tracking server."""


class HttpSettings(ServiceSettings):
    """A process that answers HTTP."""

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: int = Field(default=8000, ge=1, le=65535)
    """Port to listen on."""


class PredictorSettings(HttpSettings):
    """A predictor."""

    cache_dir: Path = Path(".cache/models")
    """Where verified versions are kept."""

    poll_seconds: float = Field(default=2.0, gt=0, le=60)
    """Mean time between two looks at the registry."""

    registry_timeout_seconds: float = Field(default=3.0, gt=0, le=60)
    """Longest wait for one step of an answer of the registry."""

    redis_url: str | None = None
    """Where changes of the registry are announced; without it they are seen at the next look."""

    max_model_bytes: int = Field(default=20_000_000, ge=1024)
    """Largest ONNX file that is taken up; in memory a forest takes eight to twelve times as much."""

    max_cache_bytes: int = Field(default=1024**3, ge=1024)
    """How much of the disk the verified versions may take; those that an alias names stay in any case."""

    max_loaded_versions: int = Field(default=6, ge=3)
    """Most versions in memory at once."""

    max_loaded_bytes: int = Field(default=60_000_000, ge=1024)
    """Most bytes that the ONNX files of the versions in memory have together; those with a role stay in any case."""

    drain_seconds: float = Field(default=1.0, ge=0, le=60)
    """How long a predictor that is asked to stop is not ready, but goes on answering, before it stops listening."""

    max_body_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)
    """Largest body of a request."""

    max_in_flight: int = Field(default=64, ge=1)
    """Most predict requests at once; what comes beyond is told to come again."""

    max_rows: int = Field(default=10_000, ge=1)
    """Most rows in a request."""

    clients: Annotated[tuple[str, ...], NoDecode] = ()
    """Clients whose predictions are counted by name, as they give it in `X-Client-ID`; the others are `other`."""

    @field_validator("redis_url")
    @classmethod
    def _nowhere_if_empty(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("clients", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


Settings = TypeVar("Settings", bound=ServiceSettings)


def load_settings(kind: type[Settings], secrets: Path = SECRETS) -> Settings:
    """Read the settings of this process, or end it with a line for each that is wrong."""
    try:
        # Where there is no such folder, naming it would warn.
        return kind(_secrets_dir=secrets) if secrets.is_dir() else kind()
    except ValidationError as error:
        for wrong in error.errors(include_url=False):
            tell(logging.CRITICAL, f"bad configuration: {_named(wrong['loc'], wrong['input'])}{wrong['msg']}")
        raise SystemExit(2) from None


def _named(place: tuple[int | str, ...], value: object) -> str:
    """A setting and what it was; of a URL only its name, as it may hold a password. What is wrong with several settings
    together is told by the message alone, as the value would be all of them.
    """
    if not place:
        return ""
    name = "_".join(str(part) for part in place)
    return f"{PREFIX}{name.upper()}: " if name.endswith("_url") else f"{PREFIX}{name.upper()}={value!r}: "
