"""The pages put together: routes, headers, and what is said when something is refused."""

import re
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from cloud_stub.errors import CloudError, NoTask, NotKept, PersonError
from cloud_stub.people.gate import Refused
from cloud_stub.review.cases import Unfit
from cloud_stub.web import audits, listen, officer, own, sign, staff
from cloud_stub.web.parts import Parts
from cloud_stub.web.show import HERE, render
from cloud_stub.web.visit import BadForm

_ONLY_OURS = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "media-src 'self' blob:",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
)
HEADERS = {
    "Content-Security-Policy": "; ".join(_ONLY_OURS),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(), camera=(), geolocation=()",
    "Cache-Control": "no-store",
}

LARGEST_FORM = 64_000
ROUTERS = tuple(part.router for part in (sign, own, listen, officer, audits, staff))


def make_app(parts: Parts) -> FastAPI:
    """The application. It opens and closes nothing."""
    app = FastAPI(title="Overheard", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.parts = parts
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    for router in ROUTERS:
        app.include_router(router)
    app.middleware("http")(_with_headers)
    for kind, answer in (
        (Refused, _refused),
        (BadForm, _bad_form),
        (RequestValidationError, _bad_form),
        (HTTPException, _no_page),
        (CloudError, _one_line),
        (Unfit, _one_line),
    ):
        app.add_exception_handler(kind, answer)  # type: ignore[arg-type]  # starlette knows Exception only
    return app


async def _with_headers(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    length = re.fullmatch(r"[0-9]{1,9}", request.headers.get("content-length", ""))
    most = officer.LARGEST if request.url.path == "/import" else LARGEST_FORM
    if request.method == "POST" and (length is None or "transfer-encoding" in request.headers):
        response: Response = _said(411, "That form does not say how long it is.")
    elif request.method == "POST" and length is not None and int(length[0]) > most:
        response = _said(413, "That is more than any form of these pages.")
    else:
        response = await answer(request)
    response.headers.update(HEADERS | {"Server": "overheard"})
    if request.url.path.startswith("/static/"):
        response.headers["Cache-Control"] = "max-age=3600"
    if request.app.state.parts.secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def _refused(request: Request, error: Refused) -> Response:
    """On to what is missing; what a role may not do is as if it were not there."""
    if error.why == "role":
        return _said(404, "There is no such page.")
    where = {"sign_in": "/sign-in", "second_factor": "/second", "step_up": "/second"}[error.why]
    if request.method == "GET" and request.headers.get("sec-fetch-dest", "document") == "document":
        return RedirectResponse(f"{where}?{error.why}=1", 303)
    return _said(403, "Sign in, and show a second factor, first.")


def _bad_form(_request: Request, _error: Exception) -> Response:
    return _said(400, "That form is not of these pages, or has expired. Go back, reload the page, try again.")


def _no_page(_request: Request, error: HTTPException) -> Response:
    text = "There is no such page." if error.status_code == 404 else str(error.detail)
    return _said(error.status_code, text)


def _one_line(_request: Request, error: Exception) -> Response:
    """What somebody did too late or twice. Names of files stay in the machine's log."""
    known = isinstance(error, NoTask | PersonError | Unfit)
    if isinstance(error, NotKept):
        return _said(404, "It is gone: deleted, or never kept.")
    if known:
        return _said(409, str(error))
    return _said(500, "The cloud cannot do that now; its log says why.")


def _said(status: int, text: str) -> HTMLResponse:
    return HTMLResponse(render("said", person=None, csrf="", text=text), status)
