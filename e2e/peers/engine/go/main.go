// Command go-peer measures one of Go's PostgreSQL connection pools the way our own engine is measured: the same server,
// the same cases, the same number of clients, threads and connections. It prints one JSON object on standard output;
// errors go to standard error with a non-zero exit status.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

const (
	acquireTimeout = 30 * time.Second
	warmUp         = 1500 * time.Millisecond
	pgxModule      = "github.com/jackc/pgx/v5"
)

// options are the command line; every peer program takes the same.
type options struct {
	pool, test                          string
	host, user, password, database      string
	port, clients, connections, threads int
	seconds                             float64
	databases, connectionsPerDatabase   int
	skew                                float64
	seed                                uint64
}

// report is the answer; latencies are in microseconds, served times in Unix seconds.
type report struct {
	Pool       string     `json:"pool"`
	Version    string     `json:"version"`
	Case       string     `json:"case"`
	Clients    int        `json:"clients"`
	Operations int64      `json:"operations"`
	Seconds    float64    `json:"seconds"`
	Failed     int64      `json:"failed"`
	P50        float64    `json:"p50_us"`
	P99        float64    `json:"p99_us"`
	ServedAt   []*float64 `json:"served_at,omitempty"` // storm: null for a client that was not served again
	Errors     *int64     `json:"errors,omitempty"`    // storm
	Refused    *int64     `json:"refused,omitempty"`   // zipf
	Evictions  *int64     `json:"evictions,omitempty"` // zipf: connections closed to make room for another database
}

func main() {
	result, err := run()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-peer:", err)
		os.Exit(1)
	}
}

func run() (*report, error) {
	o, err := parse()
	if err != nil {
		return nil, err
	}
	runtime.GOMAXPROCS(o.threads)
	version, err := poolVersion(o.pool)
	if err != nil {
		return nil, err
	}
	r := &report{Pool: o.pool, Version: version, Case: o.test, Clients: o.clients}
	if o.pool == "pgxpool-per-database" {
		if o.test != "zipf" {
			return nil, fmt.Errorf("--case %s: %s runs only zipf", o.test, o.pool)
		}
		return r, runZipf(o, r)
	}
	return r, runOneDatabase(o, r)
}

func parse() (options, error) {
	var o options
	flag.StringVar(&o.pool, "pool", "", "database/sql, pgxpool or pgxpool-per-database")
	flag.StringVar(&o.test, "case", "", "get_put, select_1, storm (one database) or zipf (pgxpool-per-database)")
	flag.StringVar(&o.host, "host", "127.0.0.1", "address of the server")
	flag.IntVar(&o.port, "port", 5432, "port of the server")
	flag.StringVar(&o.user, "user", "", "role to connect as")
	flag.StringVar(&o.password, "password", "", "password of the role")
	flag.StringVar(&o.database, "database", "postgres", "database; for zipf the prefix of DATABASE_0, DATABASE_1, ...")
	flag.Float64Var(&o.seconds, "seconds", 5, "how long to measure")
	flag.IntVar(&o.clients, "clients", 64, "clients at work at the same time")
	flag.IntVar(&o.connections, "connections", 16, "connections of the pool; for zipf over all databases")
	flag.IntVar(&o.threads, "threads", 2, "threads that run Go code at the same time (GOMAXPROCS)")
	flag.IntVar(&o.databases, "databases", 200, "zipf: number of databases")
	flag.IntVar(&o.connectionsPerDatabase, "per-database", 3, "zipf: most connections to one database")
	flag.Float64Var(&o.skew, "skew", 1.1, "zipf: the k-th database is picked with weight 1/k^skew")
	flag.Uint64Var(&o.seed, "seed", 7, "zipf: seed of the picks")
	flag.Parse()
	if flag.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	for name, value := range map[string]int{"clients": o.clients, "connections": o.connections, "threads": o.threads,
		"databases": o.databases, "per-database": o.connectionsPerDatabase} {
		if value < 1 {
			return o, fmt.Errorf("--%s %d: must be at least 1", name, value)
		}
	}
	if o.seconds <= 0 || o.seconds > 3600 {
		return o, fmt.Errorf("--seconds %g: must be above 0 and at most 3600", o.seconds)
	}
	return o, nil
}

func (o options) duration() time.Duration { return time.Duration(o.seconds * float64(time.Second)) }

// url is the connection string to a database.
func (o options) url(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(o.user, o.password),
		Host:     net.JoinHostPort(o.host, strconv.Itoa(o.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// poolVersion is that of the package the pool comes in: the standard library's for database/sql.
func poolVersion(pool string) (string, error) {
	if pool == "database/sql" {
		return strings.TrimPrefix(runtime.Version(), "go"), nil
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == pgxModule {
				return strings.TrimPrefix(module.Version, "v"), nil
			}
		}
	}
	return "", errors.New("the build information does not name " + pgxModule)
}
