"""Ray jobs through the REST API of Ray's dashboard, here a server that answers as Ray does."""

import json
from contextlib import contextmanager

import pytest

from api.studies.jobs import Jobs, RayAwayError
from api.studies.ray_token import token, token_environment
from tests.support.fake_server import answering
from tuner.errors import UserError

JSON = {"Content-Type": "application/json"}


class FakeDashboard:
    """Ray's answers, as its dashboard of version 2.60 gives them, from memory."""

    def __init__(self, token="secret"):
        self.token, self.jobs, self.requests = token, {}, []

    def __call__(self, method, path, headers, body):
        self.requests.append((method, path))
        if headers.get("Authorization") is None:
            return 401, {}, b"Unauthorized: Missing authentication token"
        if headers["Authorization"] != f"Bearer {self.token}":
            return 403, {}, b"Forbidden: Invalid authentication token"
        if (method, path) == ("GET", "/api/version"):
            return 200, JSON, b'{"ray_version": "2.60.0"}'
        if (method, path) == ("POST", "/api/jobs/"):
            return self.submit(json.loads(body))
        return self.about(*path.removeprefix("/api/jobs/").split("/"))

    def about(self, name, action=None):
        if name not in self.jobs:
            return 404, {}, f"Job {name} does not exist".encode()
        if action == "stop":
            self.jobs[name]["status"] = "STOPPED"
            return 200, JSON, b'{"stopped": true}'
        return 200, JSON, json.dumps(self.jobs[name]).encode()

    def submit(self, job):
        name = job["submission_id"]
        if name in self.jobs:
            return 500, {}, b"Traceback ...\nValueError: a job with that submission_id exists already"
        self.jobs[name] = job | {"status": "PENDING", "message": "Job has not started yet.\nmore"}
        return 200, JSON, json.dumps({"job_id": name, "submission_id": name}).encode()


@pytest.fixture(autouse=True)
def no_token(monkeypatch, tmp_path):
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@contextmanager
def ray(dashboard):
    with answering(dashboard) as address:
        yield Jobs(address)


def test_a_job_is_submitted_once_seen_and_stopped(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    dashboard = FakeDashboard()
    with ray(dashboard) as jobs:
        jobs.ping()
        assert jobs.status("abc-1") == (None, "Ray does not know the job")
        jobs.submit("abc", "abc-1", "first · abc")
        jobs.submit("abc", "abc-1", "first · abc")  # Ray refuses the name, because the job is there
        assert jobs.status("abc-1") == ("PENDING", "Job has not started yet.")
        jobs.stop("abc-1")
        assert jobs.status("abc-1")[0] == "STOPPED"
    (job,) = dashboard.jobs.values()
    assert job["entrypoint"] == "python -m tuner drive abc --job abc-1"
    assert job["metadata"] == {"study": "abc", "job_name": "first · abc"}
    assert "runtime_env" not in job  # it would show in the dashboard


def test_a_job_that_ray_does_not_take_is_an_error(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    dashboard = FakeDashboard()
    dashboard.submit = lambda _: (500, {}, b"No available agent to submit job, please try again later.")
    with (
        ray(dashboard) as jobs,
        pytest.raises(RayAwayError, match="answered 500: No available agent") as error,
    ):
        jobs.submit("abc", "abc-1", "first · abc")
    assert error.value.status == 500


@pytest.mark.parametrize("name", ["abc", "abc-1; rm -rf /", "../abc-1", "ABC-1", "abc-1/stop"])
def test_a_name_that_we_did_not_make_is_refused(name):
    with pytest.raises(ValueError, match="is no name of a job"):
        Jobs("http://127.0.0.1:9").submit("abc", name, "first · abc")


@pytest.mark.parametrize("given", [None, "wrong"])
def test_a_missing_or_wrong_token_is_told(monkeypatch, given):
    if given:
        monkeypatch.setenv("RAY_AUTH_TOKEN", given)
    with (
        ray(FakeDashboard()) as jobs,
        pytest.raises(RayAwayError, match="wants its token: set RAY_AUTH_TOKEN"),
    ):
        jobs.ping()


def test_the_token_is_looked_for_where_ray_looks(monkeypatch, tmp_path):
    assert token() is None
    (tmp_path / "home" / ".ray").mkdir(parents=True)
    (tmp_path / "home" / ".ray" / "auth_token").write_text("of the home\n")
    assert token() == "of the home"
    (tmp_path / "file").write_text("of the file\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "file"))
    assert token() == "of the file"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of the variable")
    assert token() == "of the variable"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert token() is None


def test_a_token_of_our_own_is_made_once_and_is_private(monkeypatch, tmp_path):
    environment = token_environment(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    first = token()
    assert len(first) == 64
    assert (tmp_path / "ray_token").stat().st_mode & 0o777 == 0o600
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH")
    assert token_environment(tmp_path) == environment
    monkeypatch.setenv("RAY_AUTH_TOKEN", "the user's")
    assert token_environment(tmp_path) == {"RAY_AUTH_MODE": "token"}


@pytest.mark.parametrize(
    "address", ["", "auto", "127.0.0.1:6379", "ray://127.0.0.1:10001", "http://", "http://[::1"]
)
def test_an_address_that_is_not_the_dashboards_is_refused(address):
    with pytest.raises(UserError, match="must be the address of Ray's dashboard, like http:"):
        Jobs(address)


def test_other_clusters_in_the_environment_are_not_asked(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    dashboard = FakeDashboard()
    with ray(dashboard) as jobs:
        jobs.ping()
    assert dashboard.requests == [("GET", "/api/version")]


@pytest.mark.parametrize(
    "answer", [(200, {}, b"<html>Sign in</html>"), (200, JSON, b"[]"), (200, JSON, b"{}")]
)
def test_what_is_not_rays_dashboard_is_told(answer):
    with ray(lambda *_: answer) as jobs, pytest.raises(RayAwayError, match=r"no JSON|no status of job"):
        jobs.status("abc-1")


def test_a_ray_that_is_away_is_told_with_its_address():
    with pytest.raises(RayAwayError, match=r"Ray at http://127\.0\.0\.1:9 cannot be reached: .*refused"):
        Jobs("http://127.0.0.1:9/").status("abc-1")


def test_a_ray_that_was_started_again_elsewhere_is_asked_there_and_who_came_after_it_gets_no_token(
    monkeypatch,
):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    somebody_elses, ours = FakeDashboard("another token"), FakeDashboard()
    with answering(somebody_elses) as before, answering(ours) as now:
        places = [before]
        jobs = Jobs(lambda: places[-1], is_ours=lambda address: address == now)
        with pytest.raises(RayAwayError, match="has ended; it is started again"):
            jobs.ping()
        places.append(now)
        jobs.ping()
        jobs.submit("abc", "abc-1", "first · abc")
    assert somebody_elses.requests == []
    assert list(ours.jobs) == ["abc-1"]
