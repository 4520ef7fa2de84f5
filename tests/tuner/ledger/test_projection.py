"""How far a study has been sent to MLflow."""

from tests.support.ledgers import record, started
from tuner.ledger.projection import Projection


def test_the_projection_follows_its_cursor(ledger, study):
    lease = started(ledger, study)
    record(ledger, lease, 1)
    record(ledger, lease, 2)
    projection = Projection(ledger)
    ids = [m.id for m in ledger.measurements(study)]
    trial = ledger.trials(study)[1].id
    assert projection.sent(study) == (0, set())
    assert [m.id for m in ledger.measurements(study, limit=3)] == ids[:3]
    projection.note(study, cursor=ids[1])
    assert [m.id for m in ledger.measurements(study, after=ids[1])] == ids[2:]
    record(ledger, lease, 3, final=True)
    both = {t.id for t in ledger.trials(study)}
    assert projection.sent(study) == (ids[1], both)  # whose runs are to be ended
    projection.note(study, closed=[trial])
    assert projection.sent(study) == (ids[1], both - {trial})
    projection.reset(study)
    assert projection.sent(study) == (0, both)
