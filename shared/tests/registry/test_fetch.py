from dataclasses import replace
from pathlib import Path

import pytest
from shared.tests.conftest import Publish

from mlplatform.errors import ChecksumMismatch, RegistryUnavailable, TooLarge
from mlplatform.registry import ArtifactCache, Fetcher
from mlplatform.testing import InMemoryRegistry

pytestmark = pytest.mark.anyio


@pytest.fixture
def fetcher(registry: InMemoryRegistry, tmp_path: Path) -> Fetcher:
    return Fetcher("CaliforniaHousingBestModel", registry, ArtifactCache(tmp_path), 10_000)


async def test_a_version_fetched_once_needs_the_registry_no_more(
    fetcher: Fetcher, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("1")
    first = await fetcher.fetch("1")
    fetcher.keep(first, tried_with="a runtime")
    registry.is_up = False
    assert await fetcher.fetch("1") == replace(first, tried_with="a runtime")


async def test_a_cached_version_is_not_taken_for_another_one_of_the_same_number(
    fetcher: Fetcher, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("1")
    fetcher.keep(await fetcher.fetch("1"), tried_with="a runtime")
    publish("1", weight=5.0)
    fetched = await fetcher.fetch("1")
    assert fetched.model == registry.files["1", "model.onnx"]
    assert fetched.tried_with == ""


async def test_a_cached_version_is_not_downloaded_again(
    fetcher: Fetcher, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("1")
    first = await fetcher.fetch("1")
    fetcher.keep(first, tried_with="a runtime")
    registry.files.clear()
    assert (await fetcher.fetch("1")).model == first.model


async def test_a_file_in_the_cache_that_cannot_be_read_is_fetched_again(
    fetcher: Fetcher, publish: Publish, tmp_path: Path
) -> None:
    publish("1")
    first = await fetcher.fetch("1")
    fetcher.keep(first, tried_with="a runtime")
    (tmp_path / "1" / "model.onnx").unlink()
    (tmp_path / "1" / "model.onnx").mkdir()
    assert await fetcher.fetch("1") == first
    assert fetcher.repairs == 1


async def test_without_the_registry_an_unknown_version_is_an_outage(
    fetcher: Fetcher, registry: InMemoryRegistry
) -> None:
    registry.is_up = False
    with pytest.raises(RegistryUnavailable):
        await fetcher.fetch("1")


@pytest.mark.parametrize("file", ["model.onnx", "manifest.json"])
async def test_one_flipped_bit_is_refused_and_not_cached(
    fetcher: Fetcher, registry: InMemoryRegistry, publish: Publish, file: str
) -> None:
    publish("1")
    data = bytearray(registry.files["1", file])
    data[len(data) // 2] ^= 1
    registry.files["1", file] = bytes(data)
    with pytest.raises(ChecksumMismatch):
        await fetcher.fetch("1")
    assert fetcher.cached("1") is None


async def test_a_version_without_a_checksum_is_refused(
    fetcher: Fetcher, registry: InMemoryRegistry, publish: Publish
) -> None:
    publish("1")
    registry.version_tags["1"] = {}
    with pytest.raises(ChecksumMismatch, match="manifest_sha256"):
        await fetcher.fetch("1")


@pytest.mark.parametrize("file", ["model.onnx", "manifest.json", "manifest.sha256"])
async def test_a_corrupt_file_in_the_cache_is_fetched_again(
    fetcher: Fetcher, publish: Publish, tmp_path: Path, file: str
) -> None:
    publish("1")
    first = await fetcher.fetch("1")
    fetcher.keep(first, tried_with="a runtime")
    (tmp_path / "1" / file).write_bytes(b"corrupt")
    assert fetcher.cached("1") is None
    assert fetcher.repairs == 1
    assert await fetcher.fetch("1") == first


async def test_a_version_that_says_it_is_too_large_is_not_fetched(fetcher: Fetcher, publish: Publish) -> None:
    publish("1", onnx_bytes=10_001)
    with pytest.raises(TooLarge, match="10001 bytes"):
        await fetcher.fetch("1")


async def test_a_version_with_more_bytes_than_it_says_is_refused(fetcher: Fetcher, publish: Publish) -> None:
    publish("1", onnx_bytes=10)
    with pytest.raises(TooLarge):
        await fetcher.fetch("1")
