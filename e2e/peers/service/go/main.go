// Command service-peer is DataStorage as one would write it in Go without further thought: net/http, database/sql with
// pgx, and one INSERT per event. It takes and answers what e2e/peers/service/bench sends, in the schema that the
// datastorage program made.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

type options struct {
	host, database, credentials string
	port, connections           int
	pooled                      bool
}

func main() {
	var o options
	flag.StringVar(&o.host, "host", "127.0.0.1", "address of PostgreSQL")
	flag.IntVar(&o.port, "port", 5432, "port of PostgreSQL")
	flag.StringVar(&o.database, "database", "", "database that datastorage has migrated")
	flag.StringVar(&o.credentials, "credentials-dir", "", "folder with the files username and password")
	flag.IntVar(&o.connections, "connections", 25, "most connections, open and idle")
	flag.BoolVar(&o.pooled, "pooled", false, "the port is that of a pooler whose sessions keep no prepared statements")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "service-peer:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	db, err := open(o)
	if err != nil {
		return err
	}
	defer db.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           routes(&store{db}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	listening := map[string]any{
		"message": "listening", "apiPort": listener.Addr().(*net.TCPAddr).Port, "version": runtime.Version(),
	}
	if err := json.NewEncoder(os.Stdout).Encode(listening); err != nil {
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func open(o options) (*sql.DB, error) {
	var values [2]string
	for i, name := range []string{"username", "password"} {
		text, err := os.ReadFile(filepath.Join(o.credentials, name))
		if err != nil {
			return nil, err
		}
		values[i] = strings.TrimRight(string(text), "\n")
	}
	target := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(values[0], values[1]),
		Host:   net.JoinHostPort(o.host, strconv.Itoa(o.port)),
		Path:   o.database,
	}
	parameters := url.Values{"sslmode": {"disable"}, "application_name": {"service-peer"}}
	if o.pooled {
		parameters.Set("default_query_exec_mode", "cache_describe")
	}
	target.RawQuery = parameters.Encode()
	db, err := sql.Open("pgx", target.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(o.connections)
	db.SetMaxIdleConns(o.connections)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}
