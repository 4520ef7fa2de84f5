"""A fake of Ray's jobs as names and states, for tests of the reconciler's decisions."""

from api.studies.jobs import RayAwayError


class FakeRay:
    """What the reconciler needs of Ray."""

    def __init__(self, name="here"):
        self.name, self.jobs, self.submissions, self.stopped, self.away = name, {}, [], [], False

    def cluster(self):
        self.answer()
        return self.name

    def submit(self, _study, job, _title):
        self.answer()
        self.submissions.append(job)
        self.jobs.setdefault(job, "RUNNING")

    def status(self, job):
        self.answer()
        return self.jobs.get(job), ""

    def stop(self, job):
        self.answer()
        self.stopped.append(job)
        self.jobs[job] = "STOPPED"

    def answer(self):
        if self.away:
            raise RayAwayError("Ray is away")
