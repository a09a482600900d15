#include "pool/service/figures.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace storagepool::service {
namespace {

template <std::int64_t engine::Statistics::*member>
double pool(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.pool.*member);
}
template <std::size_t ingest::Load::*member>
double ingest_load(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.ingest.load.*member);
}
template <std::uint64_t ingest::Counters::*member>
double ingest(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.ingest.counters.*member);
}
template <auto journal::Statistics::*member>
double journal(const Snapshot& snapshot) {
  return snapshot.journal ? static_cast<double>((*snapshot.journal).*member) : 0;
}
template <journal::Amount journal::Statistics::*amount, std::int64_t journal::Amount::*member>
double journal_amount(const Snapshot& snapshot) {
  return snapshot.journal ? static_cast<double>((*snapshot.journal).*amount.*member) : 0;
}
double journal_age(const Snapshot& snapshot) {
  if (!snapshot.journal || !snapshot.journal->oldest) return 0;
  return std::max(0.0, std::chrono::duration<double>(snapshot.now - *snapshot.journal->oldest).count());
}
template <bool Snapshot::*member>
double yes(const Snapshot& snapshot) {
  return snapshot.*member ? 1 : 0;
}
double workspace_databases(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.workspace_databases);
}
template <std::uint64_t HttpFigures::*member>
double http_figure(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.http.*member);
}
template <std::uint64_t LogFigures::*member>
double log_figure(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.log.*member);
}
template <std::int64_t AuditFigures::*member>
double audit_figure(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.log.audit.*member);
}
double audit_age(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.log.audit.age.count());
}
// Of all databases.
template <std::uint64_t LogFigures::*of_system, std::uint64_t WorkspaceLogFigures::*of_workspaces>
double log_total(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.log.*of_system + snapshot.workspace_logs.*of_workspaces);
}
double workspace_logs_waiting(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.workspace_logs.waiting);
}
double cut_age(const Snapshot& snapshot) {
  return std::chrono::duration<double>(snapshot.log.cut_age).count();
}
double hidden_for(const Snapshot& snapshot) {
  return std::chrono::duration<double>(snapshot.log.hidden_for).count();
}
double loop_failures(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.loop_failures);
}
double clock_ahead(const Snapshot& snapshot) {
  return std::chrono::duration<double>(snapshot.clock_ahead).count();
}
template <std::int64_t UpkeepFigures::*member>
double upkeep(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.upkeep.*member);
}
double stalled(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.stalls.now);
}
double stalls(const Snapshot& snapshot) {
  return static_cast<double>(snapshot.stalls.begun);
}
double wait_seconds(const Snapshot& snapshot) {
  return std::chrono::duration<double>(snapshot.pool.wait_duration).count();
}

using Pool = engine::Statistics;
using Amount = journal::Amount;
using Load = ingest::Load;
using Counters = ingest::Counters;

constexpr std::array kGauges = {
    Figure{"storagepool_ready", "1 while the pod takes traffic", yes<&Snapshot::ready>},
    Figure{"storagepool_postgres_usable", "1 while PostgreSQL can be read and takes events",
           yes<&Snapshot::postgres_usable>},
    Figure{"storagepool_journal_takes_events", "1 while the journal is durable and has room",
           yes<&Snapshot::journal_takes_events>},
    Figure{"storagepool_clock_offset_seconds",
           "How far PostgreSQL's clock is ahead of the pod's; beyond 60 either way events are judged by "
           "PostgreSQL's",
           clock_ahead},
    Figure{"storagepool_postgres_locks_needed",
           "Locks of a statement on all months of the system database with their indexes, as a dump's",
           upkeep<&UpkeepFigures::locks_needed>},
    Figure{"storagepool_postgres_locks_available",
           "Locks that PostgreSQL has room for; 0 in a pod that has not looked after the partitions",
           upkeep<&UpkeepFigures::locks_available>},
    Figure{"storagepool_event_indexes_left",
           "Indexes of months that are to be made or dropped yet, as the pod has last seen it",
           upkeep<&UpkeepFigures::indexes_left>},
    Figure{"storagepool_leaving",
           "1 while the pod is to go: not ready, and after its delay its journal takes nothing new",
           yes<&Snapshot::leaving>},
    Figure{"storagepool_pool_max_open", "Limit of open connections in force", pool<&Pool::max_open>},
    Figure{"storagepool_pool_open", "Established connections", pool<&Pool::open>},
    Figure{"storagepool_pool_opening", "Connects under way", pool<&Pool::opening>},
    Figure{"storagepool_pool_closing", "Connections the server has not let go yet", pool<&Pool::closing>},
    Figure{"storagepool_pool_in_use", "Leased connections", pool<&Pool::in_use>},
    Figure{"storagepool_pool_idle", "Idle connections", pool<&Pool::idle>},
    Figure{"storagepool_pool_waiting", "Requests waiting for a connection", pool<&Pool::waiting>},
    Figure{"storagepool_pool_open_high_water", "Most sockets held at once since start",
           pool<&Pool::open_high_water>},
    Figure{"storagepool_workspace_databases_active", "Workspace databases with a connection or a waiter",
           workspace_databases},
    Figure{"storagepool_stalled_databases", "Databases that commit nothing while writes for them wait",
           stalled},
    Figure{"storagepool_ingest_queued_events", "Events accepted and not answered yet",
           ingest_load<&Load::events>},
    Figure{"storagepool_ingest_queued_bytes", "Memory of the events accepted and not answered yet",
           ingest_load<&Load::bytes>},
    Figure{"storagepool_log_key", "1 while stored events get entries in the log", yes<&Snapshot::log_key>},
    Figure{"storagepool_log_size", "Entries of the log of the system database, as the pod shows it",
           log_figure<&LogFigures::size>},
    Figure{"storagepool_log_min_index", "Entries of that log before it are pruned",
           log_figure<&LogFigures::min_index>},
    Figure{"storagepool_workspace_logs_waiting",
           "Workspaces of which the pod does not know yet that all it has written there is in their log",
           workspace_logs_waiting},
    Figure{"storagepool_log_waiting_requests", "Requests of the feed that wait for the log to grow",
           log_total<&LogFigures::waiting, &WorkspaceLogFigures::following>},
    Figure{"storagepool_log_cut_age_seconds",
           "How long entries have waited for a transaction that writes, anywhere on the server, to end",
           cut_age},
    Figure{"storagepool_log_hidden_seconds",
           "How long entries of the log have waited to be shown until standbys have them", hidden_for},
    Figure{"storagepool_log_audit_missing_events",
           "Events that the log has, whose time has not passed, and that are not stored, by the full audit",
           audit_figure<&AuditFigures::missing>},
    Figure{"storagepool_log_audit_altered_events",
           "Events that are stored otherwise than the log has them, by the full audit",
           audit_figure<&AuditFigures::altered>},
    Figure{"storagepool_log_audit_unlogged_events",
           "Events that are stored, and the log has no entry of them, by the full audit",
           audit_figure<&AuditFigures::unlogged>},
    Figure{"storagepool_log_audit_age_seconds", "Since when a full audit has looked at all that was there",
           audit_age},
    Figure{"storagepool_journal_waiting_events", "Events in the journal that are not in PostgreSQL yet",
           journal_amount<&journal::Statistics::waiting, &Amount::events>},
    Figure{"storagepool_journal_waiting_bytes", "Bytes of the events that are not in PostgreSQL yet",
           journal_amount<&journal::Statistics::waiting, &Amount::bytes>},
    Figure{"storagepool_journal_oldest_age_seconds", "How long the oldest event has waited in the journal",
           journal_age},
    Figure{"storagepool_journal_set_aside_units",
           "Calls whose events PostgreSQL refuses, kept in the journal for a person to look at",
           journal_amount<&journal::Statistics::aside, &Amount::units>},
    Figure{"storagepool_journal_set_aside_bytes", "Bytes of the events set aside, which count in the bound",
           journal_amount<&journal::Statistics::aside, &Amount::bytes>},
    Figure{
        "storagepool_journal_durable",
        "1 while the journal's disk takes what is appended; at 0 events are refused while PostgreSQL is away",
        journal<&journal::Statistics::durable>},
    Figure{"storagepool_journal_disk_bytes", "Size of the journal's files",
           journal<&journal::Statistics::disk_bytes>},
    Figure{"storagepool_journal_max_bytes", "Bound of the journal's files",
           journal<&journal::Statistics::max_bytes>},
    Figure{"storagepool_http_memory_bytes", "Memory that requests and answers of the audit API hold",
           http_figure<&HttpFigures::memory_held>},
    Figure{"storagepool_journal_used_ratio", "Share of the bound in use; at 1 events are refused",
           journal<&journal::Statistics::used>},
};

constexpr std::array kCounters = {
    Figure{"storagepool_pool_wait_count_total", "Requests that waited for a connection",
           pool<&Pool::wait_count>},
    Figure{"storagepool_pool_wait_seconds_total", "Time spent waiting for a connection, in seconds",
           wait_seconds},
    Figure{"storagepool_pool_max_idle_closed_total", "Connections closed by maxIdleConns",
           pool<&Pool::max_idle_closed>},
    Figure{"storagepool_pool_max_idle_time_closed_total", "Connections closed by connMaxIdleTime",
           pool<&Pool::max_idle_time_closed>},
    Figure{"storagepool_pool_max_lifetime_closed_total", "Connections closed by connMaxLifetime",
           pool<&Pool::max_lifetime_closed>},
    Figure{"storagepool_pool_evicted_total", "Idle connections closed for another database",
           pool<&Pool::evicted>},
    Figure{"storagepool_pool_connect_failures_total", "Connects that ended badly",
           pool<&Pool::connect_failures>},
    Figure{"storagepool_events_stored_total", "Audit events committed to PostgreSQL, without repeated calls",
           ingest<&Counters::events>},
    Figure{"storagepool_stalls_total",
           "Times that a database committed nothing for stallAfter while writes waited", stalls},
    Figure{"storagepool_ingest_batches_total", "Batches of events written", ingest<&Counters::batches>},
    Figure{"storagepool_ingest_bisections_total", "Batches divided because PostgreSQL refused a row",
           ingest<&Counters::bisections>},
    Figure{"storagepool_ingest_repeats_total", "Statements repeated after a lost connection or a deadlock",
           ingest<&Counters::repeats>},
    Figure{"storagepool_ingest_rejected_total", "Calls refused for their data or a missing parent",
           ingest<&Counters::rejected>},
    Figure{"storagepool_ingest_expired_total", "Calls whose time ran out before their events were written",
           ingest<&Counters::expired>},
    Figure{"storagepool_ingest_overloaded_total", "Calls refused because too many events were waiting",
           ingest<&Counters::overloaded>},
    Figure{"storagepool_log_sealed_batches_total", "Commits of events whose entries the pod added to a log",
           log_total<&LogFigures::sealed_batches, &WorkspaceLogFigures::sealed_batches>},
    Figure{"storagepool_log_unchecked_batches_total",
           "Commits of the pod of which it did not see whether their entries got into the log",
           log_total<&LogFigures::unchecked, &WorkspaceLogFigures::unchecked>},
    Figure{"storagepool_log_fences_total",
           "Times that writers were held off, for at most 200 ms, so that entries did not wait on",
           log_total<&LogFigures::fences, &WorkspaceLogFigures::fences>},
    Figure{"storagepool_journal_appended_events_total", "Events accepted into the journal",
           journal_amount<&journal::Statistics::appended, &Amount::events>},
    Figure{"storagepool_journal_replayed_events_total", "Events brought from the journal into PostgreSQL",
           journal_amount<&journal::Statistics::replayed, &Amount::events>},
    Figure{"storagepool_journal_set_aside_events_total", "Events that PostgreSQL refused at the replay",
           journal_amount<&journal::Statistics::set_aside, &Amount::events>},
    Figure{"storagepool_journal_put_back_events_total", "Events set aside that wait for PostgreSQL again",
           journal_amount<&journal::Statistics::put_back, &Amount::events>},
    Figure{"storagepool_journal_dropped_events_total", "Events set aside that a person has given up",
           journal_amount<&journal::Statistics::dropped, &Amount::events>},
    Figure{"storagepool_journal_salvages_total",
           "Times that the journal's file was found damaged and was salvaged; events may have been lost",
           journal<&journal::Statistics::salvages>},
    Figure{"storagepool_journal_salvaged_events_total", "Events read from a damaged file of the journal",
           journal_amount<&journal::Statistics::salvaged, &Amount::events>},
    Figure{"storagepool_journal_damaged_units_total",
           "Calls found in a damaged file of the journal whose events cannot be read",
           journal<&journal::Statistics::damaged>},
    Figure{"storagepool_journal_commits_total", "Commits of accepted events, each one fsync",
           journal<&journal::Statistics::commits>},
    Figure{"storagepool_journal_refused_total", "Calls that found the journal full",
           journal<&journal::Statistics::refused>},
    Figure{"storagepool_journal_failures_total", "Operations that the journal's disk refused",
           journal<&journal::Statistics::failures>},
    Figure{"storagepool_loop_failures_total",
           "Failures of work in the background, which was begun anew; each is in the log", loop_failures},
    Figure{"storagepool_http_rate_limited_total",
           "Requests of the audit API refused because their client had made too many",
           http_figure<&HttpFigures::rate_limited>},
    Figure{"storagepool_http_memory_refused_total",
           "Times that a request or answer of the audit API was refused memory",
           http_figure<&HttpFigures::memory_refused>},
    Figure{"storagepool_http_closed_for_new_total",
           "Connections to the audit API closed for new ones, there being as many as may be",
           http_figure<&HttpFigures::closed_for_new>},
};

}  // namespace

std::span<const Figure> gauge_figures() {
  return kGauges;
}

std::span<const Figure> counter_figures() {
  return kCounters;
}

}  // namespace storagepool::service
