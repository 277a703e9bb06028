"""One confirmed message to RabbitMQ, by hand: rabbitmq_one.py URL QUEUE."""

import sys

import pika

connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()
channel.confirm_delivery()
channel.basic_publish("", sys.argv[2], b"one", mandatory=True)
connection.close()
