"""What tells one version of a job from another."""

from hashlib import blake2b

import msgspec

from chronos_cli.jobs.model import Job
from chronos_cli.redact import Redactor


def version_of(job: Job, redactor: Redactor) -> str:
    """Return a digest of what a job does, secrets left out of it."""
    parts = (job.spec, job.key, job.target, job.payload)
    text = msgspec.json.encode(parts, enc_hook=repr, order="sorted").decode()
    return blake2b(redactor.text(text).encode(), digest_size=6).hexdigest()
