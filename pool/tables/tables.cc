#include "pool/tables/tables.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "pool/tables/guards.h"

namespace storagepool::tables {
namespace {

using boost::asio::awaitable;

// Every index costs each insert (a whole one a sixth of the server's work for an event, as measured), so
// there is one for a filter only where a scan of audit_events_by_time, newest first, would not do. All end
// with the order of lists, so that a page is read off them.
// - correlation, type, category: any value may be rare.
// - outcome, severity: without the commonest value, which a scan by time finds at once; so they cost next to
//   nothing. A query has to name its value for PostgreSQL to see that it is covered (Connection::query_once).
// - detail: none. It would have to be a GIN index on event_data::jsonb, which adds seven tenths to the work
// for
//   an event, and whose cast refuses what event_data allows (1e-20000), so that such an event could not be
//   stored at all. A filter on a detail reads the events that the other filters leave; clients should give a
//   time or another filter with it.
// - term: without the longest one, which is the default: events of that end with their month.
// audit_event_ids: BRIN, because it is asked by time only when a month is dropped.
// audit_batches: one row for each commit, never updated, whose entries are hashes, which do not compress.
constexpr std::array<Migration, 9> kMigrations = {{
    {1, "audit events", R"sql(
CREATE TABLE audit_events (
  event_id          uuid NOT NULL,
  event_timestamp   timestamptz NOT NULL,
  version           text NOT NULL,
  event_type        text NOT NULL,
  event_category    text NOT NULL,
  event_action      text NOT NULL,
  event_outcome     text NOT NULL,
  correlation_id    text NOT NULL,
  parent_event_id   uuid,
  parent_event_date date,
  resource_type     text NOT NULL,
  resource_id       text NOT NULL,
  severity          text NOT NULL,
  actor_id          text NOT NULL,
  actor_type        text NOT NULL,
  retention_days    integer NOT NULL,
  is_sensitive      boolean NOT NULL,
  event_data        json NOT NULL,
  namespace         text,
  cluster_id        text,
  actor_ip          inet,
  duration_ms       bigint,
  error_code        text,
  error_message     text,
  PRIMARY KEY (event_id, event_timestamp)
) PARTITION BY RANGE (event_timestamp);
COMMENT ON TABLE audit_events IS 'monthly partitions (UTC), made and dropped by the pods';
COMMENT ON COLUMN audit_events.event_data IS 'json, not jsonb: it keeps the text as the client sent it';
CREATE INDEX audit_events_by_time ON audit_events (event_timestamp, event_id);
CREATE INDEX audit_events_by_correlation ON audit_events (correlation_id, event_timestamp, event_id);
CREATE INDEX audit_events_by_type ON audit_events (event_type, event_timestamp, event_id);
CREATE INDEX audit_events_by_category ON audit_events (event_category, event_timestamp, event_id);
CREATE INDEX audit_events_by_outcome ON audit_events (event_outcome, event_timestamp, event_id)
  WHERE event_outcome <> 'success';
CREATE INDEX audit_events_by_severity ON audit_events (severity, event_timestamp, event_id)
  WHERE severity <> 'info';
CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT;
COMMENT ON TABLE audit_events_default IS 'events of a time for which there is no monthly partition';
CREATE TABLE audit_event_ids (
  event_id        uuid PRIMARY KEY,
  event_timestamp timestamptz NOT NULL
);
COMMENT ON TABLE audit_event_ids IS
  'the ids that clients made, by which an event is found, and not stored twice, whatever its time';
CREATE INDEX audit_event_ids_by_time ON audit_event_ids USING brin (event_timestamp)
  WITH (autosummarize = on);
)sql"},
    {2, "what a repeated call is compared with", R"sql(
ALTER TABLE audit_events ADD COLUMN parent_missing boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN audit_events.parent_missing IS
  'the event was acknowledged while PostgreSQL was away, and its parent never came';
ALTER TABLE audit_event_ids ADD COLUMN content_digest bytea;
COMMENT ON COLUMN audit_event_ids.content_digest IS
  'of the event, to tell a repeated call from another event under its id; NULL: stored by an earlier release';
)sql"},
    {3, "texts that clients give for ids", R"sql(
ALTER TABLE audit_events ADD COLUMN client_event_id text;
COMMENT ON COLUMN audit_events.client_event_id IS
  'what the client sent as event_id where that is no UUID: event_id is made of it and the sender';
)sql"},
    {4, "events that expire before their month does", R"sql(
CREATE INDEX audit_events_by_term ON audit_events (retention_days, event_timestamp)
  WHERE retention_days <> 2555;
)sql"},
    {5, "evidence", R"sql(
ALTER TABLE audit_events
  ADD COLUMN principal     text,
  ADD COLUMN received_at   timestamptz,
  ADD COLUMN received_from inet,
  ADD COLUMN salt          text,
  ADD COLUMN batch         bigint;
COMMENT ON COLUMN audit_events.principal IS 'who sent the event, by its token';
COMMENT ON COLUMN audit_events.salt IS 'random bits that keep the digest of a sensitive event from being guessed';
COMMENT ON COLUMN audit_events.batch IS 'of audit_batches, with its entry of the log; NULL: it has none';
CREATE TABLE audit_batches (
  batch       bigint PRIMARY KEY,
  incarnation smallint NOT NULL DEFAULT 1,
  tx          xid8 NOT NULL DEFAULT pg_current_xact_id(),
  events      integer NOT NULL,
  kept        integer[],
  entries     bytea NOT NULL,
  mac         bytea NOT NULL
);
ALTER TABLE audit_batches ALTER entries SET STORAGE EXTERNAL;
COMMENT ON TABLE audit_batches IS 'what the log commits to, for each commit of events';
COMMENT ON COLUMN audit_batches.kept IS 'which of the entries, counted from 1, were stored; NULL: all';
CREATE INDEX audit_batches_by_commit ON audit_batches (incarnation, tx, batch);
CREATE TABLE audit_seals (
  first_seq bigint PRIMARY KEY,
  size      bigint NOT NULL,
  batches   bigint[] NOT NULL,
  counts    integer[] NOT NULL,
  lo        bigint NOT NULL,
  hi        bigint NOT NULL,
  sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE audit_seals IS 'which batches, in which order, are in the log, and where';
CREATE INDEX audit_seals_by_batch ON audit_seals (hi);
CREATE TABLE audit_nodes (
  level smallint,
  index bigint,
  hash  bytea NOT NULL,
  PRIMARY KEY (level, index)
);
COMMENT ON TABLE audit_nodes IS 'hashes of the log''s full subtrees of 256^level entries';
CREATE TABLE audit_log (
  one         boolean PRIMARY KEY DEFAULT true CHECK (one),
  origin      text NOT NULL,
  epoch       integer NOT NULL,
  incarnation smallint NOT NULL,
  last_tx     xid8 NOT NULL,
  last_batch  bigint NOT NULL,
  size        bigint NOT NULL,
  frontier    bytea NOT NULL,
  min_index   bigint NOT NULL DEFAULT 0,
  published   text,
  written_by  xid8 NOT NULL,
  mac         bytea NOT NULL
);
COMMENT ON TABLE audit_log IS 'the state of the log, authenticated by a key that is not in this database';
CREATE TABLE audit_expiry (
  month     date,
  expires   date,
  events    bigint NOT NULL,
  first_seq bigint NOT NULL,
  last_seq  bigint NOT NULL,
  PRIMARY KEY (month, expires)
);
COMMENT ON TABLE audit_expiry IS 'how many entries of a month expire on a day, and where they are in the log';
)sql"},
    {6, "legal holds", R"sql(
CREATE TABLE audit_legal_holds (
  id             uuid PRIMARY KEY,
  correlation_id text NOT NULL,
  reason         text NOT NULL,
  placed_by      text NOT NULL,
  placed_at      timestamptz NOT NULL,
  events         bigint NOT NULL,
  released_by    text,
  released_at    timestamptz,
  release_reason text
);
COMMENT ON TABLE audit_legal_holds IS 'whose events stay and are served however long they have been kept';
COMMENT ON COLUMN audit_legal_holds.events IS 'that were there when the hold was placed';
CREATE INDEX audit_legal_holds_by_correlation ON audit_legal_holds (correlation_id) WHERE released_at IS NULL;
)sql"},
    {7, "the full audit", R"sql(
CREATE TABLE audit_progress (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  progress text NOT NULL,
  mac      bytea NOT NULL
);
COMMENT ON TABLE audit_progress IS
  'how far the full audit has come, authenticated by a key that is not in this database';
)sql"},
    {8, "guards against accidents", kMakeGuards},
    {9, "floors of the logs of workspaces", R"sql(
CREATE TABLE audit_log_floors (
  workspace uuid PRIMARY KEY,
  epoch     bigint NOT NULL,
  size      bigint NOT NULL,
  root      bytea NOT NULL
);
COMMENT ON TABLE audit_log_floors IS
  'of the system database: what the log of each workspace was shown with, below which it was rolled back';
COMMENT ON COLUMN audit_log_floors.workspace IS 'its incarnation in storagepool_workspaces';
)sql"},
}};

// The key of the advisory lock: "sp-schem" in ASCII, so that it can be told from others in pg_locks.
// Index builds of a migration may outlast the session's statement timeout; the caller's deadline bounds them.
constexpr std::string_view kBegin = R"sql(
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '10s';
SELECT pg_advisory_xact_lock(8318198485365581165);
CREATE TABLE IF NOT EXISTS storagepool_schema (
  version    bigint PRIMARY KEY,
  name       text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
SELECT coalesce(max(version), 0) FROM storagepool_schema)sql";

using Version = tl::expected<std::int64_t, postgres::Error>;

Version read_version(const tl::expected<postgres::Result, postgres::Error>& result) {
  if (!result) return tl::unexpected(result.error());
  std::int64_t version = 0;
  if (result->rows.size() == 1 && result->rows[0].size() == 1) {
    const std::string text = result->rows[0][0].value_or("");
    if (std::from_chars(text.data(), text.data() + text.size(), version).ec == std::errc{}) return version;
  }
  postgres::Error error;
  error.detail = "storagepool_schema holds no readable version";
  return tl::unexpected(std::move(error));
}

// Without a lock: in the steady state a starting pod waits for nobody. 0 when there is no schema yet.
awaitable<Version> current_version(postgres::Connection& connection, postgres::Deadline deadline) {
  const auto exists =
      co_await connection.execute("SELECT (to_regclass('storagepool_schema') IS NOT NULL)::int", deadline);
  const Version known = read_version(exists);
  if (!known || *known == 0) co_return known;
  const auto version =
      co_await connection.execute("SELECT coalesce(max(version), 0) FROM storagepool_schema", deadline);
  co_return read_version(version);
}

// Inside the transaction that `kBegin` began.
awaitable<tl::expected<void, postgres::Error>> apply(postgres::Connection& connection,
                                                     const Migration& migration,
                                                     postgres::Deadline deadline) {
  const auto applied = co_await connection.execute(migration.sql, deadline);
  if (!applied) co_return tl::unexpected(applied.error());
  std::vector<postgres::Parameter> row{std::to_string(migration.version), std::string(migration.name)};
  const auto recorded = co_await connection.query(
      "INSERT INTO storagepool_schema (version, name) VALUES ($1, $2)", std::move(row), deadline);
  if (!recorded) co_return tl::unexpected(recorded.error());
  co_return tl::expected<void, postgres::Error>();
}

// One migration, or none when another pod was faster; the version after it.
awaitable<Version> apply_next(postgres::Connection& connection, std::span<const Migration> known,
                              postgres::Deadline deadline) {
  const auto begun = co_await connection.execute(kBegin, deadline);
  Version version = read_version(begun);
  if (!version) co_return version;
  const auto next = std::find_if(known.begin(), known.end(),
                                 [&](const Migration& migration) { return migration.version > *version; });
  if (next != known.end()) {
    const auto applied = co_await apply(connection, *next, deadline);
    if (!applied) co_return tl::unexpected(applied.error());
    version = next->version;
  }
  const auto committed = co_await connection.execute("COMMIT", deadline);
  if (!committed) co_return tl::unexpected(committed.error());
  co_return version;
}

}  // namespace

std::span<const Migration> migrations() {
  return kMigrations;
}

awaitable<tl::expected<SchemaState, postgres::Error>> migrate(postgres::Connection& connection,
                                                              std::span<const Migration> known,
                                                              postgres::Deadline deadline) {
  const std::int64_t newest = known.empty() ? 0 : known.back().version;
  Version version = co_await current_version(connection, deadline);
  while (version && *version < newest) {
    version = co_await apply_next(connection, known, deadline);
  }
  if (!version) {
    if (connection.usable() && connection.in_transaction()) co_await connection.execute("ROLLBACK", deadline);
    co_return tl::unexpected(version.error());
  }
  co_return SchemaState{.version = *version, .newer_than_known = *version > newest};
}

}  // namespace storagepool::tables
