#include "pool/tables/indexes.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/coroutine.h"

namespace storagepool::tables {
namespace {

using boost::asio::awaitable;

constexpr std::chrono::seconds kAcquireTimeout{2};
constexpr std::chrono::seconds kGiveUpTimeout{2};  // short, because a drain waits for it
constexpr std::chrono::milliseconds kGiveUpPause{100};

struct IndexKind {
  std::string_view name;
  std::string_view suffix;
  std::string_view column;
};
constexpr std::array kIndexKinds{IndexKind{settings::kEventIndexes[0], "_by_actor", "actor_id"},
                                 IndexKind{settings::kEventIndexes[1], "_by_resource", "resource_id"}};

// The key of the advisory lock of the session that is at it, in each database: "sp-index" in ASCII, so that
// it can be told from others in pg_locks. A session that has lost its pod holds it until PostgreSQL ends it.
constexpr std::string_view kTryLock =
    "SELECT pg_try_advisory_lock(8318198442600195448)::int, pg_backend_pid()";
constexpr std::string_view kUnlock = "SELECT pg_advisory_unlock(8318198442600195448)";
constexpr std::string_view kCancel = R"sql(
SELECT pg_cancel_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (classid::bigint << 32 | objid::bigint) = 8318198442600195448 AND pid = $1::int)sql";

// The newest months first, in which lists begin, and the default partition last. Of our making, and ours to
// index.
std::string find_indexes() {
  std::string kinds;
  for (const IndexKind& kind : kIndexKinds)
    kinds +=
        (kinds.empty() ? "('" : ", ('") + std::string(kind.name) + "', '" + std::string(kind.suffix) + "')";
  return "SELECT part.relname, kind, (SELECT indisvalid::int FROM pg_index JOIN pg_class AS named ON "
         "named.oid = "
         "indexrelid WHERE indrelid = part.oid AND named.relname = part.relname || suffix) "
         "FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid, (VALUES " +
         kinds +
         ") AS kinds (kind, suffix) WHERE inhparent = 'audit_events'::regclass AND part.relkind = 'r' AND "
         "part.relname ~ '^audit_events_(y\\d{4}m\\d\\d|default)$' AND pg_has_role(part.relowner, 'USAGE') "
         "ORDER BY part.relname DESC, kind";
}

PartitionIndex::State state_of(const std::optional<std::string>& valid) {
  if (!valid) return PartitionIndex::State::kMissing;
  return *valid == "1" ? PartitionIndex::State::kValid : PartitionIndex::State::kInvalid;
}

// Has the server cancel what this session is at, again until it has ended: the statement may only be on its
// way.
awaitable<void> give_up(engine::Engine& engine, std::string database,
                        std::shared_ptr<const std::string> session) {
  const auto deadline = runtime::steady_now() + kGiveUpTimeout;
  auto lease = co_await engine.acquire(database, deadline);
  while (lease && !session->empty() && runtime::steady_now() < deadline) {
    std::vector<postgres::Parameter> parameters{*session};
    const auto asked = co_await (*lease)->query_once(kCancel, std::move(parameters), deadline);
    if (!asked) co_return;
    co_await runtime::sleep_for(kGiveUpPause);
  }
}

IndexTask task_of(const PartitionIndex& index, bool make) {
  const auto kind = std::ranges::find(kIndexKinds, index.kind, &IndexKind::name);
  IndexTask task{.make = make, .name = index.partition + std::string(kind->suffix), .sql = {}};
  task.sql = make ? "CREATE INDEX CONCURRENTLY " + task.name + " ON " + index.partition + " (" +
                        std::string(kind->column) + ", event_timestamp, event_id)"
                  : "DROP INDEX CONCURRENTLY " + task.name;
  return task;
}

}  // namespace

std::vector<IndexTask> plan_indexes(std::span<const PartitionIndex> found,
                                    const settings::EventIndexes& wanted) {
  std::vector<IndexTask> tasks;
  for (const PartitionIndex& index : found) {
    const bool spare = index.state == PartitionIndex::State::kValid && !wanted.contains(index.kind);
    if (index.state == PartitionIndex::State::kInvalid || spare) tasks.push_back(task_of(index, false));
  }
  for (const PartitionIndex& index : found)
    if (index.state == PartitionIndex::State::kMissing && wanted.contains(index.kind))
      tasks.push_back(task_of(index, true));
  return tasks;
}

IndexUpkeep::IndexUpkeep(engine::Engine& engine, settings::EventIndexes wanted)
    : engine_(engine), wanted_(std::move(wanted)) {}

// Else a drain would wait for it, and then cut it off.
void IndexUpkeep::stop() {
  if (std::exchange(stopped_, true) || !session_) return;
  runtime::spawn(executor_, "giving an index up", give_up(engine_, database_, session_));
}

awaitable<tl::expected<std::vector<IndexTask>, std::string>> IndexUpkeep::look(
    postgres::Connection& connection, Deadline deadline) {
  static const std::string kFind = find_indexes();
  const auto rows = co_await connection.execute(kFind, deadline);
  if (!rows) co_return tl::unexpected(rows.error().detail);
  std::vector<PartitionIndex> found;
  for (const auto& row : rows->rows) {
    found.push_back(
        {.partition = row.at(0).value_or(""), .kind = row.at(1).value_or(""), .state = state_of(row.at(2))});
  }
  auto tasks = plan_indexes(found, wanted_);
  left_ = static_cast<std::int64_t>(tasks.size());
  co_return tasks;
}

// As long as it takes: PostgreSQL waits for everybody who began before, and no limit of the session's is
// meant for that.
awaitable<tl::expected<void, std::string>> IndexUpkeep::perform(postgres::Connection& connection,
                                                                IndexTask task, Deadline deadline) {
  const settings::Settings usual = engine_.in_force();
  const auto cached = static_cast<std::size_t>(usual.statement_cache_size);
  connection.set_limits(std::chrono::milliseconds{0}, std::chrono::milliseconds{0}, cached);
  const auto done = co_await connection.execute(task.sql, deadline);
  connection.set_limits(usual.statement_timeout, usual.lock_timeout, cached);
  if (!done) co_return tl::unexpected(task.name + ": " + done.error().detail);
  co_return tl::expected<void, std::string>();
}

awaitable<tl::expected<IndexStep, std::string>> IndexUpkeep::step(std::string database, Deadline deadline) {
  IndexStep result;
  executor_ = co_await boost::asio::this_coro::executor;
  database_ = std::move(database);
  auto lease =
      co_await engine_.acquire(database_, std::min(deadline, runtime::steady_now() + kAcquireTimeout));
  if (!lease) co_return tl::unexpected(lease.error().detail);
  postgres::Connection& connection = **lease;
  auto tasks = co_await look(connection, deadline);
  if (!tasks) co_return tl::unexpected(tasks.error());
  if (tasks->empty()) failed_.clear();
  if (tasks->empty() || stopped_) co_return result;
  const auto locked = co_await connection.execute(kTryLock, deadline);
  if (!locked) co_return tl::unexpected(locked.error().detail);
  result.skipped = locked->rows.at(0).at(0) != "1";
  if (result.skipped) co_return result;

  tl::expected<void, std::string> done;
  tasks = co_await look(connection, deadline);  // another may just have ended
  if (tasks && !tasks->empty() && !stopped_) {
    if (std::ranges::all_of(*tasks, [this](const IndexTask& each) { return failed_.contains(each.name); }))
      failed_.clear();
    const IndexTask task =
        *std::ranges::find_if(*tasks, [this](const IndexTask& each) { return !failed_.contains(each.name); });
    session_ = std::make_shared<std::string>(locked->rows.at(0).at(1).value_or(""));
    done = co_await perform(connection, task, deadline);
    session_->clear();
    session_.reset();
    if (done) (task.make ? result.made : result.dropped) = task.name;
    if (!done) failed_.insert(task.name);
  }
  if (connection.usable()) {
    tasks = co_await look(connection, deadline);
    static_cast<void>(co_await connection.execute(kUnlock, deadline));
  }
  if (!done) co_return tl::unexpected(done.error());
  if (!tasks) co_return tl::unexpected(tasks.error());
  co_return result;
}

}  // namespace storagepool::tables
