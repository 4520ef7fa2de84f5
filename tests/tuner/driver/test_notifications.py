"""Messages about ended studies, received by a real HTTP server on loopback."""

import json
import logging
from contextlib import contextmanager

import pytest

from tests.support.fake_server import answering
from tests.support.ledgers import create, started
from tuner.driver.notifications import Notifier
from tuner.errors import UserError


@contextmanager
def receiver(status=200):
    """An address for Apprise, and the messages that came there."""
    received = []

    def answer(_method, path, _headers, body):
        received.append((path, json.loads(body)))
        return status, {}, b""

    with answering(answer) as address:
        yield address.replace("http://", "json://") + "/hook", received


def notifier(ledger, addresses):
    return Notifier(addresses, ledger, lambda study: f"http://tuner/#/studies/{study.id}")


def ended(ledger, state, reason=None):
    study = create(ledger, "digits")
    ledger.release(started(ledger, study), state, reason)
    return study


def test_name_state_verdict_and_link_arrive_once(ledger):
    study = ended(ledger, "failed", "no trial succeeded")
    with receiver() as (address, received):
        told = notifier(ledger, address)
        told.tell_all()
        told.tell(study)
    [(path, message)] = received
    assert path == "/hook"
    assert message["title"] == f"study digits ({study}) has failed"
    assert message["type"] == "failure"
    assert message["message"].splitlines() == [
        "no trial succeeded",
        "no verdict: failed",
        "no trial, on or off the diagonal, has an objective on every seed of the search",
        f"http://tuner/#/studies/{study}",
    ]


def test_an_interruption_says_how_it_goes_on(ledger):
    study = ended(ledger, "interrupted", "stopped by SIGTERM")
    with receiver() as (address, received):
        notifier(ledger, address).tell(study)
    [(_, message)] = received
    assert message["title"] == f"study digits ({study}) is interrupted"
    assert message["message"].splitlines()[:2] == [
        "stopped by SIGTERM", f"`tuner resume {study}` continues it.",
    ]  # fmt: skip


def test_several_addresses_are_told(ledger):
    study = ended(ledger, "failed")
    with receiver() as (first, at_first), receiver() as (second, at_second):
        notifier(ledger, f"{first} {second}").tell(study)
    assert len(at_first) == len(at_second) == 1


def test_a_receiver_that_refuses_is_logged_and_no_error(ledger, caplog):
    study = ended(ledger, "failed")
    with receiver(status=500) as (address, received), caplog.at_level(logging.WARNING):
        notifier(ledger, address).tell(study)
    assert len(received) == 1
    assert "not every address was told" in caplog.text


def test_a_message_that_cannot_be_made_is_logged_and_no_error(ledger, caplog):
    study = ended(ledger, "failed")

    def broken(_study):
        raise RuntimeError("no link")

    with receiver() as (address, received):
        Notifier(address, ledger, broken).tell(study)
    assert received == []
    assert "could not be told" in caplog.text


def test_an_address_that_is_none_is_refused_without_its_secrets(ledger):
    with pytest.raises(UserError) as refused:
        notifier(ledger, "json://127.0.0.1:1 nowhere://me:secret@host")
    assert "TUNER_NOTIFY: address 2 (it begins with nowhere)" in str(refused.value)
    assert "secret" not in str(refused.value)
