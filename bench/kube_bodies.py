"""Lines of level RequestResponse: large bodies, some with text that looks like a request of its own."""

from __future__ import annotations

from bench.kube_cast import APPS, NAMESPACES, Cast
from bench.kube_lines import KINDS, Caller, Json, digest, path, reference, template, uuid


def pod_body(space: str, app: str, containers: int) -> Json:
    """Give a pod as `kubectl apply` sends it, with the usual clutter."""
    metadata = {
        "name": f"{app}-{digest(space, app)[:9]}",
        "namespace": space,
        "uid": uuid("pod-body", space, app),
        "labels": {"app.kubernetes.io/name": app, "app.kubernetes.io/part-of": space, "team": f"{space}-team"},
        "annotations": {"example.com/note": "limits a < b && b > c; see https://wiki.corp.example/x?page=2&tab=1"},
    }
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": metadata,
        "spec": {"containers": [_container(space, app, n) for n in range(containers)]},
    }


def _container(space: str, app: str, number: int) -> Json:
    return {
        "name": f"{app}-{number}",
        "image": f"registry.corp.example/{space}/{app}:1.{number}.7@sha256:{digest(space, app, str(number))}",
        "args": ["--listen=:8080", "--level=info", f"--upstream=http://{space}.svc:9000/?retry=2&timeout=5"],
        "env": [{"name": f"OPTION_{n}", "value": digest(app, str(n))[:24]} for n in range(8)],
        "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "64Mi"}},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10},
        "volumeMounts": [{"name": "settings", "mountPath": "/etc/settings", "readOnly": True}],
        "terminationMessagePath": "/dev/termination-log",
    }


def role_body(space: str) -> Json:
    """Give a role whose rules hold the very words a careless filter looks for."""
    rules = [
        {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectrulesreviews"], "verbs": ["create"]},
    ]
    applied = '{"verb":"list","requestURI":"/api/v1/pods","stage":"ResponseComplete"}'
    metadata = {
        "name": "viewer",
        "namespace": space,
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied},
    }
    return {"kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata, "rules": rules}


def _written(caller: Caller, verb: str, resource: str, space: str, name: str, body: Json) -> str:
    kind = KINDS[resource]
    uri = path(kind, space, name) + "?fieldManager=kubectl-client-side-apply&fieldValidation=Strict"
    ref = reference(kind, space, name)
    return template(caller, verb, uri, ref, level="RequestResponse", request=body, response=body)


def bodies(cast: Cast) -> tuple[list[str], list[str]]:
    """Give lines with ordinary bodies, and lines whose bodies are decoys."""
    plain = [
        _written(
            cast.deployers[index % len(cast.deployers)][1],
            "patch",
            "pods",
            space,
            app,
            pod_body(space, app, 2 + index % 6),
        )
        for index, (space, app) in enumerate((space, app) for space in NAMESPACES for app in APPS)
    ]
    writers = [person.callers[0] for person in cast.people if not person.namespaces]
    decoys = [
        _written(writers[index % len(writers)], "patch", "roles", space, "viewer", role_body(space))
        for index, space in enumerate(NAMESPACES)
    ]
    return plain, decoys
