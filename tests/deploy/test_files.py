"""Image, compose, launcher files and monitoring, without a Docker engine or a cloud; versions and
settings.
"""

import copy
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"
LOCK = dict(
    re.findall(
        r"^([a-z0-9-]+)==([^ \n]+)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
COMPOSE = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"))
LAUNCHER = sorted((DEPLOY / "ray").glob("*.yaml"))


def texts():
    return {
        path: path.read_text(encoding="utf-8")
        for path in DEPLOY.rglob("*")
        if path.is_file() and path.suffix in (".yaml", ".env", "", ".sql")
    }


# --- versions and settings


def test_ray_python_and_image_are_those_of_the_lock_file_and_the_package():
    everything = "\n".join(texts().values())
    assert set(re.findall(r'rayVersion: "(.+)"', everything)) == {LOCK["ray"]}
    locked_for = re.search(r"--python-version (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8")).group(
        1
    )
    assert {v.rpartition(".")[0] for v in re.findall(r"FROM python:([0-9.]+)-", everything)} == {locked_for}
    assert set(re.findall(r"straight-through-tuner:([0-9.]+)-[cg]pu", everything)) == {PROJECT["version"]}
    assert set(re.findall(r"newTag: ([0-9.]+)-[cg]pu", everything)) == {PROJECT["version"]}


def test_every_other_image_is_pinned_by_its_digest():
    images = [
        i
        for text in texts().values()
        for i in re.findall(r"^\s*(?:- )?(?:image:|FROM) (\S+)", text, re.MULTILINE)
    ]
    others = [i for i in images if ":" in i and "straight-through-tuner" not in i and "$" not in i]
    assert len(others) >= 6
    assert [i for i in others if not re.fullmatch(r"[a-z/]+:v?[0-9][\w.-]+@sha256:[0-9a-f]{64}", i)] == []


def test_every_setting_that_is_used_is_documented():
    table = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^\| `(TUNER_\w+)` \|", table, re.MULTILINE))
    used = {name for text in texts().values() for name in re.findall(r"\bTUNER_[A-Z_]+\b", text)}
    used |= set(re.findall(r"\bTUNER_[A-Z_]+\b", (DEPLOY / "README.md").read_text(encoding="utf-8")))
    assert len(used) > 8
    assert used <= known


# --- image


def _hadolint(path):
    command = [str(Path(sys.executable).parent / "hadolint"), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_hadolint_has_nothing_to_say_about_the_dockerfile_and_would_say_it(tmp_path):
    done = _hadolint(DOCKERFILE)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(
        DOCKERFILE.read_text(encoding="utf-8").replace(" --no-install-recommends", ""), encoding="utf-8"
    )
    assert "DL3015" in _hadolint(wrong).stdout


def test_the_image_installs_what_the_program_needs_at_locked_versions_and_runs_as_a_number():
    text = DOCKERFILE.read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, DEPLOY / "docker" / "wanted.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = [re.match(r"[A-Za-z0-9-]+", line).group().lower() for line in done.stdout.splitlines()]
    assert {"ray", "torch", "psycopg", "boto3"} <= set(wanted) <= set(LOCK)
    assert "--constraint requirements.lock" in text
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["1000:1000"]
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
        for source in line.split()
    }
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignore
    assert {line[1:] for line in ignore if line.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


# --- compose


def _config(folder, *files):
    command = [
        "docker-compose",
        "--env-file",
        str(folder / ".env"),
        *(part for f in files for part in ("-f", str(f))),
        "config",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=DEPLOY / "compose")


@pytest.fixture
def environment(tmp_path):
    """The .env that README's command makes of the example."""
    command = re.search(r"awk .+? example\.env", (DEPLOY / "README.md").read_text(encoding="utf-8")).group()
    done = subprocess.run(
        ["sh", "-c", command], cwd=DEPLOY / "compose", capture_output=True, text=True, check=True
    )
    (tmp_path / ".env").write_text(done.stdout, encoding="utf-8")
    return tmp_path


@pytest.mark.skipif(
    not shutil.which("docker-compose"), reason="docker-compose (Debian's package) is not installed"
)
def test_compose_accepts_the_files_and_no_typo_nor_missing_secret(environment, tmp_path):
    files = [DEPLOY / "compose" / "compose.yaml", DEPLOY / "compose" / "compose.gpu.yaml"]
    for chosen in (files[:1], files):
        done = _config(environment, *chosen)
        assert done.returncode == 0, done.stderr
    wrong = copy.deepcopy(COMPOSE)
    wrong["services"]["api"]["read_onlyX"] = wrong["services"]["api"].pop("read_only")
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")
    assert "read_onlyX" in _config(environment, tmp_path / "wrong.yaml").stderr
    given = (environment / ".env").read_text(encoding="utf-8")
    secrets = re.findall(r"^([A-Z0-9_]+)=[0-9a-f]{48}$", given, re.MULTILINE)
    assert len(secrets) == len(set(re.findall(r"=([0-9a-f]{48})$", given, re.MULTILINE))) == 7
    for name in secrets:
        (environment / ".env").write_text(
            re.sub(rf"^{name}=.*\n", "", given, flags=re.MULTILINE), encoding="utf-8"
        )
        assert name in _config(environment, files[0]).stderr


def test_compose_publishes_on_loopback_only_and_locks_every_container_down():
    published = {name: service.get("ports", []) for name, service in COMPOSE["services"].items()}
    assert any(published.values())
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] is True, name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "healthcheck" in service or name == "bucket", name
        assert service["pids_limit"] > 0, name
        assert service["mem_limit"], name
        assert all("size=" in mount for mount in service.get("tmpfs", [])), name
        assert "store" not in service["networks"] or name in (
            "api",
            "ray-head",
            "mlflow",
            "bucket",
            "postgres",
            "s3",
        ), name
    assert COMPOSE["networks"]["store"] == {"internal": True}
    written = [v for v in COMPOSE["services"]["ray-worker"]["volumes"] if "/var/lib/tuner" in v]
    assert written == ["checkpoints:/var/lib/tuner/checkpoints", "tune:/var/lib/tuner/tune"]
    example = (DEPLOY / "compose" / "example.env").read_text(encoding="utf-8")
    assert not re.search(r"(PASSWORD|KEY|TOKEN)=\S", example)


# --- Ray's launcher


@pytest.mark.parametrize("path", LAUNCHER, ids=lambda path: path.stem)
def test_ray_accepts_the_launcher_file_and_no_typo(path):
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    validate_config(prepare_config(copy.deepcopy(config)))
    for field in set(config) - {"cluster_name", "provider"}:
        wrong = copy.deepcopy(config)
        wrong[f"{field}X"] = wrong.pop(field)
        with pytest.raises(jsonschema.ValidationError):
            validate_config(prepare_config(wrong))
    for part in ("docker", "auth"):
        for field in config[part]:
            wrong = copy.deepcopy(config)
            wrong[part][f"{field}X"] = wrong[part].pop(field)
            with pytest.raises((jsonschema.ValidationError, KeyError, AssertionError)):
                validate_config(prepare_config(wrong))


def test_aws_workers_have_gpus_and_scale_from_none():
    types = yaml.safe_load((DEPLOY / "ray" / "aws.yaml").read_text(encoding="utf-8"))["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    assert types["gpu"]["min_workers"] == 0
    assert types["gpu"]["resources"]["GPU"] == 1


# --- monitoring


def _expressions():
    dashboard = json.loads((DEPLOY / "monitoring" / "grafana" / "tuner.json").read_text(encoding="utf-8"))
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_the_dashboard_asks_for_nothing_that_ray_does_not_measure():
    import ray

    source = (
        Path(ray.__file__).parent / "dashboard" / "modules" / "reporter" / "reporter_agent.py"
    ).read_text(encoding="utf-8")
    asked = {name for expr in _expressions() for name in re.findall(r"\bray_(\w+)", expr)}
    assert len(asked) >= 6
    assert {name for name in asked if f'"{name}"' not in source} == set()


def test_the_dashboard_asks_for_nothing_that_the_service_does_not_measure():
    source = ROOT / "api" / "answers" / "metrics.py"
    measured = set(re.findall(r'"(tuner_\w+)"', source.read_text(encoding="utf-8")))
    asked = {name for expr in _expressions() for name in re.findall(r"\btuner_\w+", expr)}
    assert asked == {name for name in asked if re.sub(r"_(bucket|count|sum)$", "", name) in measured}
    assert len(asked) >= 4


def test_prometheus_scrapes_services_that_compose_has():
    config = yaml.safe_load((DEPLOY / "monitoring" / "prometheus.yaml").read_text(encoding="utf-8"))
    assert set(config) == {"global", "scrape_configs"}
    static = re.findall(r"targets: \['?(\w+):", yaml.safe_dump(config, default_flow_style=None))
    found = [
        name for job in config["scrape_configs"] for c in job.get("dns_sd_configs", []) for name in c["names"]
    ]
    assert set(static + found) == {"api", "ray-head", "ray-worker"} <= set(COMPOSE["services"])
    source = yaml.safe_load(
        (DEPLOY / "monitoring/grafana/provisioning/datasources/prometheus.yaml").read_text(encoding="utf-8")
    )
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
