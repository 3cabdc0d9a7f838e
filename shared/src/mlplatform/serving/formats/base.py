"""What a format is."""

from typing import Protocol

from mlplatform.serving.instances import Instances
from mlplatform.serving.prediction import Prediction


class Format(Protocol):
    """Bodies of one media type, for one contract."""

    media_type: str

    def parse(self, body: bytes) -> Instances:
        """The rows of a body.

        Raises:
            MalformedBody: it is not of the media type; the message says where.
            BodyTooLarge: more rows than one request may hold.
            ContractViolation: every offending place is named by row and field.
        """
        ...

    def render(self, prediction: Prediction) -> bytes:
        """The body of an answer."""
        ...
