"""A gRPC server that answers `JobService/Execute` without a look at the request."""

import asyncio
import time
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection

import chronos_cli.receiver
from chronos_cli.protocols.grpc.protoc import compile_files
from tests.benchmarks.servers.control import Arrivals, obey

SERVICE = "chronos.v1.JobService"
# ExecuteReply {accepted: true}
_REPLY = b"\x08\x01"


def _pool() -> DescriptorPool:
    (folder,) = chronos_cli.receiver.__path__
    pool = DescriptorPool()
    for file in compile_files([f"{folder}/job_service.proto"], [folder]):
        pool.Add(file)
    return pool


async def _serve() -> None:
    arrivals = Arrivals()

    async def execute(request: bytes, context: Any) -> bytes:
        arrivals.add(time.time())
        return _REPLY

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handler: Any = grpc.unary_unary_rpc_method_handler(execute)
    methods = grpc.method_handlers_generic_handler(SERVICE, {"Execute": handler})
    server.add_generic_rpc_handlers((methods,))
    reflection.enable_server_reflection([SERVICE, reflection.SERVICE_NAME], server, _pool())
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await obey(port, arrivals)
    await server.stop(None)


if __name__ == "__main__":
    asyncio.run(_serve())
