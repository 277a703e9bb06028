"""One message to Kafka, by hand: kafka_one.py BROKERS TOPIC."""

import sys

from confluent_kafka import Producer

errors: list[object] = []
producer = Producer({"bootstrap.servers": sys.argv[1], "linger.ms": 0})
producer.produce(sys.argv[2], b"one", on_delivery=lambda error, _: errors.append(error))
sys.exit(producer.flush(10) or errors != [None])
