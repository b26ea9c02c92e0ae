"""The chart: with helm it is rendered and its objects are looked at; without it, its keys are.

`helm` is taken from PATH, or from TIDEWAITER_HELM.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidewaiter.settings import parse

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "tidewaiter"
HELM = os.environ.get("TIDEWAITER_HELM") or shutil.which("helm")
needs_helm = pytest.mark.skipif(not HELM, reason="no helm here; TIDEWAITER_HELM names one")
TEMPLATES = sorted((CHART / "templates").iterdir())
ALL = ("serviceMonitor.enabled=true", "podDisruptionBudget.enabled=true", "metricsPublic=true")


def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return found


def paths(tree: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in tree.items():
        yield f"{before}{key}"
        if isinstance(value, dict):
            yield from paths(value, f"{before}{key}.")


def used() -> set[str]:
    text = "".join(path.read_text() for path in TEMPLATES)
    return set(re.findall(r"\.Values\.([A-Za-z.]+)", text))


def rendered(*more: str) -> list[dict[str, Any]]:
    sets = [word for one in more for word in ("--set", one)]
    done = subprocess.run(
        [str(HELM), "template", "tw", CHART, "--namespace", "sec", *sets], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ValueError(done.stderr)
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def kinds(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in objects}


def pod(*more: str) -> dict[str, Any]:
    found: dict[str, Any] = kinds(rendered(*more))["StatefulSet"]["spec"]["template"]["spec"]
    return found


def test_templates_use_what_values_has_and_nothing_else() -> None:
    known = set(paths(values()))
    assert used() - known == set()
    leaves = {path for path in known if not any(other.startswith(f"{path}.") for other in known)}
    assert {path for path in leaves if not any(path == one or path.startswith(f"{one}.") for one in used())} == set()


def test_every_value_is_explained() -> None:
    """A comment stands above each key of the first level, and above the first key of each table."""
    lines = (CHART / "values.yaml").read_text().splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"[a-zA-Z]+:( |$)", line)]
    assert [lines[number] for number in keys if not lines[number - 1].startswith("#")] == []


def test_the_chart_has_the_version_of_the_program() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = re.search(r'^version = "(.+)"$', (CHART.parents[2] / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert chart["appVersion"] == version[1]


@needs_helm
def test_helm_finds_nothing_wrong() -> None:
    done = subprocess.run([str(HELM), "lint", "--strict", CHART], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@needs_helm
def test_what_there_is_and_what_there_is_on_demand() -> None:
    always = {"ConfigMap", "NetworkPolicy", "Service", "ServiceAccount", "StatefulSet"}
    assert kinds(rendered()).keys() == always
    assert kinds(rendered(*ALL)).keys() == always | {"PodDisruptionBudget", "ServiceMonitor"}


@needs_helm
@pytest.mark.parametrize("more", [(), ALL, ("tls.enabled=false",), ("tls.clientAuthority=ca.crt",)], ids=str)
def test_the_configuration_is_one_that_the_service_takes(more: tuple[str, ...]) -> None:
    settings = parse(kinds(rendered(*more))["ConfigMap"]["data"]["tidewaiter.toml"].encode())
    assert (settings.http.address, settings.state) == ("0.0.0.0", "/var/lib/tidewaiter")
    assert [sink.name for sink in settings.sink] == ["log"]
    (token,) = settings.http.token
    mounted = {one["mountPath"]: one["name"] for one in pod(*more)["containers"][0]["volumeMounts"]}
    assert str(Path(str(token.secret.file)).parent) in mounted
    assert (settings.http.tls is not None) == ("/etc/tidewaiter-tls" in mounted)


@needs_helm
@pytest.mark.parametrize("more", [(), ALL, ("persistence.enabled=false",)], ids=str)
def test_the_pod_is_restricted(more: tuple[str, ...]) -> None:
    """The Pod Security Standard `restricted`, a read-only root, and no token."""
    spec = pod(*more)
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert {next(iter(one.keys() - {"name"})) for one in spec["volumes"]} <= {"configMap", "emptyDir", "secret"}


@needs_helm
def test_names_belong_together() -> None:
    found = kinds(rendered(*ALL))
    labels = found["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        found["Service"]["spec"]["selector"],
        found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    (endpoint,) = found["ServiceMonitor"]["spec"]["endpoints"]
    (port,) = found["Service"]["spec"]["ports"]
    assert (endpoint["port"], endpoint["scheme"]) == (port["name"], "https")
    (container,) = found["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    assert port["targetPort"] == container["ports"][0]["name"] == container["livenessProbe"]["httpGet"]["port"]
    assert endpoint["tlsConfig"]["serverName"] == "tw.sec.svc"


@needs_helm
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("tokens=null",), "nobody is kept out"),
        (("tls.secretName=",), "tls.secretName is needed"),
        (("serviceMonitor.enabled=true",), "tokenSecretName, or metricsPublic"),
    ],
)
def test_what_cannot_work_is_refused(more: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rendered(*more)
