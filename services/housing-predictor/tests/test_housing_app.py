import os
import subprocess
import sys


def test_a_wrong_setting_ends_the_process_and_is_named() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "mlplatform.process", "housing_predictor.app"],
        env={**os.environ, "MLPLATFORM_PORT": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "MLPLATFORM_PORT='none'" in ended.stdout
