"""MLServer's custom runtime with ONNX Runtime, as its documentation has one write it."""

from mlserver import MLModel  # type: ignore[import-not-found] # in an environment of its own
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found] # as above
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found] # as above
from onnx_session import OnnxSession  # type: ignore[import-not-found] # beside this folder, on PYTHONPATH


class HousingRuntime(MLModel):  # type: ignore[misc] # its base has no types here
    """One tensor in, one tensor out."""

    async def load(self) -> bool:
        self._session = OnnxSession()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        predictions = self._session.predict(NumpyCodec.decode_input(payload.inputs[0]))
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output("prediction", predictions)],
        )
