package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

const limit = 30 * time.Second

// consumeKafka reads a topic from its beginning until it has as many records as it was told.
func consumeKafka(arguments []string) {
	flags := flag.NewFlagSet("kafka", flag.ExitOnError)
	brokers := flags.String("address", "", "a broker")
	topic := flags.String("from", "", "topic")
	count := flags.Int("count", 1, "how many")
	flags.Parse(arguments)
	client, err := kgo.NewClient(
		kgo.SeedBrokers(*brokers), kgo.ConsumeTopics(*topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	check(err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for seen := 0; seen < *count; {
		fetches := client.PollFetches(ctx)
		check(fetches.Err0())
		fetches.EachRecord(func(record *kgo.Record) {
			seen++
			headers := [][2]string{}
			for _, header := range record.Headers {
				headers = append(headers, [2]string{header.Key, string(header.Value)})
			}
			show(map[string]any{
				"key": text(record.Key), "value": text(record.Value),
				"headers": headers, "partition": record.Partition,
			})
		})
	}
}

// text keeps apart what is empty and what is not there.
func text(data []byte) any {
	if data == nil {
		return nil
	}
	return string(data)
}

// consumeNATS waits for messages on a subject; it answers the requests among them.
func consumeNATS(arguments []string) {
	flags := flag.NewFlagSet("nats", flag.ExitOnError)
	url := flags.String("address", "", "URL")
	subject := flags.String("from", "", "subject")
	count := flags.Int("count", 1, "how many")
	flags.Parse(arguments)
	connection, err := nats.Connect(*url)
	check(err)
	subscription, err := connection.SubscribeSync(*subject)
	check(err)
	check(connection.Flush())
	fmt.Println(`"ready"`)
	for range *count {
		message, err := subscription.NextMsg(limit)
		check(err)
		show(map[string]any{"headers": message.Header, "value": string(message.Data)})
		if message.Reply != "" {
			check(message.Respond([]byte(`{"state": "done"}`)))
		}
	}
	check(connection.Flush())
}

// consumeAMQP declares a queue, binds it to amq.topic and amq.headers, and reads from it.
func consumeAMQP(arguments []string) {
	flags := flag.NewFlagSet("amqp", flag.ExitOnError)
	url := flags.String("address", "", "URL")
	key := flags.String("from", "", "routing key, and value of the header `kind`")
	number := flags.Float64("number", 1.5, "value of the header `number`")
	count := flags.Int("count", 1, "how many")
	flags.Parse(arguments)
	connection, err := amqp.Dial(*url)
	check(err)
	channel, err := connection.Channel()
	check(err)
	queue, err := channel.QueueDeclare("", false, true, true, false, nil)
	check(err)
	check(channel.QueueBind(queue.Name, *key, "amq.topic", false, nil))
	match := amqp.Table{"x-match": "all", "kind": *key, "number": *number}
	check(channel.QueueBind(queue.Name, "", "amq.headers", false, match))
	deliveries, err := channel.Consume(queue.Name, "", true, true, false, false, nil)
	check(err)
	fmt.Println(`"ready"`)
	for range *count {
		delivery := <-deliveries
		headers := map[string]any{}
		for name, value := range delivery.Headers {
			headers[name] = []any{fmt.Sprintf("%T", value), value}
		}
		show(map[string]any{
			"headers": headers, "value": string(delivery.Body), "id": delivery.MessageId,
			"content_type": delivery.ContentType, "mode": delivery.DeliveryMode,
			"exchange": delivery.Exchange, "app": delivery.AppId,
		})
	}
	check(connection.Close())
}
