"""What librdkafka's errors mean. Every code it has stands in one of the three tables."""

import re
from typing import TYPE_CHECKING

from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

# "Not now": another attempt, perhaps over a new connection, may go through.
UNREACHABLE = frozenset(
    """
    BROKER_NOT_AVAILABLE CONCURRENT_TRANSACTIONS COORDINATOR_LOAD_IN_PROGRESS
    COORDINATOR_NOT_AVAILABLE ELIGIBLE_LEADERS_NOT_AVAILABLE FENCED_LEADER_EPOCH
    INCONSISTENT_TOPIC_ID INVALID_MSG INVALID_PRODUCER_EPOCH INVALID_PRODUCER_ID_MAPPING
    KAFKA_STORAGE_ERROR LEADER_NOT_AVAILABLE LISTENER_NOT_FOUND NETWORK_EXCEPTION NOT_CONTROLLER
    NOT_COORDINATOR NOT_ENOUGH_REPLICAS NOT_ENOUGH_REPLICAS_AFTER_APPEND NOT_LEADER_FOR_PARTITION
    OFFSET_NOT_AVAILABLE OUT_OF_ORDER_SEQUENCE_NUMBER PREFERRED_LEADER_NOT_AVAILABLE
    REBALANCE_IN_PROGRESS REBOOTSTRAP_REQUIRED REPLICA_NOT_AVAILABLE STALE_BROKER_EPOCH
    STALE_CTRL_EPOCH THROTTLING_QUOTA_EXCEEDED UNKNOWN UNKNOWN_LEADER_EPOCH UNKNOWN_PRODUCER_ID
    UNKNOWN_TOPIC_ID UNSTABLE_OFFSET_COMMIT
    _ALL_BROKERS_DOWN _BAD_MSG _CRIT_SYS_RESOURCE _DESTROY _DESTROY_BROKER _FAIL _FATAL _FENCED
    _INTR _IN_PROGRESS _ISR_INSUFF _NODE_UPDATE _OUTDATED _PARTIAL _PREV_IN_PROGRESS _PURGE_QUEUE
    _QUEUE_FULL _RESOLVE _RETRY _TRANSPORT _UNDERFLOW _UNKNOWN_BROKER _WAIT_CACHE _WAIT_COORD
    """.split()
)
# No answer, so that the message may or may not have arrived.
TIMED_OUT = frozenset(
    """
    DUPLICATE_SEQUENCE_NUMBER REQUEST_TIMED_OUT
    _MSG_TIMED_OUT _PURGE_INFLIGHT _TIMED_OUT _TIMED_OUT_QUEUE
    """.split()
)
# It would be the same next time. Most are for consumers and administrators and cannot come here.
REJECTED = frozenset(
    """
    CLUSTER_AUTHORIZATION_FAILED DELEGATION_TOKEN_AUTHORIZATION_FAILED
    DELEGATION_TOKEN_AUTH_DISABLED DELEGATION_TOKEN_EXPIRED DELEGATION_TOKEN_NOT_FOUND
    DELEGATION_TOKEN_OWNER_MISMATCH DELEGATION_TOKEN_REQUEST_NOT_ALLOWED DUPLICATE_RESOURCE
    DUPLICATE_VOTER ELECTION_NOT_NEEDED FEATURE_UPDATE_FAILED FENCED_INSTANCE_ID
    FENCED_MEMBER_EPOCH FENCED_STATE_EPOCH FETCH_SESSION_ID_NOT_FOUND GROUP_AUTHORIZATION_FAILED
    GROUP_ID_NOT_FOUND GROUP_MAX_SIZE_REACHED GROUP_SUBSCRIBED_TO_TOPIC ILLEGAL_GENERATION
    ILLEGAL_SASL_STATE INCONSISTENT_GROUP_PROTOCOL INCONSISTENT_VOTER_SET
    INVALID_COMMIT_OFFSET_SIZE INVALID_CONFIG INVALID_FETCH_SESSION_EPOCH INVALID_GROUP_ID
    INVALID_MSG_SIZE INVALID_PARTITIONS INVALID_PRINCIPAL_TYPE INVALID_RECORD
    INVALID_RECORD_STATE INVALID_REGISTRATION INVALID_REGULAR_EXPRESSION
    INVALID_REPLICATION_FACTOR INVALID_REPLICA_ASSIGNMENT INVALID_REQUEST INVALID_REQUIRED_ACKS
    INVALID_SESSION_TIMEOUT INVALID_SHARE_SESSION_EPOCH INVALID_TIMESTAMP
    INVALID_TRANSACTION_TIMEOUT INVALID_TXN_STATE INVALID_UPDATE_VERSION INVALID_VOTER_KEY
    LOG_DIR_NOT_FOUND MEMBER_ID_REQUIRED MISMATCHED_ENDPOINT_TYPE MSG_SIZE_TOO_LARGE
    NON_EMPTY_GROUP NO_REASSIGNMENT_IN_PROGRESS OFFSET_METADATA_TOO_LARGE OFFSET_OUT_OF_RANGE
    OPERATION_NOT_ATTEMPTED POLICY_VIOLATION PRINCIPAL_DESERIALIZATION_FAILURE PRODUCER_FENCED
    REASSIGNMENT_IN_PROGRESS RECORD_LIST_TOO_LARGE RESOURCE_NOT_FOUND SASL_AUTHENTICATION_FAILED
    SECURITY_DISABLED SHARE_SESSION_LIMIT_REACHED SHARE_SESSION_NOT_FOUND STALE_MEMBER_EPOCH
    STREAMS_INVALID_TOPOLOGY STREAMS_INVALID_TOPOLOGY_EPOCH STREAMS_TOPOLOGY_FENCED
    TELEMETRY_TOO_LARGE TOPIC_ALREADY_EXISTS TOPIC_AUTHORIZATION_FAILED TOPIC_DELETION_DISABLED
    TOPIC_EXCEPTION TRANSACTIONAL_ID_AUTHORIZATION_FAILED TRANSACTION_ABORTABLE
    TRANSACTION_COORDINATOR_FENCED UNACCEPTABLE_CREDENTIAL UNKNOWN_CONTROLLER_ID
    UNKNOWN_MEMBER_ID UNKNOWN_SUBSCRIPTION_ID UNKNOWN_TOPIC_OR_PART UNRELEASED_INSTANCE_ID
    UNSUPPORTED_ASSIGNOR UNSUPPORTED_COMPRESSION_TYPE UNSUPPORTED_ENDPOINT_TYPE
    UNSUPPORTED_FOR_MESSAGE_FORMAT UNSUPPORTED_SASL_MECHANISM UNSUPPORTED_VERSION VOTER_NOT_FOUND
    _APPLICATION _ASSIGNMENT_LOST _ASSIGN_PARTITIONS _AUTHENTICATION _AUTO_OFFSET_RESET
    _BAD_COMPRESSION _CONFLICT _EXISTING_SUBSCRIPTION _FS _GAPLESS_GUARANTEE _INCONSISTENT
    _INVALID_ARG _INVALID_DIFFERENT_RECORD _INVALID_TYPE _KEY_DESERIALIZATION _KEY_SERIALIZATION
    _LOG_TRUNCATION _MAX_POLL_EXCEEDED _NOENT _NOOP _NOT_CONFIGURED _NOT_IMPLEMENTED _NO_OFFSET
    _PARTITION_EOF _READ_ONLY _REVOKE_PARTITIONS _SSL _STATE _UNKNOWN_GROUP _UNKNOWN_PARTITION
    _UNKNOWN_PROTOCOL _UNKNOWN_TOPIC _UNSUPPORTED_FEATURE _VALUE_DESERIALIZATION
    _VALUE_SERIALIZATION
    """.split()
)
# Of what is wrong with one message, for which a broker refuses its whole batch and keeps nothing.
OF_ONE_MESSAGE = frozenset(
    """
    INVALID_RECORD INVALID_TIMESTAMP MSG_SIZE_TOO_LARGE RECORD_LIST_TOO_LARGE
    _INVALID_DIFFERENT_RECORD
    """.split()
)

_WORDS = {
    "UNKNOWN_TOPIC_OR_PART": "the topic does not exist",
    "_UNKNOWN_TOPIC": "the topic does not exist",
    "_UNKNOWN_PARTITION": "the topic has no such partition",
    "MSG_SIZE_TOO_LARGE": "the message is too large",
    "RECORD_LIST_TOO_LARGE": "the message is too large",
    "INVALID_RECORD": "the broker does not accept the message; a compacted topic needs a key",
    "TOPIC_AUTHORIZATION_FAILED": "we may not write to this topic",
    "NOT_ENOUGH_REPLICAS": "too few replicas are in sync",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": "too few replicas are in sync; the message may be kept",
    "_ALL_BROKERS_DOWN": "no broker keeps a connection open; does this port want TLS?",
    "_QUEUE_FULL": "too many messages wait to be sent",
}
_ADDRESS = re.compile(r"^(?:[a-z_]+://)?([^/\s]+:\d+)/[^:\s]+: ")
_STATE = re.compile(r" \(after \d+ms in state .*\)$")
_LIBRARY = re.compile(r"error:[0-9A-F]{8}:[\w /]*:[\w ]*:")
# librdkafka reports a connection that breaks during TLS as an error of the transport.
_TLS = re.compile(r"SSL handshake failed|SSL routines::(?!unexpected eof)|SSL alert")
# An end in a handshake or a login, by FIN or RST: a broker that restarts, or a port without TLS;
# and records of TLS that were garbled on the way.
_BROKEN = re.compile(
    r"SSL handshake failed: Disconnected|SASL .*: Local: (?:Broker transport failure|Timed out)|"
    r"record layer failure|bad record|decryption failed"
)
_TLS_CURES = {
    "certificate verify failed": "; for an authority of your own name its PEM file in 'tls.ca'",
    "wrong version number": "; is this a port of PLAINTEXT? then remove 'tls'",
}
_TOKEN = re.compile(r"Failed to acquire SASL OAUTHBEARER token")
_NO_TOKEN_SERVER = re.compile(r"Failed to connect|not connect|not resolve|timed out|Timeout|HTTP 5")


class RefusedTogetherError(RejectedError):
    """A batch was refused, perhaps for another message than this one; none of it was kept."""


def translated(error: "KafkaError", where: str) -> DispatchError:
    """Return what an error of librdkafka means; `where` is the target, for the message."""
    name, text = error.name(), error.str()
    if address := _ADDRESS.match(text):
        text, where = text[address.end() :], address[1]
    text = _LIBRARY.sub("", _STATE.sub("", text))
    if _BROKEN.search(text):
        return UnreachableError(f"{text} ({where})", code=name)
    if name == "_SSL" or (name == "_TRANSPORT" and _TLS.search(error.str())):
        message = text.partition(", verify that ssl.ca.location")[0]
        cure = next((words for known, words in _TLS_CURES.items() if known in text), "")
        return RejectedError(f"TLS: {message}{cure} ({where})", code="TLS")
    if name == "_AUTHENTICATION":
        is_away = _TOKEN.search(text) and _NO_TOKEN_SERVER.search(text)
        kind = UnreachableError if is_away else RejectedError
        return kind(f"{text} ({where})", code="AUTHENTICATION")
    if name == "_RESOLVE":
        reason = text.rpartition(": ")[2]
        return UnreachableError(f"cannot resolve the host name: {reason} ({where})", code="DNS")
    if name == "_TRANSPORT" and "Connection refused" in text:
        return UnreachableError(f"connection refused ({where})", code="ECONNREFUSED")
    message = f"{_WORDS.get(name) or text} ({where})"
    return _kind(error, name)(message, code=name)


def translated_exception(error: Exception, where: str) -> DispatchError:
    """Return what an exception of the client means."""
    from confluent_kafka import KafkaError, KafkaException

    if isinstance(error, KafkaException) and error.args and isinstance(error.args[0], KafkaError):
        return translated(error.args[0], where)
    if isinstance(error, BufferError):
        return UnreachableError(f"{_WORDS['_QUEUE_FULL']} ({where})", code="_QUEUE_FULL")
    return RejectedError(f"the message cannot be made ({where}): {error}")


def is_of_token(error: "KafkaError") -> bool:
    """Whether no token could be had: then no broker is even tried."""
    return bool(_TOKEN.search(error.str()))


def _kind(error: "KafkaError", name: str) -> type[DispatchError]:
    for names, kind in (
        (REJECTED, RejectedError),
        (TIMED_OUT, TimedOutError),
        (UNREACHABLE, UnreachableError),
    ):
        if name in names:
            return kind
    # A code that a later librdkafka may bring.
    return UnreachableError if error.retriable() else RejectedError
