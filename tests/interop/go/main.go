// Far sides of the tests, in Go: a web server, a gRPC server, and consumers of three brokers.
//
// Each prints a line of JSON for what it got; the servers print "ready" first.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"runtime/debug"
)

var commands = map[string]func([]string){
	"http":    serveHTTP,
	"grpc":    serveGRPC,
	"kafka":   consumeKafka,
	"nats":    consumeNATS,
	"amqp":    consumeAMQP,
	"version": printVersions,
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		log.Fatal("usage: farside http|grpc|kafka|nats|amqp|version [options]")
	}
	commands[os.Args[1]](os.Args[2:])
}

// show prints a line; a consumer's or server's only output.
func show(value any) {
	line, err := json.Marshal(value)
	check(err)
	fmt.Println(string(line))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// printVersions tells with which modules this was built, and with which Go.
func printVersions([]string) {
	info, _ := debug.ReadBuildInfo()
	found := map[string]string{"go": info.GoVersion}
	for _, module := range info.Deps {
		found[module.Path] = module.Version
	}
	show(found)
}
