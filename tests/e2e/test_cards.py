"""Every version has a card, and the gateway lets its page look as it should."""

import base64
import hashlib
import re

import httpx
import pytest

from mlplatform.contracts import CONTRACTS


@pytest.mark.parametrize("model", CONTRACTS)
def test_the_card_of_the_first_version_tells_where_it_comes_from(client: httpx.Client, model: str) -> None:
    card = client.get(f"/models/{model}/versions/1/card").json()

    assert (card["model"], card["version"], card["making"]["parent"]) == (model, "1", None)
    assert card["gate"]["verdict"] == "promote"
    assert len(card["making"]["candidates"]) >= 4
    assert all(measure["low"] <= measure["value"] <= measure["high"] for measure in card["metrics"].values())
    version = client.get(f"/models/{model}/versions/1").json()
    assert card["data"]["sha256"] == version["origin"]["data_sha256"]
    assert card["code"]["version"] == version["origin"]["code_version"]


def test_the_page_reaches_a_browser_with_a_policy_that_fits_its_style(client: httpx.Client) -> None:
    page = client.get("/models/iris/versions/1/card", headers={"Accept": "text/html,*/*;q=0.8"})

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = page.headers.get_list("content-security-policy")
    assert f"style-src 'sha256-{digest}'" in policy
