package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

type row struct {
	title  string
	panels []cog.Builder[dashboard.Panel]
}

// Of the pods that are chosen.
const chosen = `{namespace=~"$namespace", storagepool=~"$storagepool"}`

func pods(metric string) query { return query{"storagepool_" + metric + chosen, "{{pod}}"} }

func rate(metric, legend string) query {
	return query{fmt.Sprintf("sum(rate(storagepool_%s%s[$__rate_interval]))", metric, chosen), legend}
}

func podRate(metric string) query {
	return query{fmt.Sprintf("sum by (pod) (rate(storagepool_%s%s[$__rate_interval]))", metric, chosen), "{{pod}}"}
}

// quantile is what so many of the observations are below; by is "" or ", LABEL".
func quantile(part float64, metric, by, legend string) query {
	return query{fmt.Sprintf("histogram_quantile(%g, sum by (le%s) (rate(storagepool_%s_bucket%s[$__rate_interval])))",
		part, by, metric, chosen), legend}
}

func rows() []row {
	return []row{
		{"Connections", connections()},
		{"Requests and ingest", requests()},
		{"Journal and clock", journal()},
		{"Operator", ofOperator()},
	}
}

func connections() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		budget(),
		conditions(),
		panel("In use, by pod", units.Short, "Connections that requests hold.", pods("pool_in_use")),
		panel("Open, by pod", units.Short, "Established connections, and the limit of a pod.", pods("pool_open"),
			query{"max(storagepool_pool_max_open" + chosen + ")", "limit"}),
		panel("Utilisation", units.PercentUnit, "In use of what the pods may hold; above 80 % an alert fires.",
			query{"sum by (namespace, storagepool) (storagepool_pool_in_use" + chosen + ") / sum by (namespace, storagepool) (storagepool_pool_max_open" + chosen + ")",
				"{{namespace}}/{{storagepool}}"}).Max(1),
		panel("Requests that wait", units.Short, "Now.", pods("pool_waiting")),
		panel("Waits begun", units.RequestsPerSecond, "Requests a second that found no connection free.", podRate("pool_wait_count_total")),
		panel("Connects, ended badly and closed", units.OpsPerSecond, "A second, over all pods.",
			rate("pool_connect_failures_total", "failed"), rate("pool_max_lifetime_closed_total", "closed by lifetime"),
			rate("pool_evicted_total", "closed for another database")),
	}
}

func requests() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		stacked(panel("Requests, by status", units.RequestsPerSecond, "Answered requests of the audit API.",
			query{"sum by (status) (rate(storagepool_http_requests_total" + chosen + "[$__rate_interval]))", "{{status}}"})),
		panel("Latency, by route", units.Seconds, "What 95 of 100 requests are below.",
			quantile(0.95, "http_request_duration_seconds", ", method, route", "{{method}} {{route}}")),
		panel("Latency of writes", units.Seconds, "From an acknowledged call's body to its answer; above 1 s at p95 an alert fires.",
			quantile(0.5, "write_duration_seconds", "", "p50"), quantile(0.95, "write_duration_seconds", "", "p95"),
			quantile(0.99, "write_duration_seconds", "", "p99")),
		panel("Events stored", units.Short, "A second, by pod.", podRate("events_stored_total")),
		panel("Batches", units.Seconds, "From having a connection to the commit: PostgreSQL's part of a write.",
			quantile(0.5, "ingest_batch_duration_seconds", "", "p50"), quantile(0.99, "ingest_batch_duration_seconds", "", "p99")),
		panel("Events of a batch", units.Short, "Half of the batches have fewer.", quantile(0.5, "ingest_batch_events", "", "p50")),
		panel("Events that wait for their batch", units.Short, "By pod.", pods("ingest_queued_events")),
		panel("Refused and divided", units.OpsPerSecond, "A second, over all pods.",
			rate("ingest_rejected_total", "refused for their data"), rate("ingest_overloaded_total", "refused for overload"),
			rate("ingest_bisections_total", "batches divided"), rate("http_rate_limited_total", "rate-limited")),
		panel("Memory of requests", units.BytesIEC, "Of 128 MiB for each pod.", pods("http_memory_bytes")),
	}
}

func journal() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		panel("Events in the journal", units.Short, "Acknowledged, and not in PostgreSQL yet.", pods("journal_waiting_events")),
		panel("Age of the oldest", units.Seconds, "Above 10 minutes an alert fires.", pods("journal_oldest_age_seconds")),
		panel("Use of the journal", units.PercentUnit, "When it is full, events are refused.", pods("journal_used_ratio")).Max(1),
		panel("Into and out of the journal", units.Short, "Events a second, over all pods.",
			rate("journal_appended_events_total", "appended"), rate("journal_replayed_events_total", "replayed"),
			rate("journal_set_aside_events_total", "set aside")),
		panel("Calls set aside", units.Short, "Refused by PostgreSQL for what they are.", pods("journal_set_aside_units")),
		panel("Clock", units.Seconds, "How far PostgreSQL's clock is ahead of the pod's; beyond 60 either way an alert fires.",
			pods("clock_offset_seconds")).Min(-60).Max(60),
	}
}

func ofOperator() []cog.Builder[dashboard.Panel] {
	const ours = `{controller="storagepool"`
	return []cog.Builder[dashboard.Panel]{
		panel("StoragePools", units.Short, "With a known budget.", query{"sum(storagepool_managed)", "StoragePools"},
			query{"sum(storagepool_pods_followed)", "pods"}, query{"sum(storagepool_pods_silent)", "silent pods"}),
		panel("Queue", units.Short, "StoragePools that wait for a worker, and workers at work.",
			query{`sum(workqueue_depth{name="storagepool"})`, "waiting"},
			query{"sum(controller_runtime_active_workers" + ours + "})", "at work"}),
		panel("Longest look in progress", units.Seconds, "A worker that hangs shows as a line that rises.",
			query{`max(workqueue_longest_running_processor_seconds{name="storagepool"})`, "longest"}),
		panel("Requests to the API server", units.RequestsPerSecond, "By status.",
			query{`sum by (code) (rate(rest_client_requests_total[$__rate_interval]) and on (job, instance) storagepool_managed)`, "{{code}}"}),
		panel("Wait in the queue", units.Seconds, "What 95 of 100 are below.",
			query{`histogram_quantile(0.95, sum by (le) (rate(workqueue_queue_duration_seconds_bucket{name="storagepool"}[$__rate_interval])))`, "p95"}),
		panel("Looks", units.OpsPerSecond, "At StoragePools, by result.",
			query{"sum by (result) (rate(controller_runtime_reconcile_total" + ours + "}[$__rate_interval]))", "{{result}}"}),
		panel("Time of a look", units.Seconds, "What 95 of 100 are below.",
			query{"histogram_quantile(0.95, sum by (le) (rate(controller_runtime_reconcile_time_seconds_bucket" + ours + "}[$__rate_interval])))", "p95"}),
		panel("Reports of pods", units.OpsPerSecond, "By result.",
			query{"sum by (result) (rate(storagepool_pod_reports_total[$__rate_interval]))", "{{result}}"}),
	}
}
