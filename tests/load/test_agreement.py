import pytest

from tests.load.agreement import predictions_in


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"prediction":4.5,"unit":"100k USD"}', [4.5]),
        ('{"predictions": [4.5, 1e-1], "version": "1"}', [4.5, 0.1]),
        ('{"outputs":[{"name":"prediction","shape":[2,1],"data":[4.5,-0.1]}]}', [4.5, -0.1]),
        ("[4.5,0.1]", [4.5, 0.1]),
        ('{"detail":"no"}', []),
    ],
)
def test_the_numbers_are_found_in_every_protocol(answer: str, said: list[float]) -> None:
    assert predictions_in(answer).tolist() == said
