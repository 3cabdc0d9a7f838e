"""Every expected failure of the platform, named for the fact.

PlatformError
├── MalformedBody              the body is not what its media type says
├── BodyTooLarge               more bytes or rows than one request may hold
├── MethodNotAllowed           not the method of that path
├── UnsupportedMediaType       no format of ours, or a coding that is not answered
├── NotAcceptable              no format that the client would take
├── Overloaded                 as many requests in flight as may be
├── ContractViolation          the request breaks the model's contract
├── UnknownModel               no contract has that name
├── ModelNotReady              no verified version is loaded yet
├── RegistryError
│   ├── RegistryUnavailable    the registry did not answer, or not as agreed
│   ├── ModelVersionNotFound   the registry has no such model, alias, version or file
│   └── VersionRefused         the version that was asked for must not take traffic
└── ArtifactRejected           a version must not take traffic
    ├── ChecksumMismatch       a file is not the one that was registered
    ├── TooLarge               more bytes than a version may have
    ├── ExternalData           the ONNX file reaches for other files
    ├── UnloadableModel        ONNX Runtime refuses the file
    ├── CrashOnLoad            it took the process down that tried it
    ├── TrialOverrun           it took too long to load
    ├── SignatureMismatch      the ONNX file does not fit the contract
    └── GoldenMismatch         the golden rows are not answered as stored
"""

from collections.abc import Mapping, Sequence


class PlatformError(Exception):
    """The root: whoever catches it catches only failures that were foreseen.

    `members` are facts for the problem document that a client gets.
    """

    members: Mapping[str, object] = {}


class MalformedBody(PlatformError):
    """The body is not what its media type says."""


class BodyTooLarge(PlatformError):
    """More bytes or rows than one request may hold."""


class MethodNotAllowed(PlatformError):
    """Not the method of that path."""


class UnsupportedMediaType(PlatformError):
    """No format of ours, or a content coding that is not answered."""


class NotAcceptable(PlatformError):
    """No format that the client would take."""


class Overloaded(PlatformError):
    """As many requests are in flight as may be."""


class ContractViolation(PlatformError):
    """The request breaks the model's contract.

    `errors` names each offending place: its path in the body, what is wrong, and the kind of error.
    """

    def __init__(self, message: str, errors: Sequence[Mapping[str, object]] = ()) -> None:
        super().__init__(message)
        self.errors = errors
        self.members = {"errors": errors}


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


class VersionRefused(RegistryError):
    """The version that was asked for must not take traffic."""


class ArtifactRejected(PlatformError):
    """A version must not take traffic."""

    reason = "rejected"


class ChecksumMismatch(ArtifactRejected):
    """A file is not the one that was registered."""

    reason = "checksum"


class TooLarge(ArtifactRejected):
    """More bytes than a version may have."""

    reason = "size"


class ExternalData(ArtifactRejected):
    """The ONNX file reaches for other files."""

    reason = "external_data"


class CrashOnLoad(ArtifactRejected):
    """It took the process down that tried it."""

    reason = "crash"


class TrialOverrun(ArtifactRejected):
    """It took too long to load."""

    reason = "timeout"


class UnloadableModel(ArtifactRejected):
    """ONNX Runtime refuses the file."""

    reason = "unloadable"


class SignatureMismatch(ArtifactRejected):
    """The ONNX file does not fit the contract."""

    reason = "signature"


class GoldenMismatch(ArtifactRejected):
    """The golden rows are not answered as stored."""

    reason = "golden"
