"""A command line of kcat that produces one message, as a job."""

from typing import Any

from chronos_cli.dispatch.importer import CommandLine, Draft, options_of
from chronos_cli.errors import NotImportableError

_SHORT = "PCLQb:t:p:k:K:D:H:z:X:F:eqvTc:l:Z"
_REFUSED = {
    "-X": "properties of librdkafka: write 'sasl', 'tls' and 'properties' by hand",
    "-F": "a file of properties",
    "-K": "keys in front of the messages",
    "-l": "a message for each line of a file",
    "-C": "it does not produce",
    "-L": "it does not produce",
    "-Q": "it does not produce",
}


def job_of(call: CommandLine) -> Draft:
    """Return the job that sends what `kcat -P` would; NotImportableError where there is none."""
    given, files = options_of(call, _SHORT, ())
    for name, _ in given:
        if name in _REFUSED:
            raise NotImportableError(f"{name} of kcat: {_REFUSED[name]}")
    options = dict(given)
    if "-P" not in options or "-b" not in options or "-t" not in options:
        raise NotImportableError("kcat needs -P, -b and -t to be a job")
    block: dict[str, Any] = {"brokers": options["-b"].split(","), "topic": options["-t"]}
    block["key"] = options.get("-k")  # without one kcat sends none, and a job its own ID
    if "-k" in options:
        block["partitioner"] = "consistent_random"  # as kcat, not as Java's producer
    if (partition := options.get("-p", "-1")) != "-1":
        block["partition"] = int(partition) if partition.isdecimal() else partition
    headers = [value.partition("=")[::2] for name, value in given if name == "-H"]
    if headers:
        block["headers"] = [{"name": name, "value": value} for name, value in headers]
    if "-z" in options:
        block["compression"] = options["-z"]
    draft = Draft(place=f"kafka-{options['-t']}")
    draft.keys |= _payload(call, files, options.get("-D", "\\n"))
    draft.keys["kafka"] = block
    return draft


def _payload(call: CommandLine, files: list[str], delimiter: str) -> dict[str, str]:
    """Return the message: one file, or what it reads if that is one message."""
    if files:
        if len(files) > 1:
            raise NotImportableError("it sends several files: write a job for each")
        name = files[0]
        return {"payload_file": name if name.startswith("/") else f"{call.folder}/{name}"}
    if call.stdin is None:
        raise NotImportableError("it sends its standard input, and nothing is known of that")
    text = call.stdin.removesuffix("\n")
    if delimiter != "\\n" or "\n" in text:
        raise NotImportableError("it sends several messages: write a job for each")
    return {"payload": text}
