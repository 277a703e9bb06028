// Reads from a queue bound to amq.topic: usage: amqp.js URL ROUTING_KEY COUNT
const amqp = require("amqplib");

const [url, key, count] = process.argv.slice(2);
let seen = 0;

async function main() {
  const connection = await amqp.connect(url);
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, "amq.topic", key);
  await channel.consume(queue, (message) => {
    const { headers, messageId, contentType, deliveryMode } = message.properties;
    const value = message.content.toString();
    console.log(JSON.stringify({ headers, id: messageId, value, content_type: contentType, mode: deliveryMode }));
    if (++seen === Number(count)) setImmediate(() => process.exit(0));
  }, { noAck: true });
  console.log('"ready"');
}

main();
