from pathlib import Path

import pytest

from mlplatform.settings import PredictorSettings, load_settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPLATFORM_PORT", "8123")
    assert load_settings(PredictorSettings).port == 8123


def test_every_wrong_setting_is_named_and_the_process_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLPLATFORM_PORT", "http")
    monkeypatch.setenv("MLPLATFORM_POLL_SECONDS", "-1")
    with pytest.raises(SystemExit) as ended:
        load_settings(PredictorSettings)
    assert ended.value.code == 2
    told = caplog.text
    assert "MLPLATFORM_PORT='http'" in told
    assert "MLPLATFORM_POLL_SECONDS='-1'" in told


def test_a_secret_comes_from_a_file_and_the_environment_comes_before_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mlplatform_mlflow_url").write_text("http://from-the-file\n")
    (tmp_path / "of_another_process").write_text("not for us")
    assert load_settings(PredictorSettings, tmp_path).mlflow_url == "http://from-the-file"
    monkeypatch.setenv("MLPLATFORM_MLFLOW_URL", "http://from-the-environment")
    assert load_settings(PredictorSettings, tmp_path).mlflow_url == "http://from-the-environment"
