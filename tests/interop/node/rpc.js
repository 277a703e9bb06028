// A gRPC server of grpc-js with reflection: usage: rpc.js PORT PROTO_FOLDER IDLE_MS
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const { ReflectionService } = require("@grpc/reflection");

const [port, folder, idle] = process.argv.slice(2);
const definition = loader.loadSync(["behaviour.proto", "simple.proto", "events.proto"], {
  includeDirs: [folder, __dirname],
  keepCase: true,
  longs: String,
});
const server = new grpc.Server({ "grpc.max_connection_idle_ms": Number(idle) });

function take(call, done) {
  const [id] = call.metadata.get("x-chronos-execution-id");
  console.log(JSON.stringify({ id, request: call.request }));
  done(null, { accepted: true, number: "9007199254740993", blob: call.request.raw });
}

function status(call, done) {
  done({ code: call.request.code, details: call.request.message });
}

function count(call) {
  for (let number = 1; number <= call.request.size; number++) call.write({ number });
  call.end();
}

const { simple, v1 } = grpc.loadPackageDefinition(definition).test;
server.addService(simple.Simple.service, {
  Greet: (call, done) => done(null, { text: `hello ${call.request.name}` }),
});
server.addService(v1.Events.service, { Take: take });
server.addService(v1.Behaviour.service, { Take: take, Status: status, Count: count });
new ReflectionService(definition).addToServer(server);
server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
