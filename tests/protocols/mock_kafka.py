"""librdkafka's mock cluster by ctypes: brokers that answer with the errors that a test wants."""

import ctypes
from ctypes import c_char_p, c_int, c_int16, c_int32, c_size_t, c_void_p
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import confluent_kafka

PRODUCE = 0
_PRODUCER = 0


def _library() -> Any:
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka-*"))))
    for name, result, arguments in (
        ("conf_new", c_void_p, []),
        ("conf_set", c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_size_t]),
        ("new", c_void_p, [c_int, c_void_p, c_char_p, c_size_t]),
        ("destroy", None, [c_void_p]),
        ("mock_cluster_new", c_void_p, [c_void_p, c_int]),
        ("mock_cluster_destroy", None, [c_void_p]),
        ("mock_cluster_bootstraps", c_char_p, [c_void_p]),
        ("mock_topic_set_error", None, [c_void_p, c_char_p, c_int]),
        ("mock_broker_set_down", c_int, [c_void_p, c_int32]),
        ("mock_broker_set_up", c_int, [c_void_p, c_int32]),
        ("mock_broker_set_rtt", c_int, [c_void_p, c_int32, c_int]),
        (
            "mock_push_request_errors_array",
            None,
            [c_void_p, c_int16, c_size_t, ctypes.POINTER(c_int)],
        ),
    ):
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return library


class MockCluster:
    def __init__(self, brokers: int = 1) -> None:
        self._library = _library()
        problem = ctypes.create_string_buffer(512)
        settings = self._library.rd_kafka_conf_new()
        self._library.rd_kafka_conf_set(settings, b"log_level", b"0", problem, 512)
        self._client = self._library.rd_kafka_new(_PRODUCER, settings, problem, 512)
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, brokers)
        self.address = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    def fail_next(self, *codes: int, request: int = PRODUCE) -> None:
        """Answer the next requests with these errors, one each."""
        array = (c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, request, len(codes), array
        )

    def down(self, broker: int = 1) -> None:
        self._library.rd_kafka_mock_broker_set_down(self._cluster, broker)

    def up(self, broker: int = 1) -> None:
        self._library.rd_kafka_mock_broker_set_up(self._cluster, broker)

    def slow(self, milliseconds: int, broker: int = 1) -> None:
        self._library.rd_kafka_mock_broker_set_rtt(self._cluster, broker, milliseconds)
