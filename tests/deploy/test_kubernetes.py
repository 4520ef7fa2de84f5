"""The Kubernetes manifests, without a cluster: built by kubectl, held against the schemas, and read for what
they allow.
"""

import copy
import ipaddress
import re
import shutil
import subprocess
from functools import cache

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.support.paths import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
SCHEMAS = next(
    (up / "shared/schemas/kuberay" for up in ROOT.parents if (up / "shared/schemas/kuberay").is_dir()), None
)
OVERLAYS = ("cpu", "gpu")

pytestmark = pytest.mark.skipif(
    not shutil.which("kubectl"), reason="kubectl (Debian: kubernetes-client) is not installed"
)


@cache
def built(overlay):
    command = ["kubectl", "kustomize", str(KUBERNETES / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(overlay, kind):
    return {doc["metadata"]["name"]: doc for doc in built(overlay) if doc["kind"] == kind}


def pods(overlay):
    """Every pod template by the name of its component, with its labels."""
    found = {
        doc["metadata"]["name"]: doc["spec"]["template"]
        for doc in built(overlay)
        if doc["kind"] in ("Deployment", "StatefulSet")
    }
    (ray,) = of_kind(overlay, "RayCluster").values()
    found["ray-head"] = ray["spec"]["headGroupSpec"]["template"]
    (group,) = ray["spec"]["workerGroupSpecs"]
    found["ray-worker"] = group["template"]
    return found


def paths(node, at=()):
    """The path of every key of every mapping."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*at, key)
            yield from paths(value, (*at, key))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from paths(value, (*at, i))


def misspelt(document, path):
    wrong = copy.deepcopy(document)
    node = wrong
    for step in path[:-1]:
        node = node[step]
    node[f"{path[-1]}X"] = node.pop(path[-1])
    return wrong


# --- schemas


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_own_kinds_are_valid_and_a_misspelt_field_is_not(overlay):
    for document in built(overlay):
        if document["kind"] == "RayCluster":
            continue
        kubernetes_validate.validate(document, "1.34", strict=True)
        fields = [
            path
            for path in paths(document.get("spec", {}))
            if isinstance(path[-1], str) and path[-1].isalpha()
        ]
        for path in [*fields[:1], max(fields, key=len)] if fields else []:
            if {"labels", "annotations", "matchLabels", "requests", "limits"} & set(path[:-1]):
                continue
            with pytest.raises(kubernetes_validate.ValidationError):
                kubernetes_validate.validate(misspelt(document, ("spec", *path)), "1.34", strict=True)


@cache
def raycluster_schema():
    if SCHEMAS is None:
        pytest.skip("KubeRay's schemas are not in ../shared/schemas/kuberay")
    crd = yaml.load((SCHEMAS / "ray.io_rayclusters.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    (version,) = (v for v in crd["spec"]["versions"] if v["name"] == "v1")
    schema = version["schema"]["openAPIV3Schema"]
    _close(schema)
    return jsonschema.Draft202012Validator(schema)


def _close(schema):
    """A structural schema drops fields that it does not know, silently. Here they are errors."""
    if "properties" in schema:
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for inner in schema["properties"].values():
            _close(inner)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            _close(schema[key])


# Mappings whose keys are the user's.
FREE = {"labels", "annotations", "rayStartParams", "requests", "limits"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_ray_cluster_follows_kuberays_schema_and_no_field_may_be_misspelt(overlay):
    validator = raycluster_schema()
    (ray,) = of_kind(overlay, "RayCluster").values()
    validator.validate(ray)
    checked = 0
    for path in paths(ray["spec"]):
        if isinstance(path[-1], int) or FREE & set(path[:-1]):
            continue
        assert not validator.is_valid(misspelt(ray, ("spec", *path))), path
        checked += 1
    assert checked > 150


# --- what they allow


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_is_locked_down_probed_and_sized(overlay):
    for name, template in pods(overlay).items():
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] >= 999, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        # The head's pod needs its token: the autoscaler beside it asks Kubernetes for workers.
        assert pod.get("automountServiceAccountToken", True) is (name == "ray-head"), name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name
            assert {"startupProbe", "readinessProbe"} <= set(container), name
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            claimed = {"data"} if name == "postgres" else set()  # by the StatefulSet's template
            assert mounted - claimed == {volume["name"] for volume in pod["volumes"]}, name
        for volume in pod["volumes"]:
            assert volume.get("emptyDir", {"sizeLimit": "its own"}).get("sizeLimit"), (name, volume["name"])
    (namespace,) = of_kind(overlay, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_referred_to_and_never_written(overlay):
    assert not of_kind(overlay, "Secret")
    text = yaml.safe_dump_all(built(overlay))
    assert not re.search(r"://[^/\s]*:[^/\s]*@", text), "a password in a URL"
    readme = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    referred = set(re.findall(r"secretKeyRef:\s+key: \S+\s+name: (\S+)", text)) | set(
        re.findall(r"secretRef:\s+name: (\S+)", text)
    )
    referred |= {ray["spec"]["authOptions"]["secretName"] for ray in of_kind(overlay, "RayCluster").values()}
    assert referred == {"tuner-ledger", "tuner-mlflow", "tuner-postgres", "tuner-ray-token"}
    assert referred <= set(re.findall(r"create secret generic (\S+)", readme))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_who_needs_a_secret_has_it(overlay):
    who = {}
    for name, template in pods(overlay).items():
        for secret in re.findall(
            r"name: (tuner-(?:ledger|mlflow|postgres|ray-token))\b", yaml.safe_dump(template)
        ):
            who.setdefault(secret, set()).add(name)
    assert who == {
        "tuner-ledger": {"api", "ray-head"},  # the drivers run on the head
        "tuner-mlflow": {"mlflow"},
        "tuner-postgres": {"postgres"},
        "tuner-ray-token": {"api"},  # and every pod of Ray's, by the operator
    }


INTERNET = {"somewhere": "out there"}  # a peer that is in no private network


def _chosen(selector, labels):
    equal = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    among = all(
        labels.get(e["key"]) in e["values"]
        for e in selector.get("matchExpressions", [])
        if e["operator"] == "In"
    )
    return equal and among


def _allowed(rules, side, labels, namespace, port):
    """Whether one of the rules lets this peer through; a peer of another namespace, or that is no pod, has
    labels None.
    """
    for rule in rules:
        if "ports" in rule and port not in [p["port"] for p in rule["ports"]]:
            continue
        peers = rule.get(side)
        if peers is None:
            return True
        for peer in peers:
            if "ipBlock" in peer:  # of private networks, where pods are too
                if labels is not INTERNET and namespace is not INTERNET:
                    return True
            elif "namespaceSelector" in peer:
                if (
                    labels is None
                    and namespace is not INTERNET
                    and _chosen(peer["namespaceSelector"], namespace)
                ):
                    return True
            elif labels is not None and _chosen(peer["podSelector"], labels):
                return True
    return False


def _reaches(overlay, source, target, port):
    """Whether NetworkPolicies let `source` open a connection to `target`; a mapping is another namespace's
    labels.
    """
    labels = {name: template["metadata"]["labels"] for name, template in pods(overlay).items()}
    policies = [policy["spec"] for policy in of_kind(overlay, "NetworkPolicy").values()]

    def passes(pod, other, kind, side):
        applied = [
            p
            for p in policies
            if _chosen(p["podSelector"], labels[pod]) and kind.capitalize() in p["policyTypes"]
        ]
        assert applied, f"no policy for the {kind} of {pod}"
        peer, namespace = (None, other) if isinstance(other, dict) else (labels[other], {})
        return any(_allowed(p.get(kind, []), side, peer, namespace, port) for p in applied)

    out = isinstance(source, dict) or passes(source, target, "egress", "to")
    return out and (isinstance(target, dict) or passes(target, source, "ingress", "from"))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_network_carries_what_is_needed_and_nothing_else(overlay):
    ports = {"api": 8000, "mlflow": 5000, "postgres": 5432, "ray-head": 8265, "ray-worker": 10002}
    reached = {(a, b) for a in ports for b in ports if a != b and _reaches(overlay, a, b, ports[b])}
    assert reached == {
        ("api", "postgres"),
        ("api", "mlflow"),
        ("api", "ray-head"),
        ("ray-head", "postgres"),
        ("ray-head", "mlflow"),
        ("ray-head", "ray-worker"),
        ("ray-worker", "ray-head"),
        ("mlflow", "postgres"),
    }
    assert not _reaches(overlay, "api", "ray-head", 6379)  # jobs only
    assert not _reaches(overlay, "api", "ray-worker", 8080)
    outside, ingress, monitoring = {}, {"tuner/may-call-the-api": "true"}, {"tuner/scrapes-metrics": "true"}
    operator = {"kubernetes.io/metadata.name": "kuberay-operator"}
    callers = {"outside": outside, "ingress": ingress, "monitoring": monitoring, "operator": operator}
    doors = [*ports.items(), ("ray-head", 8080), ("ray-worker", 8080)]
    may = {
        (who, b, port)
        for who, peer in callers.items()
        for b, port in doors
        if _reaches(overlay, peer, b, port)
    }
    assert may == {
        ("ingress", "api", 8000),
        ("monitoring", "api", 8000),
        ("monitoring", "ray-head", 8080),
        ("monitoring", "ray-worker", 8080),
        ("operator", "ray-head", 8265),
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_internet_is_reached_by_whom_it_is_needed_and_by_https(overlay):
    ports = (22, 53, 80, 443, 5000, 5432, 6443, 8265)
    reached = {
        (name, port) for name in pods(overlay) for port in ports if _reaches(overlay, name, INTERNET, port)
    }
    assert reached == {("mlflow", 443), ("ray-head", 443)}  # the bucket; data sets that are missing
    policies = of_kind(overlay, "NetworkPolicy")
    downloads = policies.pop("downloads")
    assert downloads["spec"]["podSelector"]["matchLabels"] == {"app.kubernetes.io/component": "ray-head"}
    for policy in policies.values():
        for rule in policy["spec"].get("egress", []):
            assert "to" in rule or policy["metadata"]["name"] == "mlflow"
            for peer in rule.get("to", []):
                if "ipBlock" in peer:
                    assert ipaddress.ip_network(peer["ipBlock"]["cidr"]).is_private


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_workers_mount_what_they_write_and_read_the_data(overlay):
    (worker,) = pods(overlay)["ray-worker"]["spec"]["containers"]
    mounts = {
        m["mountPath"]: (m["name"], m.get("subPath"), m.get("readOnly", False))
        for m in worker["volumeMounts"]
    }
    assert mounts == {
        "/var/lib/tuner/checkpoints": ("home", "checkpoints", False),
        "/var/lib/tuner/tune": ("home", "tune", False),
        "/data": ("data", None, True),
        "/tmp": ("tmp", None, False),
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_budgets_and_claims_find_what_they_name(overlay):
    labels = {name: template["metadata"]["labels"] for name, template in pods(overlay).items()}
    for name, service in of_kind(overlay, "Service").items():
        assert [
            pod for pod in labels if _chosen({"matchLabels": service["spec"]["selector"]}, labels[pod])
        ] == [name]
    for name, budget in of_kind(overlay, "PodDisruptionBudget").items():
        assert [pod for pod in labels if _chosen(budget["spec"]["selector"], labels[pod])] == [name]
    claims = {
        v["persistentVolumeClaim"]["claimName"]
        for t in pods(overlay).values()
        for v in t["spec"]["volumes"]
        if "persistentVolumeClaim" in v
    }
    assert claims == set(of_kind(overlay, "PersistentVolumeClaim"))
    configured = set(re.findall(r"configMap(?:Ref)?:\s+name: (\S+)", yaml.safe_dump_all(built(overlay))))
    assert configured == set(of_kind(overlay, "ConfigMap")) - {"tuner-dashboard"}
    (ray,) = of_kind(overlay, "RayCluster")
    hosts = set(
        re.findall(r"http://([a-z-]+):", yaml.safe_dump_all(of_kind(overlay, "ConfigMap").values()))
    ) - {"127"}
    assert hosts - {"prometheus"} <= set(of_kind(overlay, "Service")) | {f"{ray}-head-svc"}


def test_gpu_workers_scale_from_none_and_have_a_gpu_each():
    (ray,) = of_kind("gpu", "RayCluster").values()
    (group,) = ray["spec"]["workerGroupSpecs"]
    assert ray["spec"]["enableInTreeAutoscaling"] is True
    assert (group["replicas"], group["minReplicas"]) == (0, 0)
    assert group["maxReplicas"] > 1
    (worker,) = group["template"]["spec"]["containers"]
    assert (
        worker["resources"]["limits"]["nvidia.com/gpu"]
        == worker["resources"]["requests"]["nvidia.com/gpu"]
        == "1"
    )
    (other,) = of_kind("cpu", "RayCluster").values()
    assert "nvidia.com/gpu" not in yaml.safe_dump(other)
    settings = of_kind("gpu", "ConfigMap")["tuner-settings"]["data"]
    assert (settings["TUNER_DEVICE"], settings["TUNER_DEVICES"]) == ("cuda", str(group["maxReplicas"]))
    assert "TUNER_DEVICE" not in of_kind("cpu", "ConfigMap")["tuner-settings"]["data"]
