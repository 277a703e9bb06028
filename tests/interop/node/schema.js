// Compiles a JSON Schema on stdin in ajv's strict mode; any warning is an error. Then validates
// the documents named on the command line; prints which are valid.
const fs = require("node:fs");
const Ajv = require("ajv/dist/2020").default;
const addFormats = require("ajv-formats").default;

const warnings = [];
const logger = { log() {}, warn: (text) => warnings.push(text), error: (text) => warnings.push(text) };
const ajv = new Ajv({ strict: true, logger });
addFormats(ajv);
const validate = ajv.compile(JSON.parse(fs.readFileSync(0, "utf8")));
const valid = process.argv.slice(2).map((name) => validate(JSON.parse(fs.readFileSync(name, "utf8"))));
console.log(JSON.stringify({ warnings, valid }));
