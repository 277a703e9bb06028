import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Scanner;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** A producer and a consumer as Java has them: FarSide produce|consume BROKERS TOPIC [COUNT]. */
public class FarSide {
  public static void main(String[] words) throws Exception {
    if (words[0].equals("produce")) {
      produce(words[1], words[2]);
    } else {
      consume(words[1], words[2], Integer.parseInt(words[3]));
    }
  }

  /** Sends a record for each line, which is its key; prints the partitions, a line each. */
  static void produce(String brokers, String topic) throws Exception {
    Map<String, Object> settings = Map.of("bootstrap.servers", brokers);
    StringSerializer text = new StringSerializer();
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, text, text)) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      Scanner lines = new Scanner(System.in, StandardCharsets.UTF_8);
      while (lines.hasNextLine()) {
        sent.add(producer.send(new ProducerRecord<>(topic, lines.nextLine(), "by java")));
      }
      for (Future<RecordMetadata> one : sent) {
        System.out.println(one.get().partition());
      }
    }
  }

  /** Reads a topic from its beginning; prints partition, key, value and headers, by tabs. */
  static void consume(String brokers, String topic, int count) {
    Map<String, Object> settings =
        Map.of("bootstrap.servers", brokers, "group.id", "java", "auto.offset.reset", "earliest");
    StringDeserializer text = new StringDeserializer();
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, text, text)) {
      consumer.subscribe(List.of(topic));
      for (int seen = 0; seen < count; ) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(30))) {
          seen++;
          List<String> cells = new ArrayList<>();
          cells.add(String.valueOf(record.partition()));
          cells.add(record.key());
          cells.add(record.value());
          for (Header header : record.headers()) {
            cells.add(header.key() + "=" + new String(header.value(), StandardCharsets.UTF_8));
          }
          System.out.println(String.join("\t", cells));
        }
      }
    }
  }
}
