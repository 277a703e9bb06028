"""One call over gRPC, by hand: grpc_one.py ADDRESS. The request is encoded already."""

import sys
from typing import Any

import grpc

with grpc.insecure_channel(sys.argv[1]) as channel:
    method: Any = channel.unary_unary("/chronos.v1.JobService/Execute")
    method(b"\x0a\x03one", timeout=10)
