package main

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// pool is a connection pool to one database. A context bounds only the wait for a connection: a query under a context
// that can be cancelled costs more, in both pools.
type pool interface {
	// openAll opens every connection of the pool.
	openAll(ctx context.Context) error
	// getPut takes a connection and puts it back; yield lets another goroutine run in between.
	getPut(ctx context.Context, yield bool) error
	// selectOne takes a connection, runs SELECT 1 and puts it back.
	selectOne(ctx context.Context) error
	close()
}

func openPool(o options) (pool, error) {
	switch o.pool {
	case "database/sql":
		return newSQLPool(o)
	case "pgxpool":
		return newPgxPool(o)
	default:
		return nil, fmt.Errorf("--pool %q: must be database/sql, pgxpool or pgxpool-per-database", o.pool)
	}
}

func checkOne(one int64) error {
	if one != 1 {
		return fmt.Errorf("SELECT 1 returned %d", one)
	}
	return nil
}

// sqlPool is database/sql with pgx as its driver. The driver prepares a statement once per connection and pings a
// connection only when it has been unused for a second; both are its defaults.
type sqlPool struct {
	db          *sql.DB
	connections int
}

func newSQLPool(o options) (pool, error) {
	db, err := sql.Open("pgx", o.url(o.database))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(o.connections)
	db.SetMaxIdleConns(o.connections) // two by default: the others would be closed when put back
	return sqlPool{db, o.connections}, nil
}

func (p sqlPool) openAll(ctx context.Context) error {
	for range p.connections {
		conn, err := p.db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
	}
	return nil
}

func (p sqlPool) getPut(ctx context.Context, yield bool) error {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return err
	}
	if yield {
		runtime.Gosched()
	}
	return conn.Close()
}

func (p sqlPool) selectOne(ctx context.Context) error {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var one int64
	if err := conn.QueryRowContext(context.Background(), "SELECT 1").Scan(&one); err != nil {
		return err
	}
	return checkOne(one)
}

func (p sqlPool) close() { p.db.Close() }

// pgxPool is pgx's own pool. It prepares a statement once per connection and pings a connection only when it has been
// idle for a second; both are its defaults.
type pgxPool struct{ *pgxpool.Pool }

func newPgxPool(o options) (pool, error) {
	config, err := pgxpool.ParseConfig(o.url(o.database))
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(o.connections)
	p, err := pgxpool.NewWithConfig(context.Background(), config)
	return pgxPool{p}, err
}

func (p pgxPool) openAll(ctx context.Context) error {
	for range p.Config().MaxConns {
		conn, err := p.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
	}
	return nil
}

func (p pgxPool) getPut(ctx context.Context, yield bool) error {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	if yield {
		runtime.Gosched()
	}
	conn.Release()
	return nil
}

func (p pgxPool) selectOne(ctx context.Context) error {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var one int64
	if err := conn.QueryRow(context.Background(), "SELECT 1").Scan(&one); err != nil {
		return err
	}
	return checkOne(one)
}

func (p pgxPool) close() { p.Close() }
