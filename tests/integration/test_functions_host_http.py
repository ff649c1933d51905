"""The local Functions host: HTTP triggers."""

import http.client
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from local.functions_host import FunctionsHost
from local.functions_host.errors import AppError, UnsupportedError
from tests.integration.conftest import WriteApp

pytestmark = pytest.mark.integration

ECHO = """
import json

@app.route("things/{name}", methods=["POST", "PUT"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    said = {
        "method": req.method, "url": req.url, "name": req.route_params["name"],
        "headers": dict(req.headers), "query": dict(req.params), "body": req.get_body().hex(),
    }
    return func.HttpResponse(
        json.dumps(said), status_code=202, mimetype="application/json", headers={"X-One": "1"}
    )
"""


@contextmanager
def serving(root: Path, **settings: str) -> Iterator[tuple[FunctionsHost, urllib3.PoolManager]]:
    """Serve an app, with a client for it that neither follows nor retries."""
    with (
        FunctionsHost(script_root=root, settings=settings, grace_seconds=5) as host,
        urllib3.PoolManager(retries=False, timeout=10) as client,
    ):
        yield host, client


def test_a_function_gets_the_whole_request_and_gives_the_whole_response(
    write_app: WriteApp,
) -> None:
    """Method, URL, route, query, headers in lower case and raw bytes go in; all of it comes out."""
    with serving(write_app(ECHO)) as (host, client):
        url = f"{host.url}/api/things/a%20b?x=1&x=2&empty="
        answer = client.request("POST", url, body=b"\x00\xff", headers={"X-Big": "Yes"})
    said = answer.json()
    assert (answer.status, answer.headers["x-one"]) == (202, "1")
    assert answer.headers["content-type"] == "application/json"
    assert (said["method"], said["url"], said["name"]) == ("POST", url, "a b")
    assert said["query"] == {"x": "1,2", "empty": ""}
    assert said["headers"]["x-big"] == "Yes"
    assert said["body"] == "00ff"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/api/things/a", 202),
        ("PUT", "/API/Things/a", 202),
        ("GET", "/api/things/a", 404),
        ("POST", "/api/things", 404),
        ("POST", "/api/things/a/b", 404),
        ("POST", "/things/a", 404),
        ("POST", "/", 404),
    ],
)
def test_only_the_declared_route_and_methods_answer(
    write_app: WriteApp, method: str, path: str, status: int
) -> None:
    """A method is a constraint of the route on the real host, so another one is 404."""
    with serving(write_app(ECHO)) as (host, client):
        assert client.request(method, host.url + path).status == status


def test_the_most_specific_route_wins(write_app: WriteApp) -> None:
    """Literals beat parameters and parameters beat catch-alls, in whatever order they stand."""
    code = """
    @app.route("{*rest}")
    def rest(req: func.HttpRequest) -> str:
        return f"rest {req.route_params.get('rest')}"

    @app.route("a/{b?}")
    def one(req: func.HttpRequest) -> str:
        return f"one {req.route_params.get('b')}"

    @app.route("a/b")
    def literal(req: func.HttpRequest) -> str:
        return "literal"
    """
    with serving(write_app(code, http={"routePrefix": ""})) as (host, client):
        paths = ("a/b", "a/c", "a", "a/b/c", "")
        said = [client.request("GET", f"{host.url}/{path}").data.decode() for path in paths]
    assert said == ["literal", "one c", "one None", "rest a/b/c", "rest None"]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("open", {}, 200),
        ("keyed", {}, 401),
        ("keyed", {"x-functions-key": "wrong"}, 401),
        ("keyed", {"x-functions-key": "function-key"}, 200),
        ("keyed?code=function-key", {}, 200),
        ("keyed?code=function-key", {"x-functions-key": "wrong"}, 401),
        ("keyed", {"x-functions-key": "master-key"}, 200),
        ("admin-only", {"x-functions-key": "function-key"}, 401),
        ("admin-only", {"x-functions-key": "master-key"}, 200),
    ],
)
def test_keys_open_what_their_level_allows(
    write_app: WriteApp, path: str, headers: dict[str, str], status: int
) -> None:
    """The header is read before `code`; anonymous functions ask for none."""
    code = """
    @app.route("open", auth_level="anonymous")
    def a(req: func.HttpRequest) -> str:
        return "in"

    @app.route("keyed", auth_level="function")
    def b(req: func.HttpRequest) -> str:
        return "in"

    @app.route("admin-only", auth_level="admin")
    def c(req: func.HttpRequest) -> str:
        return "in"
    """
    keys = {"LOCAL_FUNCTION_KEY": "function-key", "LOCAL_MASTER_KEY": "master-key"}
    with serving(write_app(code), **keys) as (host, client):
        answer = client.request("GET", f"{host.url}/api/{path}", headers=headers)
    assert answer.status == status


def test_without_any_key_set_a_keyed_function_stays_shut(write_app: WriteApp) -> None:
    """No key is set, so no key is right, the empty one included."""
    code = """
    @app.route("keyed", auth_level="function")
    def keyed(req: func.HttpRequest) -> str:
        return "in"
    """
    with serving(write_app(code)) as (host, client):
        url = f"{host.url}/api/keyed?code="
        assert client.request("GET", url, headers={"x-functions-key": ""}).status == 401


@pytest.mark.parametrize("path", ["raises", "number"])
def test_a_failed_function_is_a_bare_500(write_app: WriteApp, path: str) -> None:
    """No traceback and no text of the exception leaves the host."""
    code = """
    @app.route("raises")
    def raises(req: func.HttpRequest) -> func.HttpResponse:
        raise ValueError("inner secret")

    @app.route("number")
    def number(req: func.HttpRequest):
        return 42
    """
    with serving(write_app(code)) as (host, client):
        answer = client.request("GET", f"{host.url}/api/{path}")
    assert (answer.status, answer.data) == (500, b"")


def test_a_body_over_the_limit_is_refused_while_reading(write_app: WriteApp) -> None:
    """Announced or not, one byte too many is 413; exactly the limit is fine."""
    root = write_app(ECHO)
    with serving(root, FUNCTIONS_REQUEST_BODY_SIZE_LIMIT="64") as (host, client):
        url = f"{host.url}/api/things/a"
        assert client.request("POST", url, body=b"x" * 64).status == 202
        assert client.request("POST", url, body=b"x" * 65).status == 413
        assert client.request("POST", url, body=iter([b"x" * 40, b"x" * 25])).status == 413


def test_a_request_cut_off_half_way_runs_nothing(write_app: WriteApp) -> None:
    """Three bytes of ten are no request; the next client is served as ever."""
    code = """
    @app.route("take", methods=["POST"])
    def take(req: func.HttpRequest) -> str:
        SEEN.put(req.get_body())
        return "taken"
    """
    with serving(write_app(code)) as (host, client):
        address = ("127.0.0.1", int(host.url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=10) as half:
            half.sendall(b"POST /api/take HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
        assert client.request("POST", f"{host.url}/api/take", body=b"whole").status == 200
        seen = sys.modules["function_app"].SEEN
    assert [seen.get_nowait() for _ in range(seen.qsize())] == [b"whole"]


def test_async_functions_and_context_work(write_app: WriteApp) -> None:
    """An `async def` runs on the loop, and `context` tells who is running."""
    code = """
    @app.function_name("renamed")
    @app.route("who")
    async def who(req: func.HttpRequest, context: func.Context) -> str:
        return f"{context.function_name} {len(context.invocation_id)}"
    """
    with serving(write_app(code)) as (host, client):
        assert client.request("GET", f"{host.url}/api/who").data == b"renamed 36"


def test_cookies_are_headers_of_their_own(write_app: WriteApp) -> None:
    """Two cookies make two Set-Cookie headers."""
    code = """
    @app.route("cookies")
    def cookies(req: func.HttpRequest) -> func.HttpResponse:
        answer = func.HttpResponse("x")
        answer.headers.add("Set-Cookie", "a=1; Path=/")
        answer.headers.add("Set-Cookie", "b=2")
        return answer
    """
    with serving(write_app(code)) as (host, _):
        connection = http.client.HTTPConnection(host.url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/api/cookies")
        cookies = connection.getresponse().headers.get_all("set-cookie")
        connection.close()
    assert cookies == ["a=1; Path=/", "b=2"]


def test_routes_that_cannot_be_told_apart_are_refused(write_app: WriteApp) -> None:
    """Two functions on one route with a method in common is a fault of the app."""
    code = """
    @app.route("same", methods=["GET"])
    def a(req: func.HttpRequest) -> str: ...

    @app.route("Same", methods=["GET", "POST"])
    def b(req: func.HttpRequest) -> str: ...
    """
    with pytest.raises(AppError, match="same route"), serving(write_app(code)):
        pass


def test_a_route_this_host_cannot_read_is_refused(write_app: WriteApp) -> None:
    """Constraints of ASP.NET are named, not ignored."""
    code = """
    @app.route("things/{id:int}")
    def a(req: func.HttpRequest) -> str: ...
    """
    with pytest.raises(UnsupportedError, match="id:int"), serving(write_app(code)):
        pass
