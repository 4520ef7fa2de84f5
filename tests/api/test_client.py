"""The Python client against the service, and against addresses where there is no service."""

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


@pytest.mark.parametrize(
    ("status", "retry_after", "kind", "body", "said", "waited"),
    [
        (503, "Wed, 21 Oct 2065 07:28:00 GMT", "text/plain", b"busy", "it answered 503", [1.0] * 3),
        (
            429,
            "60",
            "application/problem+json",
            b'{"detail": "2 studies wait already"}',
            "2 studies wait already",
            [],
        ),
    ],
    ids=["a date is no error", "who is to wait for long is told at once"],
)
def test_a_busy_service_is_asked_again(status, retry_after, kind, body, said, waited, monkeypatch):
    pauses = []
    monkeypatch.setattr("api.client.time.sleep", pauses.append)
    headers = {"Retry-After": retry_after, "Content-Type": kind}
    with (
        client_of((status, headers, body)) as address,
        Client(address) as client,
        pytest.raises(ServiceError, match=f"the service refused: {said}"),
    ):
        client.status(STUDY)
    assert pauses == waited


LOGIN = (200, {"Content-Type": "text/html"}, b"<html>Sign in</html>")
ANOTHER = (200, {"Content-Type": "application/json"}, b'{"message": "hello"}')
VERBS = {
    "submit": lambda client: client.submit({}),
    "plan": lambda client: client.plan({}),
    "newest": lambda client: client.newest(),
    "find": lambda client: client.find("abc"),
    "list": lambda client: list(client.studies()),
    "status": lambda client: client.status(STUDY),
    "results": lambda client: client.results(STUDY),
    "results as text": lambda client: client.results_text(STUDY),
    "trials": lambda client: list(client.trials(STUDY)),
    "files": lambda client: client.files(STUDY),
    "file": lambda client: client.file(STUDY, "report.html"),
    "cancel": lambda client: client.cancel(STUDY),
    "resume": lambda client: client.resume(STUDY),
    "confirm": lambda client: client.confirm(STUDY, 5),
    "delete": lambda client: client.delete(STUDY),
}


@pytest.mark.parametrize("answer", [LOGIN, ANOTHER, (302, {"Location": "/login"}, b""), (204, {}, b"")])
@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_takes_anothers_answer_for_its_own(answer, verb):
    if verb == "delete" and answer[0] == 204:
        return  # as the service says it
    with (
        client_of(answer) as address,
        Client(address) as client,
        pytest.raises(ServiceError, match=f"^what answers at {address} is not the service: "),
    ):
        VERBS[verb](client)


def test_events_that_are_no_json_are_told():
    body = b"event: progress\ndata: hello\n\n"
    with (
        client_of((200, {"Content-Type": "text/event-stream"}, body)) as address,
        Client(address) as client,
        pytest.raises(ServiceError, match="its events are no JSON"),
    ):
        list(client.watch(STUDY))


@pytest.mark.parametrize(
    "server", ["", "localhost:8000", "ftp://host", "http://", "http://[::1", "http://a\udcff"]
)
def test_what_is_no_address_is_told(server):
    with pytest.raises(ServiceError, match="the server must be an address like http://"):
        Client(server)


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines", "\udcff"])
def test_what_is_no_key_is_told(key):
    with pytest.raises(ServiceError, match="the API key must be as"):
        Client("http://127.0.0.1:8000", key)
