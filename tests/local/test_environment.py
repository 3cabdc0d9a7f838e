"""What children inherit."""

import pytest

from deploy.local.environment import clean_environment


def test_children_get_what_they_need_and_nothing_by_surprise() -> None:
    inherited = {"PATH": "/bin", "HOME": "/me", "PYTHONPATH": "/elsewhere", "HTTP_PROXY": "http://proxy", "PORT": "1"}

    environment = clean_environment(inherited)

    assert environment == {
        "PATH": "/bin",
        "HOME": "/me",
        "PYTHONUNBUFFERED": "1",
        "MLPLATFORM_LOG_FORMAT": "console",
    }


@pytest.mark.parametrize(("setting", "chosen"), [("MLPLATFORM_LOG_LEVEL", "DEBUG"), ("MLPLATFORM_LOG_FORMAT", "json")])
def test_the_platforms_own_settings_pass_also_where_the_runner_has_a_default(setting: str, chosen: str) -> None:
    assert clean_environment({setting: chosen})[setting] == chosen
