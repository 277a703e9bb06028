"""The pod that runs a job once: its container, what is mounted into it, what it may do."""

import math
import posixpath
from base64 import b64encode
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from chronos_cli.export.kubernetes_names import key_of
from chronos_cli.export.model import Exportable, JobFile, Note
from chronos_cli.report.text import printable_lines

JOBS_FOLDER = "/etc/chronos/jobs"
_CONFIG_FOLDER = "/etc/chronos/config"
# What etcd takes, less some room for the rest of the object.
LARGEST_MAP = 1_000_000
# Beside the job's own limit: for the image to come.
_MARGIN = 300
_USER = 65532


class Cluster(Struct, frozen=True):
    """What the manifests must know: the image with chronos, and the Secret with all secrets."""

    image: str
    secret: str


class Pod:
    """Makes the pod's template of one job; `notes` are what it leaves to the user."""

    def __init__(
        self, one: Exportable, cluster: Cluster, jobs_map: str, config: tuple[str, JobFile] | None
    ) -> None:
        self._one = one
        self._image = cluster.image
        self._secret = cluster.secret
        self._jobs_map = jobs_map
        self._config = config
        files = (*one.secret_files, *one.secret_files_of_config)
        self._mounted = {path: _place(path) for path in files if "$" not in path}
        self.notes = list(self._notes())

    @staticmethod
    def limit(one: Exportable) -> int:
        """Return how long a pod may take, in seconds: the job, its notices, and its beginning."""
        longest = max((notice.deadline for notice in one.job.notices.values()), default=0)
        return math.ceil(one.job.deadline + longest) + _MARGIN

    def template(self) -> dict[str, Any]:
        """Return the pod's specification."""
        return {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _USER,
                "fsGroup": _USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [self._container()],
            "volumes": list(self._volumes()),
        }

    def _container(self) -> dict[str, Any]:
        container: dict[str, Any] = {
            "name": "chronos",
            "image": self._image,
            # A ConfigMap's `$(NAME)` is the job's own; a command's would be replaced.
            "command": [word.replace("$(", "$$(") for word in self._command()],
        }
        if variables := self._one.variables:
            container["env"] = [self._variable(*pair) for pair in variables.items()]
        container |= {
            "resources": {
                "requests": {"cpu": "50m", "memory": "64Mi"},
                "limits": {"memory": "256Mi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": list(self._mounts()),
        }
        return container

    def _command(self) -> list[str]:
        words = ["chronos", "run", "--quiet", "--no-state", "--job", self._one.id]
        if self._config is not None:
            words += ["--config", f"{_CONFIG_FOLDER}/{key_of(self._config[1].path)}"]
        return [*words, f"{JOBS_FOLDER}/{key_of(self._one.file.path)}"]

    def _variable(self, name: str, is_required: bool) -> dict[str, Any]:
        reference: dict[str, Any] = {"name": self._secret, "key": name}
        if not is_required:
            reference["optional"] = True
        return {"name": name, "valueFrom": {"secretKeyRef": reference}}

    def _volumes(self) -> Iterator[dict[str, Any]]:
        key = key_of(self._one.file.path)
        sources: list[dict[str, Any]] = [
            {"configMap": {"name": self._jobs_map, "items": [{"key": key, "path": key}]}}
        ]
        beside, elsewhere = self._by_folder()
        if beside:
            items = [{"key": self._key(place), "path": path} for place, path in beside.items()]
            sources.append({"secret": {"name": self._secret, "items": items}})
        yield {"name": "jobs", "projected": {"defaultMode": 0o440, "sources": sources}}
        if self._config is not None:
            yield {"name": "config", "configMap": {"name": self._config[0]}}
        if elsewhere:
            items = [{"key": self._key(place), "path": self._key(place)} for place in elsewhere]
            secret = {"secretName": self._secret, "defaultMode": 0o440, "items": items}
            yield {"name": "secrets", "secret": secret}
        yield {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}

    def _mounts(self) -> Iterator[dict[str, Any]]:
        yield {"name": "jobs", "mountPath": JOBS_FOLDER, "readOnly": True}
        if self._config is not None:
            yield {"name": "config", "mountPath": _CONFIG_FOLDER, "readOnly": True}
        for place in self._by_folder()[1]:
            yield {
                "name": "secrets",
                "mountPath": place,
                "subPath": self._key(place),
                "readOnly": True,
            }
        yield {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 - of the container alone

    def _by_folder(self) -> tuple[dict[str, str], list[str]]:
        """Return the secret files in the job file's folder, with their paths there; and others."""
        beside, elsewhere = {}, []
        for place in dict.fromkeys(self._mounted.values()):
            if place.startswith(f"{JOBS_FOLDER}/"):
                beside[place] = place.removeprefix(f"{JOBS_FOLDER}/")
            else:
                elsewhere.append(place)
        return beside, elsewhere

    def _key(self, place: str) -> str:
        """Return the key of a secret file; of two with one name the later has a hash."""
        places = dict.fromkeys(self._mounted.values())
        first = next(one for one in places if key_of(one) == key_of(place))
        if first == place:
            return key_of(place)
        return f"{key_of(place)}-{blake2b(place.encode(), digest_size=4).hexdigest()}"

    def _notes(self) -> Iterator[Note]:
        one = self._one
        keys = [*one.variables, *map(self._key, dict.fromkeys(self._mounted.values()))]
        if keys:
            yield Note(
                f"secrets: the Secret '{self._secret}' has to hold {', '.join(keys)}", one.id
            )
        for path in (*one.secret_files, *one.secret_files_of_config):
            if "$" in path:
                yield Note(f"${{file:{path}}}: mount it; its place depends on a variable", one.id)
        for path, written in one.files.items():
            places = " and ".join(dict.fromkeys(map(_place, written)))
            where = f"at {places}" if places else "where the job looks: a variable decides that"
            yield Note(f"{path}: not exported; mount it {where}", one.id)


def _place(path: str) -> str:
    """Return where a job in the container looks for a file."""
    return posixpath.normpath(posixpath.join(JOBS_FOLDER, path))


def config_map(name: str, file: JobFile, labels: dict[str, str]) -> dict[str, Any]:
    """Return a ConfigMap with one file."""
    head = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": labels},
    }
    key, text = key_of(file.path), _text(file.raw)
    if text is None:
        return head | {"binaryData": {key: b64encode(file.raw).decode()}}
    return head | {"data": {key: text}}


def _text(raw: bytes) -> str | None:
    """Return bytes as text, unless something in them would be lost on the way."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    return text if printable_lines(text) == text else None
