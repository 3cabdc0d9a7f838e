"""What the gateway's template leaves open is filled in wherever the gateway runs."""

import re
from pathlib import Path

GATEWAY = Path(__file__).parents[2] / "services" / "gateway"


def test_every_name_in_the_template_has_a_value_in_the_container_and_a_line_in_the_readme() -> None:
    template = (GATEWAY / "templates" / "nginx.conf.template").read_text()
    names = set(re.findall(r"\$\{([A-Z_]+)\}", template))

    assert "GATEWAY_LISTEN" in names
    for name in names:
        assert f"${{{name}}}" in (GATEWAY / "start.sh").read_text(), name
        assert f"{name}=" in (GATEWAY / "Dockerfile").read_text(), name
        assert f"| `{name}` |" in (GATEWAY / "README.md").read_text(), name
