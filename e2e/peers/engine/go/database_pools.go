package main

import (
	"container/list"
	"context"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
)

// databasePools keeps a pgxpool per database, at most limit of them at a time. For a database without one, a slot is
// awaited; the least recently used pool without users makes room, and its slot is free once its connections are closed.
type databasePools struct {
	create func(database string) (*pgxpool.Pool, error)
	limit  int

	mu      sync.Mutex
	open    map[string]*databasePool
	idle    list.List // of *databasePool: open ones without users, least recently used first
	waiting list.List // of *poolWaiter, oldest first
	closing int       // pools that are no longer in open but still hold their slot
	evicted int64     // connections closed to make room
}

type databasePool struct {
	*pgxpool.Pool
	database string
	users    int
	idle     *list.Element // its place in databasePools.idle, nil while it has users
}

type poolWaiter struct {
	database string
	ready    chan poolOrError // holds one
}

type poolOrError struct {
	pool *databasePool
	err  error
}

func newDatabasePools(limit int, create func(string) (*pgxpool.Pool, error)) *databasePools {
	return &databasePools{create: create, limit: limit, open: make(map[string]*databasePool)}
}

// use returns the database's pool, which stays open until it is done with.
func (d *databasePools) use(ctx context.Context, database string) (*databasePool, error) {
	d.mu.Lock()
	if p := d.open[database]; p != nil {
		d.addUser(p)
		d.mu.Unlock()
		return p, nil
	}
	w := &poolWaiter{database: database, ready: make(chan poolOrError, 1)}
	place := d.waiting.PushBack(w)
	d.serve()
	d.mu.Unlock()

	select {
	case r := <-w.ready:
		return r.pool, r.err
	case <-ctx.Done():
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case r := <-w.ready: // served at the last moment
		return r.pool, r.err
	default:
		d.waiting.Remove(place)
		return nil, ctx.Err()
	}
}

// done is called once for every use that succeeded.
func (d *databasePools) done(p *databasePool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p.users--
	if p.users == 0 {
		p.idle = d.idle.PushBack(p)
		d.serve()
	}
}

// evictions is the number of connections closed to make room for another database.
func (d *databasePools) evictions() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.evicted
}

// close closes every pool; there must be no users.
func (d *databasePools) close() {
	for _, p := range d.open {
		p.Close()
	}
}

func (d *databasePools) addUser(p *databasePool) {
	if p.idle != nil {
		d.idle.Remove(p.idle)
		p.idle = nil
	}
	p.users++
}

// serve gives waiters, oldest first, what can be had now, and makes room for the others. d.mu is held.
func (d *databasePools) serve() {
	lacking := make(map[string]struct{})
	for place := d.waiting.Front(); place != nil; {
		w, next := place.Value.(*poolWaiter), place.Next()
		p, err := d.open[w.database], error(nil)
		if p == nil && len(d.open)+d.closing < d.limit {
			p, err = d.add(w.database)
		}
		switch {
		case err != nil:
			w.ready <- poolOrError{err: err}
			d.waiting.Remove(place)
		case p != nil:
			d.addUser(p)
			w.ready <- poolOrError{pool: p}
			d.waiting.Remove(place)
		default:
			lacking[w.database] = struct{}{}
		}
		place = next
	}
	for d.closing < len(lacking) && d.idle.Len() > 0 {
		d.evict(d.idle.Front().Value.(*databasePool))
	}
}

// add does not connect yet: a pgxpool does so when a connection is first wanted.
func (d *databasePools) add(database string) (*databasePool, error) {
	created, err := d.create(database)
	if err != nil {
		return nil, err
	}
	p := &databasePool{Pool: created, database: database}
	d.open[database] = p
	return p, nil
}

func (d *databasePools) evict(p *databasePool) {
	d.idle.Remove(p.idle)
	delete(d.open, p.database)
	d.evicted += int64(p.Stat().TotalConns())
	d.closing++
	go func() {
		p.Close()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.closing--
		d.serve()
	}()
}
