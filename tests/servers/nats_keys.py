"""Nkeys and JWTs for a NATS server that knows its users by their signatures."""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import nkeys


class Key:
    def __init__(self, prefix: int) -> None:
        self.seed: bytes = bytes(nkeys.encode_seed(os.urandom(32), prefix))
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.public: str = self._pair.public_key.decode()

    def sign(self, name: str, subject: str, claims: dict[str, Any]) -> str:
        """Return the JWT of what this key says of another one."""
        body = {"iat": 0, "iss": self.public, "name": name, "sub": subject, "nats": claims}
        body["jti"] = _encoded(hashlib.sha256(json.dumps(body).encode()).digest())
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        content = ".".join(_encoded(json.dumps(part).encode()) for part in (head, body))
        return f"{content}.{_encoded(self._pair.sign(content.encode()))}"


def user_key() -> Key:
    return Key(nkeys.PREFIX_BYTE_USER)


def jwt_server(credentials: Path) -> str:
    """Write a user's .creds file; return the configuration of a server that lets him in."""
    operator, user = Key(nkeys.PREFIX_BYTE_OPERATOR), user_key()
    account, system = Key(nkeys.PREFIX_BYTE_ACCOUNT), Key(nkeys.PREFIX_BYTE_ACCOUNT)
    limits = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
    limits |= {"wildcards": True}
    # As much of JetStream as wanted; an account of the system's may have none.
    stored = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
    account_claims = {"type": "account", "version": 2, "limits": {**limits, **stored}}
    system_claims = {**account_claims, "limits": limits}
    user_claims = {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1}
    operator_jwt = operator.sign("tests", operator.public, {"type": "operator", "version": 2})
    account_jwt = operator.sign("account", account.public, account_claims)
    system_jwt = operator.sign("system", system.public, system_claims)
    user_jwt = account.sign("user", user.public, user_claims)
    credentials.write_text(
        f"-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n"
        "************************* IMPORTANT *************************\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
    )
    return (
        f"operator: {operator_jwt}\nresolver: MEMORY\nsystem_account: {system.public}\n"
        f"resolver_preload: {{{account.public}: {account_jwt}, {system.public}: {system_jwt}}}\n"
    )


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
