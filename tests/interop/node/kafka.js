// Reads a topic from its beginning, by kafkajs: usage: kafka.js BROKER TOPIC COUNT
const { Kafka, logLevel } = require("kafkajs");

const [broker, topic, count] = process.argv.slice(2);
const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
const consumer = kafka.consumer({ groupId: "kafkajs" });
let seen = 0;

async function main() {
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const headers = Object.entries(message.headers).map(([key, value]) => [key, `${value}`]);
      const [key, value] = [message.key, message.value].map((one) => one && one.toString());
      console.log(JSON.stringify({ key, value, headers, partition }));
      if (++seen === Number(count)) process.exit(0);
    },
  });
}

setTimeout(() => process.exit(1), 30000);
main();
