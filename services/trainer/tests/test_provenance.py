from importlib.metadata import version

from trainer.provenance import code_facts, code_version


def test_the_code_is_named_by_release_and_content() -> None:
    release, digest = code_version().split("+")
    assert release == version("trainer")
    assert len(digest) == 12
    assert code_version() == code_version()


def test_the_libraries_are_named_with_their_versions() -> None:
    facts = code_facts("0123abc")
    assert facts.revision == "0123abc"
    assert facts.libraries["scikit-learn"] == version("scikit-learn")
