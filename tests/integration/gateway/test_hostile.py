"""What a gateway lets through of clients that mean no good: enough to try what stands behind it."""

from collections import Counter

from tests.helpers import hostile
from tests.helpers.gateway import Gateway
from tests.helpers.waiting import wait_until

COUNT = 2_000


def test_hostile_requests_reach_every_service_and_each_is_told_on_a_line_of_its_own(gateway: Gateway) -> None:
    with (
        gateway.service("housing-predictor") as housing,
        gateway.service("iris-predictor") as iris,
        gateway.service("trainer") as trainer,
    ):
        before = len(gateway.log_lines())
        assert hostile.send(gateway.settings.gateway_port, COUNT) == COUNT
        wait_until(lambda: len(gateway.log_lines()) >= before + COUNT, what="every line of the log")
    lines = gateway.log_lines()[before:]
    passed = Counter(line["upstream"] for line in lines if line["upstream"])
    least = {housing.name: 200, iris.name: 200, trainer.name: 150}
    for service, count in least.items():
        assert passed[f"127.0.0.1:{gateway.settings.ports[service]}"] > count
    assert sum(passed.values()) < 0.7 * COUNT
