"""What the children see of this machine: what they need, and nothing by surprise."""

from collections.abc import Mapping

_KEPT = (
    "HOME",
    "LANG",
    "LC_ALL",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "USER",
)
_OURS = "MLPLATFORM_"

LOG_FORMAT = "MLPLATFORM_LOG_FORMAT"


def clean_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment that every child starts from. The platform's own settings pass and count more than a default
    of the runner, so that a person can set one for a run; what the runner has to decide (ports, URLs, folders)
    replaces them in the process table.
    """
    kept = {name: value for name, value in inherited.items() if name in _KEPT or name.startswith(_OURS)}
    return {"PYTHONUNBUFFERED": "1", LOG_FORMAT: "console"} | kept
