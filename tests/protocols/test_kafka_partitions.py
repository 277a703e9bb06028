"""A key goes to the partition where Java's producer puts it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.kafka import missing
from tests.brokers.provision import find_java, jars_folder
from tests.protocols.harness_kafka import run_all
from tests.protocols.mock_kafka import MockCluster

PARTITIONS = 4  # of a topic of the mock cluster

# Those of Kafka's own test of the hash (clients/.../common/utils/UtilsTest.java).
MURMUR2 = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}
JAVA = """
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import java.nio.charset.StandardCharsets;

class Partitions {
    public static void main(String[] keys) {
        for (String key : keys)
            System.out.println(BuiltInPartitioner.partitionForKey(
                key.getBytes(StandardCharsets.UTF_8), %d));
    }
}
"""


@pytest.fixture
def mock() -> Iterator[MockCluster]:
    with MockCluster() as cluster:
        yield cluster


def partitions(mock: MockCluster, folder: Path, keys: list[str], **more: Any) -> list[int]:
    """Where chronos puts these keys."""
    target = {"brokers": mock.address, "topic": "orders", **more}
    jobs = {f"job-{number}": {**target, "key": key} for number, key in enumerate(keys)}
    result = run_all(folder, jobs)
    assert result.code == 0, result.out
    return [only["receipt"]["partition"] for only in result.report["results"]]


def test_as_the_hash_says(mock: MockCluster, tmp_path: Path) -> None:
    expected = [(value & 0x7FFFFFFF) % PARTITIONS for value in MURMUR2.values()]
    assert partitions(mock, tmp_path, list(MURMUR2)) == expected


@pytest.mark.parametrize(
    "more",
    [{"partitioner": "consistent_random"}, {"properties": {"partitioner": "consistent_random"}}],
)
def test_another_partitioner(mock: MockCluster, tmp_path: Path, more: dict[str, Any]) -> None:
    """librdkafka's own: CRC32 of the key."""
    import zlib

    expected = [zlib.crc32(key.encode()) % PARTITIONS for key in MURMUR2]
    assert partitions(mock, tmp_path, list(MURMUR2), **more) == expected


@pytest.mark.skipif(missing() is not None, reason=f"Kafka: {missing()}")
def test_as_javas_producer(mock: MockCluster, tmp_path: Path) -> None:
    keys = [f"order-{number}-ü" for number in range(100)]
    source = tmp_path / "Partitions.java"
    source.write_text(JAVA % PARTITIONS)
    options = ["-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8"]
    done = subprocess.run(
        [find_java() or "java", *options, "-cp", f"{jars_folder()}/*", source, *keys],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert partitions(mock, tmp_path, keys) == [int(line) for line in done.stdout.split()]
