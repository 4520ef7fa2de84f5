"""Notifies the addresses that the operator names when a study has ended or is interrupted: by mail, chat,
webhook, or whatever else Apprise supports.

The addresses are a setting of the operator, and are in no spec: they hold secrets, and with them the service
can send anywhere. Nothing here stops a study: a notification that cannot be sent is logged.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from tuner.errors import UserError
from tuner.evidence.analysis import results
from tuner.ledger.notices import Notices
from tuner.ledger.rows import StudyRow, StudyState
from tuner.ledger.store import Ledger
from tuner.ledger.study_metrics import metrics_of
from tuner.settings import PREFIX

_LOG = logging.getLogger("tuner.notifications")
_KINDS = {  # Apprise's, by which receivers choose a colour
    StudyState.SUCCEEDED: "success",
    StudyState.FAILED: "failure",
    StudyState.INTERRUPTED: "warning",
    StudyState.CANCELLED: "info",
}


@dataclass(frozen=True)
class Notice:
    """A message about a study that has ended or is interrupted."""

    title: str
    body: str
    kind: str

    @classmethod
    def of(cls, study: StudyRow, ledger: Ledger, link: str | None) -> "Notice":
        """The message: the study's name, state, verdict, and where to read more."""
        lines = [study.reason] if study.reason else []
        if study.state is StudyState.INTERRUPTED:
            lines.append(f"`tuner resume {study.id}` continues it.")
        else:
            found = results(
                study, ledger.trials(study.id), ledger.stream(study.id), metrics=metrics_of(study)
            )
            lines += [found.verdict_line, found.verdict_reason]
        title = f"study {study.name} ({study.id}) {_has(study.state)}"
        return cls(title, "\n".join([*lines, *([link] if link else [])]), _KINDS[study.state])


def _has(state: StudyState) -> str:
    passive = {StudyState.CANCELLED: "was cancelled", StudyState.INTERRUPTED: "is interrupted"}
    return passive.get(state, f"has {state}")


class Notifier:
    """Sends notices to the operator's addresses."""

    def __init__(self, addresses: str, ledger: Ledger, link: Callable[[StudyRow], str | None]) -> None:
        """Args:
            addresses: as Apprise has them, with spaces or commas between them.
            ledger: holds the studies.
            link: the address of a study's page.

        Raises UserError for an address that Apprise does not accept. The message gives its place in the list,
        and does not repeat it, because it may contain secrets.
        """
        from apprise import Apprise
        from apprise.utils.parse import parse_urls

        self._ledger, self._link, self._notices = ledger, link, Notices(ledger)
        self._receivers = Apprise()
        for place, address in enumerate(parse_urls(addresses), start=1):
            if not self._receivers.add(address):
                kind = address.partition("://")[0]
                raise UserError(
                    f"{PREFIX}NOTIFY: address {place} (it begins with {kind}) is not one that Apprise knows; "
                    "https://github.com/caronc/apprise/wiki lists them"
                )

    def leave_out(self, older_than_s: float) -> None:
        """Sends no messages about studies that ended longer ago."""
        self._notices.leave_out(older_than_s)

    def tell_all(self) -> None:
        """Tells of every end that nobody has told of."""
        for study_id in self._notices.due():
            self.tell(study_id)

    def tell(self, study_id: str) -> None:
        """Tells of a study's end, if it has one and no other process does."""
        if not self._notices.claim(study_id):
            return
        about = {"study": study_id}
        try:
            study = self._ledger.study(study_id)
            notice = Notice.of(study, self._ledger, self._link(study))
            sent = self._receivers.notify(title=notice.title, body=notice.body, notify_type=notice.kind)
        except Exception:  # noqa: BLE001  # a receiver's own plug-in may raise anything, and no study minds
            _LOG.exception("the end of a study could not be told", extra=about)
            return
        if sent:
            _LOG.info("told of its end: %s", notice.title, extra=about)
        else:
            _LOG.warning("not every address was told of its end; Apprise says why above", extra=about)
