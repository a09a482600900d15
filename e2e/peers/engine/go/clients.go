package main

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// totals is what all clients of one run did.
type totals struct {
	operations, failed int64
	elapsed            time.Duration
	latencies          []time.Duration
}

// runClients lets every client repeat its operation, one after the other, for the duration. Every sampleEvery-th
// operation of a client is timed.
func runClients(clients int, duration time.Duration, sampleEvery int64, operation func(client int) func() error) totals {
	var (
		stop       atomic.Bool
		firstError sync.Once
		finished   sync.WaitGroup
		each       = make([]totals, clients)
	)
	started := time.Now()
	for i := range clients {
		finished.Go(func() {
			operate := operation(i)
			var mine totals
			for round := int64(0); !stop.Load(); round++ {
				sampled := round%sampleEvery == 0
				var began time.Time
				if sampled {
					began = time.Now()
				}
				if err := operate(); err != nil {
					mine.failed++
					firstError.Do(func() { fmt.Fprintln(os.Stderr, "go-peer: first failed operation:", err) })
					continue
				}
				mine.operations++
				if sampled {
					mine.latencies = append(mine.latencies, time.Since(began))
				}
			}
			each[i] = mine
		})
	}
	time.Sleep(duration)
	stop.Store(true)
	finished.Wait()

	all := totals{elapsed: time.Since(started)}
	for _, one := range each {
		all.operations += one.operations
		all.failed += one.failed
		all.latencies = append(all.latencies, one.latencies...)
	}
	slices.Sort(all.latencies)
	return all
}

// percentile is in microseconds; zero when nothing was timed.
func (t totals) percentile(p int) float64 {
	if len(t.latencies) == 0 {
		return 0
	}
	return float64(t.latencies[(len(t.latencies)-1)*p/100]) / float64(time.Microsecond)
}

func (t totals) fill(r *report) {
	r.Operations, r.Failed, r.Seconds = t.operations, t.failed, t.elapsed.Seconds()
	r.P50, r.P99 = t.percentile(50), t.percentile(99)
}
