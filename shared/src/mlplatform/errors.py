"""Every expected failure of the platform, named for the fact.

PlatformError
├── ContractViolation          the request breaks the model's contract
├── UnknownModel               no contract has that name
├── ModelNotReady              no verified version is loaded yet
├── RegistryError
│   ├── RegistryUnavailable    the registry did not answer, or not as agreed
│   └── ModelVersionNotFound   the registry has no such model, alias, version or file
└── ArtifactRejected           a version must not take traffic
    ├── ChecksumMismatch       a file is not the one that was registered
    ├── SignatureMismatch      the ONNX file does not fit the contract
    └── GoldenMismatch         the golden rows are not answered as stored
"""


class PlatformError(Exception):
    """The root: whoever catches it catches only failures that were foreseen."""


class ContractViolation(PlatformError):
    """The request breaks the model's contract."""


class UnknownModel(PlatformError):
    """No contract has that name."""


class ModelNotReady(PlatformError):
    """No verified version is loaded yet."""


class RegistryError(PlatformError):
    """What was asked of the registry did not come."""


class RegistryUnavailable(RegistryError):
    """The registry did not answer, or not as agreed."""


class ModelVersionNotFound(RegistryError):
    """The registry has no such model, alias, version or file."""


class ArtifactRejected(PlatformError):
    """A version must not take traffic."""

    reason = "rejected"


class ChecksumMismatch(ArtifactRejected):
    """A file is not the one that was registered."""

    reason = "checksum"


class SignatureMismatch(ArtifactRejected):
    """The ONNX file does not fit the contract."""

    reason = "signature"


class GoldenMismatch(ArtifactRejected):
    """The golden rows are not answered as stored."""

    reason = "golden"
