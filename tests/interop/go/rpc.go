package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
)

// serveGRPC serves gRPC's own TestService, with reflection.
func serveGRPC(arguments []string) {
	flags := flag.NewFlagSet("grpc", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address")
	cert := flags.String("cert", "", "certificate; none: no TLS")
	key := flags.String("key", "", "its key")
	ca := flags.String("ca", "", "whose clients are let in; none: all")
	idle := flags.Duration("idle", 0, "MaxConnectionIdle")
	age := flags.Duration("age", 0, "MaxConnectionAge")
	flags.Parse(arguments)
	limits := keepalive.ServerParameters{MaxConnectionIdle: *idle, MaxConnectionAge: *age}
	options := []grpc.ServerOption{grpc.KeepaliveParams(limits), grpc.UnaryInterceptor(record)}
	if *cert != "" {
		options = append(options, grpc.Creds(identity(*cert, *key, *ca)))
	}
	server := grpc.NewServer(options...)
	testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
	reflection.Register(server)
	listener, err := net.Listen("tcp", *listen)
	check(err)
	fmt.Println(`"ready"`)
	check(server.Serve(listener))
}

func identity(cert, key, ca string) credentials.TransportCredentials {
	pair, err := tls.LoadX509KeyPair(cert, key)
	check(err)
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		check(err)
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM(pem)
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return credentials.NewTLS(config)
}

func record(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (any, error) {
	sent, _ := metadata.FromIncomingContext(ctx)
	ids := sent.Get("x-chronos-execution-id")
	show(map[string]any{"method": info.FullMethod, "ids": ids})
	return handler(ctx, request)
}
