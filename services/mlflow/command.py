"""MLflow's own command line, every word of which is a line of JSON: `python command.py server ...`.

Its server is a process of its own, which reads `logging.json` when it is given it (`--uvicorn-opts`), and imports what
that names from this folder.
"""

import json
import logging.config
import os
import sys
from pathlib import Path
from types import TracebackType

_HERE = Path(__file__).parent

os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_HERE), os.environ.get("PYTHONPATH")]))
os.environ["MLFLOW_CONFIGURE_LOGGING"] = "false"  # it would write past ours, in a form of its own


def main() -> None:
    """As `mlflow` does."""
    logging.config.dictConfig(json.loads((_HERE / "logging.json").read_text()))
    log = logging.getLogger("mlflow.cli")

    def say(message: object = "", *_: object, **__: object) -> None:
        log.info(message)

    def fail(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        log.critical("MLflow ends", exc_info=(kind, error, traceback))

    import click  # noqa: PLC0415 # what MLflow reads from the environment has to be there first

    click.echo = say  # the command line says what it says with nothing else
    sys.excepthook = fail
    from mlflow.cli import cli  # noqa: PLC0415 # it takes `click.echo` as it is now

    cli(prog_name="mlflow")


if __name__ == "__main__":
    main()
