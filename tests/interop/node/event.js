// Reads a CloudEvent by the SDK: {"headers", "body"} on stdin; prints its attributes and data.
const { HTTP } = require("cloudevents");

const { headers, body } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const event = HTTP.toEvent({ headers, body });
event.validate();
console.log(JSON.stringify(event.toJSON()));
