// Verifies signed webhooks: {"secret", "headers", "body"} on stdin; prints what each library says.
const { Webhook: Standard } = require("standardwebhooks");
const { Webhook: Svix } = require("svix");

const { secret, headers, body } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));

function said(Webhook) {
  try {
    new Webhook(secret).verify(body, headers);
    return "valid";
  } catch (error) {
    return error.message;
  }
}

console.log(JSON.stringify({ standardwebhooks: said(Standard), svix: said(Svix) }));
