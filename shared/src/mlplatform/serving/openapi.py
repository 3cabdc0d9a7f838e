"""The predict endpoint's entry in the API description, derived from the contract."""

import json
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from mlplatform.contracts import Contract
from mlplatform.serving.formats.json import instances_model

_REF = "#/components/schemas/{model}"
_TEXT = {"type": "string"}
_BINARY = {"type": "string", "format": "binary"}
_BULK_ANSWERS = {
    "application/x-ndjson": {"schema": _TEXT},
    "text/csv": {"schema": _TEXT},
    "application/vnd.apache.arrow.stream": {"schema": _BINARY},
}
_PROBLEMS = {
    "400": "The body is not what its Content-Type says; says where.",
    "406": "Accept names no format that there is.",
    "413": "Too many bytes or rows.",
    "415": "Content-Type names no format that there is, or the body is compressed.",
    "422": "The contract is broken; every offending place is named.",
    "503": "No verified version is loaded yet, or too many requests are in flight; says which.",
}


def describe_predict(app: FastAPI, contract: Contract, max_rows: int) -> None:
    """Add POST /predict to the app's OpenAPI document."""
    many = instances_model(contract, max_rows)
    _, schemas = models_json_schema([(contract.features, "validation"), (many, "validation")], ref_template=_REF)
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas["$defs"])
        document["paths"].setdefault("/predict", {"post": _operation(contract, many.__name__)})
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend the document


def _operation(contract: Contract, many: str) -> dict[str, Any]:
    one = contract.features.__name__
    row = dict(contract.example)
    return {
        "tags": ["prediction"],
        "summary": f"Predict {contract.target}",
        "operationId": f"predict_{contract.model}",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": [{"$ref": _REF.format(model=one)}, {"$ref": _REF.format(model=many)}]},
                    "examples": {
                        "one row": {"value": row},
                        "many rows": {"value": {"instances": [row, row]}},
                    },
                },
                **_bulk_bodies(contract),
            },
        },
        "responses": {
            "200": {
                "description": "The prediction, and which version made it.",
                "content": {"application/json": {"schema": _answer_schema(contract)}, **_BULK_ANSWERS},
            },
            **{
                status: {"description": text, "content": {"application/problem+json": {}}}
                for status, text in _PROBLEMS.items()
            },
        },
    }


def _bulk_bodies(contract: Contract) -> dict[str, Any]:
    names, values = zip(*contract.example.items(), strict=True)
    line = ",".join(map(str, values))
    return {
        "application/x-ndjson": {"schema": _TEXT, "example": json.dumps(dict(contract.example)) + "\n"},
        "text/csv": {"schema": _TEXT, "example": f"{','.join(names)}\n{line}\n"},
        "application/vnd.apache.arrow.stream": {"schema": _BINARY},
    }


def _answer_schema(contract: Contract) -> dict[str, Any]:
    prediction: dict[str, Any] = (
        {"type": "string", "enum": list(contract.labels)} if contract.is_classification else {"type": "number"}
    )
    probability = {"type": "object", "additionalProperties": {"type": "number"}}
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["prediction_id", "model", "version", "variant", "warnings"],
        "properties": {
            "prediction": {**prediction, "description": "The answer to one row."},
            "predictions": {
                "type": "array",
                "items": prediction,
                "description": "The answers to many, in order.",
            },
            **(
                {"probabilities": {"anyOf": [probability, {"type": "array", "items": probability}]}}
                if contract.is_classification
                else {"unit": {**text, "const": contract.unit}}
            ),
            "prediction_id": {**text, "format": "uuid", "description": "Ordered by time."},
            "model": {**text, "const": contract.model},
            "version": {**text, "description": "The registered version that answered."},
            "variant": text,
            "warnings": {
                "type": "array",
                "items": {"type": "object"},
                "description": "What training never saw.",
            },
        },
    }
