"""Errors as problem details (RFC 9457), whoever raises them."""

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mlplatform.errors import (
    BodyTooLarge,
    ContractViolation,
    MalformedBody,
    MethodNotAllowed,
    ModelNotReady,
    ModelVersionNotFound,
    NotAcceptable,
    Overloaded,
    PlatformError,
    RegistryUnavailable,
    UnknownModel,
    UnsupportedMediaType,
    VersionRefused,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "2"

# As RFC 9110 calls them; older Pythons know older names.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}

STATUSES: Mapping[type[PlatformError], HTTPStatus] = {
    MalformedBody: HTTPStatus.BAD_REQUEST,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    ContractViolation: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownModel: HTTPStatus.NOT_FOUND,
    ModelNotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    ModelVersionNotFound: HTTPStatus.NOT_FOUND,
    VersionRefused: HTTPStatus.CONFLICT,
    RegistryUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


def problem_body(
    status: int, detail: str, *, instance: str, request_id: str, members: Mapping[str, object] | None = None
) -> bytes:
    """A problem document; `members` are added to it."""
    return orjson.dumps(
        {
            "type": "about:blank",
            "title": _TITLES.get(status) or HTTPStatus(status).phrase,
            "status": int(status),
            "detail": detail,
            "instance": instance,
            "request_id": request_id,
            **(members or {}),
        }
    )


def install(app: FastAPI, statuses: Mapping[type[PlatformError], HTTPStatus]) -> None:
    """Answer every error of the app in this form; `statuses` adds the service's own errors to the common ones."""
    known = {**STATUSES, **statuses}

    async def on_platform_error(request: Request, error: Exception) -> Response:
        status = known.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)  # type: ignore[arg-type] # a PlatformError
        members = error.members if isinstance(error, PlatformError) else {}
        return _answer(request, status, str(error), None, **members)

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 # Starlette looks handlers up by type
        return _answer(request, error.status_code, error.detail, headers=error.headers)

    async def on_validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 # Starlette looks handlers up by type
        malformed = next((e for e in error.errors() if e["type"] == "json_invalid"), None)
        if malformed:
            detail = f"the body is not JSON: {malformed['ctx']['error']} at position {malformed['loc'][-1]}"
            return _answer(request, HTTPStatus.BAD_REQUEST, detail)
        errors = [{"path": list(e["loc"]), "message": e["msg"], "type": e["type"]} for e in error.errors()]
        return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, "the request is not as agreed", errors=errors)

    async def on_bug(request: Request, _error: Exception) -> Response:
        return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "an error that was not foreseen; it is in the log")

    app.add_exception_handler(PlatformError, on_platform_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(Exception, on_bug)


def _answer(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None, **members: object
) -> Response:
    """A problem document as a response. 503 carries Retry-After."""
    request_id = request.scope.get("state", {}).get("request_id", "")
    content = problem_body(status, detail, instance=request.url.path, request_id=request_id, members=members)
    retry = {"Retry-After": RETRY_AFTER_SECONDS} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(content, status, {**retry, **(headers or {})}, MEDIA_TYPE)
