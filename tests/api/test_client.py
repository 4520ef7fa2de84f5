"""The client against the service, and against what is no service."""

import threading

import pytest

from api.client import Client, ServiceError
from tests.support.fake_server import answering
from tests.support.served import Driver

STUDY = "0123456789"


def client_of(answer):
    """A client of a server that gives everybody the same answer."""
    return answering(lambda *_: answer)


def test_a_study_is_watched_to_its_end(served):
    study_id = served.create()
    driver = Driver(served, study_id)
    with Client(served.address) as client:
        states = []
        for seen in client.watch(study_id):
            states.append((seen["state"], seen["progress"]["trials"]["done"]))
            if len(states) == 1:
                trials = driver.start(driver.search(), driver.spec.search_seeds)
                driver.report(trials, driver.spec.reports, final=True)
                driver.ledger.release(driver.lease, "succeeded")
    assert states[0] == ("running", 0)
    assert states[-1][0] == "succeeded"
    assert states[-1][1] > 0


def test_watching_ends_when_the_study_is_deleted(served):
    study_id = served.create()
    with Client(served.address) as client, Client(served.address) as other:
        seen = []
        for state in client.watch(study_id):
            seen.append(state)
            if len(seen) == 1:
                threading.Thread(target=other.delete, args=[study_id]).start()
    assert [state.get("state") for state in seen] == ["queued", None]


def test_an_event_may_come_in_several_lines_and_with_comments():
    body = b': here\n\nevent: progress\nid: 1\ndata: {"state":\ndata:  "running"}\n\n'
    body += b'event: done\ndata: {"state": "succeeded"}\n\n'
    with client_of((200, {"Content-Type": "text/event-stream"}, body)) as address, Client(address) as client:
        assert [seen["state"] for seen in client.watch(STUDY)] == ["running", "succeeded"]


def test_a_proxys_page_in_place_of_events_is_told():
    with (
        client_of((200, {"Content-Type": "text/html"}, b"<html>Sign in</html>")) as address,
        Client(address) as client,
        pytest.raises(ServiceError, match="sends no events"),
    ):
        list(client.watch(STUDY))


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"), "text/html"),
        ((200, {"Content-Type": "application/json"}, b"[1]"), "application/json"),
        ((204, {}, b""), "nothing"),
    ],
)
def test_what_is_not_the_service_is_told_in_a_sentence(answer, sent):
    with client_of(answer) as address, Client(address) as client, pytest.raises(ServiceError) as error:
        client.status(STUDY)
    assert str(error.value) == (
        f"what answers at {address} is not the service: it sent {sent} instead of a JSON object"
    )


def test_a_date_in_retry_after_is_no_error(monkeypatch):
    pauses = []
    monkeypatch.setattr("api.client.time.sleep", pauses.append)
    busy = {"Retry-After": "Wed, 21 Oct 2065 07:28:00 GMT", "Content-Type": "text/plain"}
    with (
        client_of((503, busy, b"busy")) as address,
        Client(address) as client,
        pytest.raises(ServiceError, match="the service refused: it answered 503"),
    ):
        client.status(STUDY)
    assert pauses == [1.0] * 3
