#include "pool/service/monitor/monitor.h"

#include <chrono>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/supervisor.h"
#include "pool/service/config/patience.h"
#include "pool/service/monitor/predecessor.h"
#include "pool/tables/partitions.h"
#include "pool/tables/tables.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kCheckPeriod{30};
constexpr milliseconds kRetryPeriod{1000};  // give or take a fifth
constexpr milliseconds kLeastPause{200};    // however often there is a reason to check
constexpr seconds kFactsTimeout{5};
constexpr std::chrono::minutes kMigrationTimeout{10};
constexpr seconds kMonthsTimeout{30};

}  // namespace

Monitor::Monitor(boost::asio::any_io_executor executor, tables::PartitionSettings partitions)
    : executor_(executor),
      partitions_(partitions),
      woken_(std::move(executor)),
      random_(std::random_device{}()) {}

engine::Listener Monitor::listener() {
  return {.on_connected =
              [this] {
                status_.connected();
                if (on_connected_) on_connected_();
                if (!status_.reachable()) wake();
              },
          .on_connect_failed =
              [this](std::string_view database, const postgres::Error& error) {
                // Of a workspace's own, or of this process.
                const bool of_server =
                    !error.database_only && error.error_class != postgres::ErrorClass::kOther;
                if (database != database_ && !of_server) return;
                status_.connect_failed(error, runtime::steady_now());
                if (engine_->statistics().open == 0) status_.no_session(error.detail);
                log_change();
                if (status_.reachable()) wake();
              },
          .on_connection_lost = [this] { look(); }};
}

void Monitor::start(engine::Engine& engine, std::string database, std::function<void()> on_schema) {
  engine_ = &engine;
  database_ = std::move(database);
  on_schema_ = std::move(on_schema);
  runtime::supervise(executor_, "monitor", [this] { return run(); });
}

void Monitor::stop() {
  stopped_ = true;
  woken_.notify_all();
}

void Monitor::look() {
  if (status_.reachable()) wake();
}

void Monitor::moved() {
  ++moves_;
  status_.moved();
  wake();
}

void Monitor::wrote(const std::string& database, const tables::StoreError* error) {
  if (error != nullptr ? !error->needs_person : !status_.writes_fail()) return;
  if (error == nullptr) {
    status_.written(database);
  } else {
    status_.write_failed(database, *error, runtime::steady_now());
    // It may have become a standby, which is of more than this database.
    if (status_.fault() == settings::PostgresFault::kReadOnly) look();
  }
  log_change();
}

void Monitor::read_registry(const workspaces::Error* error) {
  if (error == nullptr && !status_.registry_fails()) return;
  if (error == nullptr) {
    status_.registry_read();
  } else {
    status_.registry_failed(error->sqlstate, error->detail);
  }
  log_change();
}

void Monitor::wake() {
  wake_ = true;
  woken_.notify_all();
}

awaitable<void> Monitor::run() {
  while (!stopped_) {
    const Checked checked = co_await check();
    log_change();
    wake_ = false;  // the check covered what happened before its end
    co_await wait(pause_after(checked));
  }
}

milliseconds Monitor::pause_after(Checked checked) {
  if (checked == Checked::kWell && predecessor_ == 0 && !status_.refused()) return kCheckPeriod;
  if (checked == Checked::kNoSession) return kLeastPause;  // the engine says when to connect again
  constexpr int kFifth = static_cast<int>(kRetryPeriod.count()) / 5;
  std::uniform_int_distribution<int> jitter(-kFifth, kFifth);
  return kRetryPeriod + milliseconds{jitter(random_)};
}

awaitable<void> Monitor::wait(milliseconds period) {
  const auto began = runtime::steady_now();
  while (!stopped_ && runtime::steady_now() < began + period) {
    const auto until = began + (wake_ ? kLeastPause : period);
    co_await woken_.wait_until(until);
    if (wake_ && runtime::steady_now() >= began + kLeastPause) co_return;
  }
}

awaitable<Monitor::Checked> Monitor::check() {
  const auto deadline = runtime::steady_now() + kAcquireTimeout;
  const int moves = moves_;
  auto lease = co_await engine_->acquire(database_, deadline);
  if (moves != moves_) co_return Checked::kNoSession;
  if (!lease) {
    // A pool that is busy to its last connection says nothing about the server; one without any does.
    if (engine_->statistics().open == 0) status_.no_session(lease.error().detail);
    co_return Checked::kNoSession;
  }
  postgres::Connection& connection = **lease;
  const bool read = co_await read_facts(connection, moves);
  if (read && !status_.has_schema()) co_await migrate(connection, moves);
  co_return read&& status_.has_schema() ? Checked::kWell : Checked::kFailed;
}

awaitable<bool> Monitor::read_facts(postgres::Connection& connection, int moves) {
  const auto asked = runtime::wall_now();
  const auto asked_at = runtime::steady_now();
  auto parsed = co_await read_server_facts(connection, asked_at + kFactsTimeout);
  const auto half = (runtime::steady_now() - asked_at) / 2;
  if (moves != moves_) co_return false;
  if (!parsed) {
    status_.check_failed(parsed.error());
    co_return false;
  }
  if (parsed->read_only) {
    // The other sessions were made when it took writes, as this one was.
    engine_->retire_connections();
    status_.check_failed({postgres::ErrorClass::kReadOnly, "25006", "",
                          "the server of " + database_ + " takes no writes any more (25006)"});
    co_return false;
  }
  if (tell_predecessor_) {
    const bool counted = co_await count_sessions(connection, moves);
    if (!counted) co_return false;
  }
  const runtime::Timestamp of_server{milliseconds{parsed->facts.read_at}};
  const auto between = asked + std::chrono::floor<runtime::Timestamp::duration>(half);
  status_.compared_clocks(std::chrono::floor<milliseconds>(of_server - between), between, asked_at + half);
  status_.told_encoding(std::move(parsed->encoding));
  status_.checked(std::move(parsed->facts), runtime::steady_now(), parsed->commits_early);
  co_return true;
}

awaitable<bool> Monitor::count_sessions(postgres::Connection& connection, int moves) {
  const auto result = co_await connection.execute(kSessionsSql, runtime::steady_now() + kFactsTimeout);
  if (moves != moves_) co_return false;
  if (!result) {
    status_.check_failed(result.error());
    co_return false;
  }
  auto sessions = parse_sessions(*result);
  if (!sessions) {
    postgres::Error error;
    error.detail = sessions.error();
    status_.check_failed(error);
    co_return false;
  }
  status_.counted(std::move(sessions->by_pod));
  predecessor_ = sessions->predecessor;
  tell_predecessor_(sessions->predecessor);
  co_return true;
}

awaitable<void> Monitor::migrate(postgres::Connection& connection, int moves) {
  const auto known = tables::migrations();
  const auto state = co_await tables::migrate(connection, known, runtime::steady_now() + kMigrationTimeout);
  if (moves != moves_) co_return;
  if (!state) {
    status_.schema_failed(state.error());
    co_return;
  }
  co_await create_months(connection);
  if (moves != moves_) co_return;
  status_.schema_ready();
  on_schema_();
  if (state->newer_than_known) {
    log::warn("the database schema is newer than this release; going on, as newer schemas only add",
              {{"version", state->version}, {"known", known.back().version}});
  } else {
    log::info("database schema is up to date", {{"version", state->version}});
  }
}

// So that the first events find their month. Without it they lie in the default partition until the upkeep
// makes it; so neither a failure nor another pod that is at it keeps this one from serving.
awaitable<void> Monitor::create_months(postgres::Connection& connection) {
  const auto now = runtime::wall_now();
  const auto deadline = runtime::steady_now() + kMonthsTimeout;
  const auto made = co_await tables::create_months(connection, now, deadline, partitions_);
  if (!made) {
    log::warn("months could not be made; their events go to the default partition until they can",
              {{"detail", made.error().detail}});
  } else if (!made->created.empty()) {
    log::info("months made", {{"first", made->created.front()}, {"last", made->created.back()}});
  }
}

runtime::Timestamp Monitor::now() const {
  return status_.judged_by(runtime::wall_now(), runtime::steady_now());
}

void Monitor::log_change() {
  if (logged_any_ && logged_reachable_ == status_.reachable() && logged_fault_ == status_.fault()) return;
  logged_any_ = true;
  logged_reachable_ = status_.reachable();
  logged_fault_ = status_.fault();
  const std::string fault = logged_fault_ ? std::string(settings::to_string(*logged_fault_)) : "";
  if (!status_.reachable()) {
    log::warn("PostgreSQL cannot be used", {{"fault", fault}, {"detail", status_.detail()}});
  } else if (status_.fault()) {
    log::warn("PostgreSQL is reachable, but", {{"fault", fault}, {"detail", status_.detail()}});
  } else {
    const auto facts = status_.report(runtime::steady_now()).facts.value_or(settings::ServerFacts{});
    log::info("PostgreSQL is reachable", {{"serverVersion", facts.server_version},
                                          {"maxConnections", facts.max_connections},
                                          {"roleLimit", facts.role_limit.value_or(-1)},
                                          {"databaseLimit", facts.database_limit.value_or(-1)},
                                          {"sessions", facts.sessions}});
  }
}

}  // namespace storagepool::service
