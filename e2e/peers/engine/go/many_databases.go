package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"github.com/jackc/pgx/v5/pgxpool"
)

// zipf picks ranks from 0 with weight 1/(rank+1)^skew.
type zipf struct {
	cumulated []float64
	random    *rand.Rand
}

func zipfWeights(n int, skew float64) []float64 {
	cumulated, sum := make([]float64, n), 0.0
	for i := range cumulated {
		sum += math.Pow(float64(i+1), -skew)
		cumulated[i] = sum
	}
	return cumulated
}

func (z zipf) next() int {
	last := len(z.cumulated) - 1
	at := z.random.Float64() * z.cumulated[last]
	return min(last, sort.SearchFloat64s(z.cumulated, at))
}

// runZipf asks databases of very different popularity, more than the budget of connections has room for.
func runZipf(o options, r *report) error {
	limit := o.connections / o.connectionsPerDatabase
	if limit < 1 {
		return fmt.Errorf("--connections %d: must be at least --per-database, %d", o.connections, o.connectionsPerDatabase)
	}
	config, err := pgxpool.ParseConfig(o.url(o.database))
	if err != nil {
		return err
	}
	config.MaxConns = int32(o.connectionsPerDatabase)
	pools := newDatabasePools(limit, func(database string) (*pgxpool.Pool, error) {
		own := config.Copy()
		own.ConnConfig.Database = database
		return pgxpool.NewWithConfig(context.Background(), own)
	})
	defer pools.close()

	names := make([]string, o.databases)
	for i := range names {
		names[i] = fmt.Sprintf("%s_%d", o.database, i)
	}
	weights := zipfWeights(o.databases, o.skew)
	picks := make([]zipf, o.clients)
	for i := range picks {
		picks[i] = zipf{weights, rand.New(rand.NewPCG(o.seed, uint64(i)))}
	}
	operation := func(client int) func() error {
		return func() error { return selectOneFrom(pools, names[picks[client].next()]) }
	}

	runClients(o.clients, warmUp, 1, operation)
	evictedBefore := pools.evictions()
	all := runClients(o.clients, o.duration(), 1, operation)
	all.fill(r)
	evictions := pools.evictions() - evictedBefore
	r.Refused, r.Evictions = &all.failed, &evictions
	return nil
}

func selectOneFrom(pools *databasePools, database string) error {
	ctx, cancel := context.WithTimeout(context.Background(), acquireTimeout)
	defer cancel()
	p, err := pools.use(ctx, database)
	if err != nil {
		return err
	}
	defer pools.done(p)
	return pgxPool{p.Pool}.selectOne(ctx)
}
