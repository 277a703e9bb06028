package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// serveHTTP serves over TLS 1.3 and answers with what it saw of the request.
func serveHTTP(arguments []string) {
	flags := flag.NewFlagSet("http", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address")
	cert := flags.String("cert", "", "certificate; none: no TLS")
	key := flags.String("key", "", "its key")
	ca := flags.String("ca", "", "whose clients are let in; none: all")
	idle := flags.Duration("idle", 0, "how long a connection is kept")
	flags.Parse(arguments)
	server := &http.Server{Addr: *listen, Handler: http.HandlerFunc(answer), IdleTimeout: *idle}
	server.ReadHeaderTimeout = 10 * time.Second
	fmt.Println(`"ready"`)
	if *cert == "" {
		check(server.ListenAndServe())
	}
	server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS13}
	if *ca != "" {
		pem, err := os.ReadFile(*ca)
		check(err)
		server.TLSConfig.ClientCAs = x509.NewCertPool()
		server.TLSConfig.ClientCAs.AppendCertsFromPEM(pem)
		server.TLSConfig.ClientAuth = tls.RequireAndVerifyClientCert
	}
	check(server.ListenAndServeTLS(*cert, *key))
}

func answer(writer http.ResponseWriter, request *http.Request) {
	if request.URL.Path == "/early" {
		http.Error(writer, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	show(map[string]any{
		"id": request.Header.Get("X-Chronos-Execution-Id"), "proto": request.Proto, "bytes": len(body),
	})
	fmt.Fprintf(writer, "%s %d", request.Proto, len(body))
}
