"""Which nginx and Redis are good enough. Scripts stand for binaries: what counts is what they say of themselves."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.binaries import find_nginx, find_redis, usable_nginx, usable_redis


@pytest.fixture
def says(tmp_path: Path) -> Callable[[str], Path]:
    def make(text: str) -> Path:
        path = tmp_path / "binary"
        path.write_text(f"#!/bin/sh\necho '{text}'\n")
        path.chmod(0o755)
        return path

    return make


def test_this_machine_has_both() -> None:
    assert find_nginx().path.exists()
    assert find_redis().exists()


def test_an_nginx_with_njs_built_in_will_do(says: Callable[[str], Path]) -> None:
    assert usable_nginx(says("nginx version: nginx/1.31.3 --add-module=njs-0.9.9/nginx"))


def test_an_nginx_with_the_module_beside_it_will_do(says: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "ngx_http_js_module.so").touch()

    found = usable_nginx(says(f"nginx version: nginx/1.31.0 --modules-path={tmp_path}"))

    assert found
    assert found.njs_module == tmp_path / "ngx_http_js_module.so"


@pytest.mark.parametrize(
    "text", ["nginx version: nginx/1.26.0 --add-module=njs", "nginx version: nginx/1.31.3", "something else"]
)
def test_an_nginx_that_is_too_old_or_has_no_njs_will_not(says: Callable[[str], Path], text: str) -> None:
    assert usable_nginx(says(text)) is None


@pytest.mark.parametrize(("version", "enough"), [("8.2.3", True), ("8.10.0", True), ("8.0.4", False), ("7.2.1", False)])
def test_redis_has_to_be_new_enough(says: Callable[[str], Path], version: str, enough: bool) -> None:  # noqa: FBT001 # a parameter
    assert bool(usable_redis(says(f"Redis server v={version} sha=0"))) is enough


def test_a_binary_that_does_not_run_will_not_do(tmp_path: Path) -> None:
    assert usable_redis(tmp_path / "missing") is None
