// Node's web servers as they come: HTTP, and HTTP/2 with HTTP/1.1 beside it.
// usage: web.js PLAIN_PORT SECURE_PORT CERTIFICATE KEY
const fs = require("node:fs");
const http = require("node:http");
const http2 = require("node:http2");

const [plain, secure, cert, key] = process.argv.slice(2);

function answer(request, response) {
  let size = 0;
  request.on("data", (chunk) => (size += chunk.length));
  request.on("end", () => {
    const id = request.headers["x-chronos-execution-id"];
    console.log(JSON.stringify({ id, version: request.httpVersion, bytes: size }));
    response.end(`HTTP/${request.httpVersion} ${size}`);
  });
}

const files = { cert: fs.readFileSync(cert), key: fs.readFileSync(key), allowHTTP1: true };
http.createServer(answer).listen(Number(plain), "127.0.0.1");
http2.createSecureServer(files, answer).listen(Number(secure), "127.0.0.1");
