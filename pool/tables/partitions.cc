#include "pool/tables/partitions.h"

#include <algorithm>
#include <charconv>

#include "pool/tables/guards.h"
#include "pool/tables/legal_holds.h"
#include "pool/tables/retention.h"

namespace storagepool::tables {
namespace {

using boost::asio::awaitable;
using std::chrono::year_month;
using Done = tl::expected<void, postgres::Error>;
using Rows = tl::expected<postgres::Result, postgres::Error>;

// The key of the advisory lock: "sp-parts" in ASCII, so that it can be told from others in pg_locks. The lock
// timeout is below PostgreSQL's deadlock timeout (1 s by default): we give way, not the one we are in the way
// of; and a step that takes up to three locks one after the other holds nobody up for half a second. A pod
// that stops in the middle must not keep its locks.
constexpr std::string_view kBeginMaintenance = R"sql(
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '150ms';
SET LOCAL idle_in_transaction_session_timeout = '10s';
SET LOCAL storagepool.maintenance = 'on';
SELECT pg_try_advisory_xact_lock(8318198472447784051)::int)sql";

constexpr std::string_view kExisting = R"sql(
SELECT name,
  CASE WHEN isfinite(lower) THEN (extract(epoch FROM lower) * 1000000)::bigint END,
  CASE WHEN isfinite(upper) THEN (extract(epoch FROM upper) * 1000000)::bigint END
FROM (
  SELECT relname AS name, bound[2]::timestamptz AS lower, bound[4]::timestamptz AS upper
  FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid,
    regexp_match(pg_get_expr(relpartbound, pg_class.oid),
                 $re$^FOR VALUES FROM \((MINVALUE|'([^']*)')\) TO \((MAXVALUE|'([^']*)')\)$$re$) AS bound
  WHERE inhparent = 'audit_events'::regclass AND bound IS NOT NULL) AS partitions)sql";

constexpr const char* kLocks = R"sql(
WITH tables (of) AS (SELECT 'audit_events'::regclass::oid UNION ALL
  SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_events'::regclass)
SELECT (SELECT count(*) FROM tables) + (SELECT count(*) FROM pg_index JOIN tables ON indrelid = of),
       current_setting('max_locks_per_transaction')::bigint *
       (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint))sql";

std::optional<std::int64_t> integer(const postgres::Result& result, std::size_t row, std::size_t column) {
  if (row >= result.rows.size() || column >= result.rows[row].size()) return std::nullopt;
  const auto& text = result.rows[row][column];
  std::int64_t value = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{})
    return std::nullopt;
  return value;
}

std::string quoted_time(runtime::Timestamp time) {
  return "'" + runtime::format_timestamp(time) + "'";
}

// One call of `maintain` or `create_months`. After an error a transaction may be open.
class Pass {
 public:
  Pass(postgres::Connection& connection, runtime::Timestamp now, postgres::Deadline deadline,
       const PartitionSettings& settings)
      : connection_(connection), now_(now), deadline_(deadline), settings_(settings) {}

  Maintenance take_result() { return std::move(result_); }

  awaitable<Done> everything() {
    Done done = co_await create_missing();
    if (done && !result_.skipped) done = co_await drop_expired();
    if (done && !result_.skipped) done = co_await delete_expired();
    if (done && !result_.skipped) done = co_await count_locks();
    co_return done;
  }

  awaitable<Done> create_missing() {
    for (;;) {
      auto plan = co_await begin();
      if (!plan) co_return tl::unexpected(plan.error());
      const std::optional<PartitionPlan>& todo = *plan;
      if (!todo) co_return Done();
      if (todo->create.empty()) co_return co_await guard();
      const year_month month = todo->create.front();
      const auto going_on = co_await create(month);
      if (!going_on) co_return tl::unexpected(going_on.error());
      if (!*going_on) co_return Done();
    }
  }

 private:
  awaitable<Rows> execute(std::string sql) {
    const std::string text = std::move(sql);
    co_return co_await connection_.execute(text, deadline_);
  }
  awaitable<Done> rollback() {
    const auto ended = co_await execute("ROLLBACK");
    if (!ended) co_return tl::unexpected(ended.error());
    co_return Done();
  }

  // Begins a transaction that alone maintains this database. False when another pod is at it; the transaction
  // is over then.
  awaitable<tl::expected<bool, postgres::Error>> lock() {
    const auto locked = co_await execute(std::string(kBeginMaintenance));
    if (!locked) co_return tl::unexpected(locked.error());
    if (integer(*locked, 0, 0) == 1) co_return true;
    result_.skipped = true;
    const Done ended = co_await rollback();
    if (!ended) co_return tl::unexpected(ended.error());
    co_return false;
  }

  // The same, and looks what there is to do.
  awaitable<tl::expected<std::optional<PartitionPlan>, postgres::Error>> begin() {
    const auto locked = co_await lock();
    if (!locked) co_return tl::unexpected(locked.error());
    if (!*locked) co_return std::nullopt;
    const auto found = co_await execute(std::string(kExisting));
    if (!found) co_return tl::unexpected(found.error());
    std::vector<Partition> existing;
    const auto time = [&](std::size_t row, std::size_t column) -> std::optional<runtime::Timestamp> {
      const auto count = integer(*found, row, column);
      if (!count) return std::nullopt;
      return runtime::Timestamp{std::chrono::microseconds{*count}};
    };
    for (std::size_t row = 0; row < found->rows.size(); ++row)
      existing.push_back({found->rows[row].at(0).value_or(""), time(row, 1), time(row, 2)});
    co_return plan_partitions(now_, existing, settings_);
  }

  // What became of a step whose last statement, COMMIT, answered with `result`. A step that would have to
  // wait is postponed; every other error ends the pass.
  awaitable<tl::expected<bool, postgres::Error>> finished(Rows result, const std::string& name) {
    if (result) co_return true;
    const std::string state = result.error().sqlstate;
    const bool in_the_way = state == "55P03" || state == "40P01";
    if (!in_the_way || !connection_.usable()) {
      postgres::Error error = std::move(result.error());
      error.detail = "maintaining " + name + ": " + error.detail;
      co_return tl::unexpected(std::move(error));
    }
    result_.postponed.push_back(name);
    const Done ended = co_await rollback();
    if (!ended) co_return tl::unexpected(ended.error());
    co_return false;
  }

  // A statement is planned for the partitions of that moment, and may then wait for the default one. If
  // events moved out of it meanwhile, it would find them nowhere; so they move only while nobody plans, which
  // is what the lock on the whole table is for. It comes first, as in everybody's statements, lest one waits
  // for the other. When there is nothing to move, a lock that ATTACH takes anyway lets inserts into other
  // partitions go on, which CREATE TABLE ... PARTITION OF would not. False when the month is postponed.
  awaitable<tl::expected<bool, postgres::Error>> create(year_month month) {
    const std::string name = partition_name(month);
    const auto [from, until] = bounds_of(month);
    const std::string begin = quoted_time(from);
    const std::string end = quoted_time(until);
    const std::string of_the_month =
        " FROM audit_events_default WHERE event_timestamp >= " + begin + " AND event_timestamp < " + end;
    auto found = co_await execute("SELECT EXISTS (SELECT" + of_the_month + ")::int");
    if (!found) co_return co_await finished(std::move(found), name);
    const bool to_move = integer(*found, 0, 0) == 1;
    const std::string lock = to_move ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE";
    auto moved =
        co_await execute("LOCK TABLE ONLY audit_events IN " + lock + " MODE; CREATE TABLE " + name +
                         " (LIKE audit_events INCLUDING ALL);"
                         "LOCK TABLE audit_events_default IN ACCESS EXCLUSIVE MODE;"
                         "WITH moved AS (DELETE" +
                         of_the_month + " RETURNING *) INSERT INTO " + name + " SELECT * FROM moved");
    if (!moved) co_return co_await finished(std::move(moved), name);
    const std::int64_t events = moved->affected_rows;
    if (events > 0 && !to_move) {  // they came a moment ago
      const Done ended = co_await rollback();
      if (!ended) co_return tl::unexpected(ended.error());
      co_return true;
    }
    auto attached = co_await execute("ALTER TABLE audit_events ATTACH PARTITION " + name +
                                     " FOR VALUES FROM (" + begin + ") TO (" + end + "); COMMIT");
    const bool done = attached.has_value();
    if (done) {
      result_.created.push_back(name);
      result_.moved += events;
    }
    co_return co_await finished(std::move(attached), name);
  }

  // In the open transaction and further ones, a partition in each, so that nobody waits for long.
  awaitable<Done> guard() {
    for (;;) {
      const auto found = co_await execute(std::string(kFindUnguarded));
      if (!found) co_return tl::unexpected(found.error());
      if (found->rows.empty()) co_return co_await rollback();
      const std::string name = found->rows[0].at(0).value_or("");
      auto made = co_await execute(guard_partition(name) + "; COMMIT");
      const auto done = co_await finished(std::move(made), name);
      if (!done) co_return tl::unexpected(done.error());
      if (!*done) co_return Done();
      const auto locked = co_await lock();
      if (!locked) co_return tl::unexpected(locked.error());
      if (!*locked) co_return Done();
    }
  }

  awaitable<Done> drop_expired() {
    std::optional<year_month> last;  // that was looked at
    const std::size_t postponed_before = result_.postponed.size();
    for (;;) {
      const auto plan = co_await begin();
      if (!plan) co_return tl::unexpected(plan.error());
      const std::optional<PartitionPlan>& todo = *plan;
      if (!todo) co_return Done();
      const auto& droppable = todo->droppable;
      const auto next = std::upper_bound(droppable.begin(), droppable.end(), last);
      if (next == droppable.end()) co_return co_await rollback();
      last = *next;
      const Done done = co_await drop(*next);
      if (!done) co_return done;
      // Whoever is in the way of one is in the way of all.
      if (result_.postponed.size() > postponed_before) co_return Done();
    }
  }

  // Looks first without being in the way, lets go of the ids, then looks again with inserts into the month
  // held off, which are rare: it is long past; and holds, which would keep some of it. What they keep is
  // moved, unless it is much: the month stays then. DROP locks the whole table, and is the last thing before
  // the end.
  awaitable<Done> drop(year_month month) {
    const std::string name = partition_name(month);
    const auto worthwhile = co_await what_stays(name);
    if (!worthwhile) co_return tl::unexpected(worthwhile.error());
    if (worthwhile->unexpired || worthwhile->held > kMaxMoved) {
      if (!worthwhile->unexpired) held_back_.push_back(name);
      co_return co_await rollback();
    }
    const auto forgotten = co_await forget_ids_of(month);
    if (!forgotten) co_return tl::unexpected(forgotten.error());
    if (!*forgotten) co_return Done();
    auto locked = co_await execute(std::string(kHoldsStay) + "; LOCK TABLE " + name + " IN SHARE MODE");
    if (!locked) co_return co_await dropped(std::move(locked), name);
    const auto stays = co_await what_stays(name);
    if (!stays) co_return tl::unexpected(stays.error());
    if (stays->unexpired || stays->held > kMaxMoved) co_return co_await keep_after_all(name);
    std::string ending = "DROP TABLE " + name;
    if (stays->held > 0) ending = drop_but_held(name);
    auto done = co_await execute(ending + "; COMMIT");
    if (done) result_.dropped.push_back(name);
    if (done) result_.moved += stays->held;
    co_return co_await dropped(std::move(done), name);
  }
  // Ids of it were forgotten, by which what is held must be found.
  awaitable<Done> keep_after_all(const std::string& name) {
    const auto kept = co_await execute(remember_ids_of_held(name) + "; COMMIT");
    if (!kept) co_return tl::unexpected(kept.error());
    co_return Done();
  }
  awaitable<Done> dropped(Rows result, std::string name) {
    const auto done = co_await finished(std::move(result), name);
    if (!done) co_return tl::unexpected(done.error());
    co_return Done();
  }

  // In transactions of a portion each; in that of the last, which is open still, the month may be dropped.
  // False when there are more than this call may delete, or another pod is at it: no transaction is open
  // then.
  awaitable<tl::expected<bool, postgres::Error>> forget_ids_of(year_month month) {
    const auto [from, until] = bounds_of(month);
    const std::string begin = quoted_time(from);
    const std::string end = quoted_time(until);
    for (;;) {
      const auto forgotten = co_await execute(forget_ids(begin, end, kDeletedAtOnce));
      if (!forgotten) co_return tl::unexpected(forgotten.error());
      if (forgotten->affected_rows < kDeletedAtOnce) co_return true;
      const auto committed = co_await execute("COMMIT");
      if (!committed) co_return tl::unexpected(committed.error());
      if (!may_delete(forgotten->affected_rows)) co_return false;
      const auto locked = co_await lock();
      if (!locked) co_return tl::unexpected(locked.error());
      if (!*locked) co_return false;
    }
  }

  struct Stays {
    bool unexpired = false;
    std::int64_t held = 0;
  };
  awaitable<tl::expected<Stays, postgres::Error>> what_stays(std::string name) {
    const auto kept = co_await execute(find_kept(name, latest()));
    if (!kept) co_return tl::unexpected(kept.error());
    if (integer(*kept, 0, 0) != 0) co_return Stays{.unexpired = true};
    const auto held = co_await execute(count_held(name));
    if (!held) co_return tl::unexpected(held.error());
    co_return Stays{.held = integer(*held, 0, 0).value_or(0)};
  }

  // Months of others are left alone.
  awaitable<Done> delete_expired() {
    const auto plan = co_await begin();
    if (!plan) co_return tl::unexpected(plan.error());
    const std::optional<PartitionPlan>& todo = *plan;
    if (!todo) co_return Done();
    const Done ended = co_await rollback();
    if (!ended) co_return ended;
    std::vector<std::pair<std::string, std::string>> places;  // names, and how rows are deleted there
    for (const std::string& name : held_back_)
      places.emplace_back(name, tables::delete_expired(name, latest(), kDeletedAtOnce));
    places.emplace_back("audit_events_default",
                        tables::delete_expired("audit_events_default", latest(), kDeletedAtOnce));
    for (const year_month month : todo->ours) {
      const std::string name = partition_name(month);
      places.emplace_back(name, delete_expired_of_month(name, latest(), kDeletedAtOnce));
    }
    for (const auto& [name, sql] : places) {
      const auto going_on = co_await delete_portions(name, sql);
      if (!going_on) co_return tl::unexpected(going_on.error());
      if (!*going_on) break;
    }
    co_return Done();
  }

  // False when no more is to be deleted by this call.
  awaitable<tl::expected<bool, postgres::Error>> delete_portions(const std::string& name,
                                                                 const std::string& sql) {
    for (;;) {
      const auto locked = co_await lock();
      if (!locked) co_return tl::unexpected(locked.error());
      if (!*locked) co_return false;
      auto deleted = co_await execute(kHoldsStay);
      if (deleted) deleted = co_await execute(sql);
      const std::int64_t events = deleted ? integer(*deleted, 0, 0).value_or(0) : 0;
      if (deleted) deleted = co_await execute("COMMIT");
      const auto done = co_await finished(std::move(deleted), name);
      if (!done) co_return tl::unexpected(done.error());
      if (!*done) co_return true;  // the next partition
      result_.deleted += events;
      if (events < kDeletedAtOnce) co_return true;
      if (!may_delete(events)) co_return false;
    }
  }

  // Whether more than these may be deleted by this call.
  bool may_delete(std::int64_t rows) {
    may_delete_ -= rows;
    result_.unfinished = may_delete_ <= 0;
    return !result_.unfinished;
  }

  awaitable<Done> count_locks() {
    const auto locks = co_await execute(kLocks);
    if (!locks) co_return tl::unexpected(locks.error());
    result_.locks_of_all = integer(*locks, 0, 0).value_or(0);
    result_.locks_of_server = integer(*locks, 0, 1).value_or(0);
    co_return Done();
  }

  // The earlier of both clocks, in SQL.
  std::string latest() const { return "least(" + quoted_time(now_) + "::timestamptz, now())"; }

  postgres::Connection& connection_;
  runtime::Timestamp now_;
  postgres::Deadline deadline_;
  PartitionSettings settings_;
  Maintenance result_;
  std::vector<std::string> held_back_;     // months that are over but for much that is held
  std::int64_t may_delete_ = kMaxDeleted;  // rows
};

awaitable<tl::expected<Maintenance, postgres::Error>> perform(awaitable<Done> (Pass::*work)(),
                                                              postgres::Connection& connection,
                                                              runtime::Timestamp now,
                                                              postgres::Deadline deadline,
                                                              PartitionSettings settings) {
  Pass pass(connection, now, deadline, settings);
  const Done done = co_await (pass.*work)();
  if (done) co_return pass.take_result();
  if (connection.usable() && connection.in_transaction()) co_await connection.execute("ROLLBACK", deadline);
  co_return tl::unexpected(done.error());
}

}  // namespace

awaitable<tl::expected<Maintenance, postgres::Error>> maintain(postgres::Connection& connection,
                                                               runtime::Timestamp now,
                                                               postgres::Deadline deadline,
                                                               PartitionSettings settings) {
  return perform(&Pass::everything, connection, now, deadline, settings);
}

awaitable<tl::expected<Maintenance, postgres::Error>> create_months(postgres::Connection& connection,
                                                                    runtime::Timestamp now,
                                                                    postgres::Deadline deadline,
                                                                    PartitionSettings settings) {
  return perform(&Pass::create_missing, connection, now, deadline, settings);
}

}  // namespace storagepool::tables
