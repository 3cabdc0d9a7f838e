"""Runs the whole platform on this machine: `make run`."""

import asyncio
import os
import sys
from functools import partial

import httpx
from pydantic import ValidationError

from deploy.local.announcement import announce_predictions
from deploy.local.binaries import find_nginx, find_prometheus, find_redis
from deploy.local.environment import clean_environment
from deploy.local.errors import CannotStart
from deploy.local.guardian import Guardian
from deploy.local.output import Output
from deploy.local.ports import require_free
from deploy.local.processes import Stack
from deploy.local.running import run_until_stopped
from deploy.local.settings import Settings
from deploy.local.state import State
from deploy.local.supervisor import Supervisor

_GRACE_SECONDS = 10.0


def main() -> int:
    """Runs until told to stop; the exit status says whether that was the reason to end."""
    try:
        settings = Settings()
        state = State.claim(settings.state_dir)
        require_free(settings.ports, gateway_host=settings.gateway_host)
        asyncio.run(_serve(settings, state))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 2
    except ValidationError as error:
        print("\n".join(_in_words(error)), file=sys.stderr)
        return 2
    return 0


async def _serve(settings: Settings, state: State) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        environment = clean_environment(os.environ)
        stack = Stack(settings, state, find_nginx(), find_redis(), client, environment, find_prometheus())
        processes = stack.processes()
        output = Output(sys.stdout, names=[process.name for process in processes], colour=_shows_colour())
        guardian = Guardian(grace_seconds=_GRACE_SECONDS, held_fd=state.lock_fd)
        supervisor = Supervisor(processes, guardian=guardian, output=output, grace_seconds=_GRACE_SECONDS)
        output.say(f"starting {', '.join(supervisor.waiting_for)}; everything they keep is in {settings.state_dir}")
        try:
            await run_until_stopped(
                supervisor,
                announce=partial(
                    announce_predictions,
                    settings,
                    client=client,
                    output=output,
                    starting=lambda: supervisor.waiting_for,
                ),
                output=output,
            )
        finally:
            guardian.close()
        output.say("everything has stopped")


def _shows_colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _in_words(error: ValidationError) -> list[str]:
    return [
        f"{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}, not {problem['input']!r}"
        if problem["loc"]
        else problem["msg"].removeprefix("Value error, ")
        for problem in error.errors()
    ]


if __name__ == "__main__":
    sys.exit(main())
