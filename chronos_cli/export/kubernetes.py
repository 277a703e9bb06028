"""Jobs as CronJobs of Kubernetes (batch/v1), with a ConfigMap for each job file."""

from collections.abc import Iterator, Sequence
from typing import Any

from chronos_cli.export import notes
from chronos_cli.export.clockchange import ClockRule
from chronos_cli.export.expression import DayRule, Expression, expressions
from chronos_cli.export.kubernetes_names import key_of, label_key, label_value, name_of
from chronos_cli.export.kubernetes_pod import LARGEST_MAP, Cluster, Pod, config_map
from chronos_cli.export.kubernetes_text import manifest
from chronos_cli.export.model import CannotSayError, Export, Exportable, JobFile, Note, Place

# A CronJob that is younger than ten seconds' deadline may never start.
_SHORTEST_DEADLINE = 10
# For `missed_runs: ignore`: what is later than a scheduler's own delay was missed.
_ON_TIME = 60
_MANAGER = "chronos-export"


def kubernetes(jobs: Sequence[Exportable], place: Place, cluster: Cluster) -> Export:
    """Return jobs as manifests: a file for each CronJob, and for each ConfigMap."""
    writer = _Manifests(place, cluster)
    for one in jobs:
        writer.add(one)
    return writer.export()


class _Manifests:
    def __init__(self, place: Place, cluster: Cluster) -> None:
        self._place = place
        self._cluster = cluster
        self._maps: dict[str, tuple[str, JobFile]] = {}
        self._jobs: dict[str, str] = {}
        self._common = notes.of_loop(place, "Kubernetes")
        self._notes: list[Note] = []
        self._refusals: list[Note] = []

    def add(self, one: Exportable) -> None:
        """Add a job, or why it cannot be."""
        try:
            self._add(one)
        except CannotSayError as error:
            self._refusals.append(Note(f"Kubernetes cannot run it: {error}", one.id))

    def export(self) -> Export:
        """Return what was gathered, the ConfigMaps first."""
        files = {
            f"{name}.configmap.yaml": manifest(config_map(name, file, _labels(name)), [])
            for name, file in self._maps.values()
        }
        found = (*self._common, *self._notes)
        return Export({**files, **self._jobs}, found, tuple(self._refusals))

    def _add(self, one: Exportable) -> None:
        found = dict.fromkeys(
            expression
            for schedule in one.schedules
            for expression in expressions(schedule, one.job.spec.timezone, DayRule.VALUES)
        )
        config = self._place.config
        _require_absolute(one.secret_files_of_config)
        named = (self._map(config), config) if config else None
        pod = Pod(one, self._cluster, self._map(one.file), named)
        template = pod.template()
        told = [*self._notes_of(one), *_of_several(one, len(found)), *pod.notes]
        self._notes += told
        for number, expression in enumerate(found, 1):
            name = name_of(one.id, str(number) if len(found) > 1 else "")
            document = _cron_job(name, one, expression, template)
            lines = [note.text for note in (*self._common, *told)]
            self._jobs[f"{name}.cronjob.yaml"] = manifest(document, lines)

    def _map(self, file: JobFile) -> str:
        """Return the name of the ConfigMap for a file."""
        known = self._maps.get(file.path)
        if known is None:
            _require_exportable(file)
            stem = key_of(file.path).rpartition(".")[0]
            taken = {name for name, _ in self._maps.values()}
            name = name_of(f"chronos-{stem}")
            if name in taken:
                name = name_of(f"chronos-{stem}", str(len(taken) + 1))
            known = self._maps[file.path] = (name, file)
        return known[0]

    def _notes_of(self, one: Exportable) -> Iterator[Note]:
        spec, now = one.job.spec, self._place.now
        yield from notes.of_calendar(one, "Kubernetes")
        yield from notes.of_meeting(one, "Kubernetes")
        yield from notes.of_missed_runs(one, "Kubernetes", makes_up_for_one=True)
        if spec.missed_runs == "ignore" and spec.starting_deadline is None:
            yield Note(f"missed_runs: ignore: Kubernetes starts up to {_ON_TIME}s late", one.id)
        yield from notes.of_clock(one, "Kubernetes", ClockRule.TWICE, now)
        if spec.jitter:
            yield Note("jitter: Kubernetes starts on time", one.id)
        if "on_recovery" in one.job.notices:
            yield Note("on_recovery: a container keeps no state, so none is sent", one.id)
        for key, value in one.tags.items():
            if label_key(key) is None or label_value(value) is None:
                yield Note(f"tag {key}: Kubernetes takes no such label", one.id)
        if len(one.tags) < len(spec.tags):
            yield Note("tags: those that hold a secret are left out", one.id)
        yield from notes.of_templates(one)


def _of_several(one: Exportable, number: int) -> Iterator[Note]:
    """Yield what holds for each CronJob alone, where several stand for a job."""
    if number == 1:
        return
    spec, several = one.job.spec, f"{number} CronJobs stand for this job"
    if spec.concurrency != "allow":
        end = (
            "ends no run of another" if spec.concurrency == "replace" else "runs beside the others"
        )
        yield Note(f"concurrency: {spec.concurrency}: {several}, and each {end}", one.id)
    if spec.missed_runs != "ignore":
        yield Note(f"missed_runs: {several}, and each makes up for a run of its own", one.id)


def _require_exportable(file: JobFile) -> None:
    """Raise CannotSayError for a file that no ConfigMap should or can hold.

    Many may read it, and what is exported is kept in repositories.
    """
    if file.plain_secrets:
        where = ", ".join(str(position) for position in file.plain_secrets[:3])
        raise CannotSayError(
            f"a secret stands in the file in clear text, at {where}; "
            "write ${NAME} or ${file:/run/secrets/name}"
        )
    if len(file.raw) > LARGEST_MAP:
        raise CannotSayError(f"{file.path} is larger than a ConfigMap may be; split it")


def _require_absolute(paths: Sequence[str]) -> None:
    for path in paths:
        if not path.startswith(("/", "${")):
            raise CannotSayError(f"chronos.yaml names the secret '{path}' without its folder")


def _labels(name: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "chronos",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": _MANAGER,
    }


def _cron_job(
    name: str, one: Exportable, expression: Expression, template: dict[str, Any]
) -> dict[str, Any]:
    spec = one.job.spec
    tags = {
        known: value
        for key, value in one.tags.items()
        if (known := label_key(key)) and label_value(value) is not None
    }
    labels = tags | _labels(name)
    metadata = {"name": name, "labels": labels, "annotations": {"chronos-job-id": one.id}}
    job = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": Pod.limit(one),
        "template": {"metadata": {"labels": labels}, "spec": template},
    }
    wanted: dict[str, Any] = {
        "schedule": expression.text,
        "timeZone": "Etc/UTC" if expression.zone == "UTC" else expression.zone,
        "concurrencyPolicy": spec.concurrency.capitalize(),
        "suspend": not spec.enabled,
    }
    if (deadline := _starting_deadline(one)) is not None:
        wanted["startingDeadlineSeconds"] = deadline
    wanted["jobTemplate"] = {"metadata": {"labels": labels}, "spec": job}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": wanted}


def _starting_deadline(one: Exportable) -> int | None:
    spec = one.job.spec
    if spec.starting_deadline is not None:
        return max(int(spec.starting_deadline), _SHORTEST_DEADLINE)
    return _ON_TIME if spec.missed_runs == "ignore" else None
