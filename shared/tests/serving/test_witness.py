from mlplatform.registry import Traffic
from mlplatform.serving.witness import Witness

TRAFFIC = Traffic(challenger="2", challenger_percent=5, salt="salt")


def test_without_traffic_there_is_nothing_to_tell() -> None:
    assert Witness().told() is None


def test_what_is_seen_under_one_traffic_adds_up_and_begins_anew_with_the_next() -> None:
    witness = Witness()
    for _ in range(2):
        witness.begin(TRAFFIC)
        witness.seen.assigned += 1
    told = witness.told()
    assert told is not None
    assert (told.mark, told.assigned) == (TRAFFIC.mark, 2)
    more = TRAFFIC.model_copy(update={"challenger_percent": 25.0})
    witness.begin(more)
    told = witness.told()
    assert told is not None
    assert (told.mark, told.assigned) == (more.mark, 0)
    witness.begin(None)
    assert witness.told() is None


def test_a_mark_tells_nothing_of_the_salt_and_survives_the_tag() -> None:
    assert TRAFFIC.salt not in TRAFFIC.mark
    assert Traffic.model_validate_json(TRAFFIC.as_tag()).mark == TRAFFIC.mark
    assert TRAFFIC.model_copy(update={"salt": "pepper"}).mark != TRAFFIC.mark
