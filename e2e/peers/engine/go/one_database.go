package main

import (
	"context"
	"fmt"
	"time"
)

// A clock read costs as much as a good part of taking and putting back a connection.
const sampleEvery = 64

const stormRetry = 10 * time.Millisecond

// runOneDatabase runs the cases over one database.
func runOneDatabase(o options, r *report) error {
	p, err := openPool(o)
	if err != nil {
		return err
	}
	defer p.close()
	opening, cancel := context.WithTimeout(context.Background(), acquireTimeout)
	defer cancel()
	if err := p.openAll(opening); err != nil {
		return fmt.Errorf("opening %d connections: %w", o.connections, err)
	}

	switch o.test {
	case "get_put":
		yield := o.clients > o.connections
		runSteady(o, r, func(ctx context.Context) error { return p.getPut(ctx, yield) })
	case "select_1":
		runSteady(o, r, p.selectOne)
	case "storm":
		runStorm(o, r, p)
	default:
		return fmt.Errorf("--case %q: %s runs get_put, select_1 and storm", o.test, o.pool)
	}
	return nil
}

// runSteady warms up, then measures. Both pools take the acquire timeout as a context; making one for every operation
// would measure the making, so all operations share one that outlives the run by the acquire timeout.
func runSteady(o options, r *report, operate func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), warmUp+o.duration()+acquireTimeout)
	defer cancel()
	operation := func(int) func() error { return func() error { return operate(ctx) } }
	runClients(o.clients, warmUp, sampleEvery, operation)
	runClients(o.clients, o.duration(), sampleEvery, operation).fill(r)
}

// outage is one client's longest time without a success.
type outage struct {
	lastSuccess time.Time
	longest     time.Duration
	end         time.Time
}

func (g *outage) success(now time.Time) {
	if gap := now.Sub(g.lastSuccess); gap > g.longest {
		g.longest, g.end = gap, now
	}
	g.lastSuccess = now
}

// servedAt is when the longest gap ended, nil if it has not.
func (g *outage) servedAt(now time.Time) *float64 {
	if g.end.IsZero() || now.Sub(g.lastSuccess) > g.longest {
		return nil
	}
	unix := float64(g.end.UnixMicro()) / 1e6
	return &unix
}

// runStorm keeps asking while the server goes away and comes back; whoever fails tries again a little later.
func runStorm(o options, r *report, p pool) {
	outages := make([]outage, o.clients)
	began := time.Now()
	all := runClients(o.clients, o.duration(), 1, func(client int) func() error {
		mine := &outages[client]
		mine.lastSuccess = began
		return func() error {
			ctx, cancel := context.WithTimeout(context.Background(), acquireTimeout)
			err := p.selectOne(ctx)
			cancel()
			if err != nil {
				time.Sleep(stormRetry)
				return err
			}
			mine.success(time.Now())
			return nil
		}
	})
	all.fill(r)
	r.Errors = &all.failed
	now := time.Now()
	for i := range outages {
		r.ServedAt = append(r.ServedAt, outages[i].servedAt(now))
	}
}
