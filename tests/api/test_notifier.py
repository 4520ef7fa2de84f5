"""The service sends notifications of ended studies while it answers requests."""

import json
import queue

from api.studies import notifier
from tests.support.fake_server import answering
from tests.support.patience import patient
from tests.support.served import Driver, Served


def test_the_end_of_a_study_is_told_with_its_verdict_and_a_link(tmp_path, monkeypatch):
    monkeypatch.setattr(notifier, "EVERY_S", 0.05)
    received = queue.Queue()

    def answer(_method, _path, _headers, body):
        received.put(json.loads(body))
        return 200, {}, b""

    with answering(answer) as address:
        to = address.replace("http://", "json://")
        service = Served(tmp_path, notify=to, public_url="https://tuner.example/")
        try:
            study = service.create()
            Driver(service, study).finish()
            message = received.get(timeout=patient(20))
        finally:
            service.stop()
            service.ledger.close()
    assert message["title"] == f"study small ({study}) has succeeded"
    assert "verdict: " in message["message"]
    assert message["message"].endswith(f"https://tuner.example/#/studies/{study}")
    assert received.empty()
