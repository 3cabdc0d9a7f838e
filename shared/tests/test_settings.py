import pytest

from mlplatform.settings import PredictorSettings, load_settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPLATFORM_PORT", "8123")
    assert load_settings(PredictorSettings).port == 8123


def test_every_wrong_setting_is_named_and_the_process_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLPLATFORM_PORT", "http")
    monkeypatch.setenv("MLPLATFORM_POLL_SECONDS", "-1")
    with pytest.raises(SystemExit) as ended:
        load_settings(PredictorSettings)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "MLPLATFORM_PORT='http'" in told
    assert "MLPLATFORM_POLL_SECONDS='-1'" in told
