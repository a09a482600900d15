#include "pool/service/background.h"

#include <chrono>
#include <filesystem>
#include <utility>
#include <vector>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/files.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/common/runtime/loop/supervisor.h"
#include "pool/service/config/patience.h"
#include "pool/service/monitor/facts.h"
#include "pool/tables/partitions.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using std::chrono::seconds;

constexpr seconds kFilesPeriod{2};
constexpr seconds kSchemaPeriod{1};  // of looking whether there is one
constexpr std::chrono::hours kMaintenancePeriod{1};
constexpr seconds kMaintenanceRetry{60};
constexpr std::chrono::milliseconds kDeletionPause{500};  // leaves the server to others most of the time
constexpr seconds kMaintenanceTimeout{120};
constexpr std::chrono::hours kIndexTimeout{6};  // of one index of one month
constexpr seconds kIndexPause{1};

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

void Background::start(const boost::asio::any_io_executor& executor) {
  runtime::supervise(executor, "configuration", [this] { return watch_config(); });
  runtime::supervise(executor, "tokens", [this] { return watch_tokens(); });
  runtime::supervise(executor, "maintenance", [this] { return maintain(); });
  runtime::supervise(executor, "indexes", [this] { return keep_indexes(); });
}

// The mounted files are how a change comes when the operator cannot reach the pod, and the only way for
// another server or other credentials.
awaitable<void> Background::watch_config() {
  std::string seen;
  while (!stopped_) {
    const auto text = runtime::read_file(context_.options.config_file, settings::kMaxConfigBytes);
    const std::string now = text ? *text : text.error();
    if (now != seen) {
      seen = now;
      if (!text) {
        log::warn("the mounted configuration cannot be read", {{"detail", text.error()}});
      } else if (!take_mounted(*text)) {
        seen.clear();  // tried again
      }
    }
    co_await change_over();
    co_await runtime::sleep_for(kFilesPeriod);
  }
}

bool Background::take_mounted(const std::string& text) {
  const auto mounted = settings::parse_config(text);
  if (!mounted) {
    log::warn("the mounted configuration is not usable", {{"detail", settings::to_string(mounted.error())}});
    return true;
  }
  // The limit first: it is for the server that is named beside it.
  if (mounted->generation > context_.settings.in_force().config.generation) {
    const auto changed = context_.settings.change(mounted->generation, mounted->pool,
                                                  "the configuration file", mounted->ignored);
    if (!changed) {
      log::warn("the mounted configuration is refused", {{"detail", changed.error().detail}});
      return changed.error().reason != Refusal::Reason::kNotPersisted;
    }
  }
  mounted_generation_ = mounted->generation;
  if (mounted->postgres.database == mounted_.database) {
    mounted_ = mounted->postgres;
  } else {
    log::warn("the mounted configuration names another database, which takes effect with a restart",
              {{"database", mounted->postgres.database}});
  }
  return true;
}

// Absent, or not usable, it is none: nothing depends on it but what the operator is told.
std::optional<Mounted> Background::read_candidate() const {
  const auto path =
      std::filesystem::path(context_.options.config_file).parent_path() / settings::kCandidateFile;
  const auto text = runtime::read_file(path.string(), settings::kMaxConfigBytes);
  if (!text) return std::nullopt;
  auto target = settings::parse_target(*text);
  if (!target) return std::nullopt;
  auto access = read_access({context_.options.credentials_dir, context_.options.ca_file}, *target);
  return Mounted{std::move(*target), std::move(access)};
}

// What the journal holds is stored where new sessions lead; so a wrong or moved server is put right without a
// restart.
awaitable<void> Background::change_over() {
  Changeover& changeover = context_.changeover;
  const settings::PostgresTarget before = changeover.in_force().target;
  auto access = read_access({context_.options.credentials_dir, context_.options.ca_file}, mounted_);
  if (changeover.look({mounted_, std::move(access)}, read_candidate())) put_in_force(before);
  const auto attempt = changeover.due(runtime::steady_now(), context_.serves());
  if (attempt && !stopped_) {
    const auto deadline =
        runtime::steady_now() + kAcquireTimeout + context_.engine.in_force().connect_timeout;
    settings::ServerFacts facts;
    const auto look =
        [&facts, deadline](postgres::Connection& session) -> awaitable<tl::expected<void, postgres::Error>> {
      auto read = co_await read_server_facts(session, deadline);
      if (!read) co_return tl::unexpected(std::move(read.error()));
      facts = std::move(read->facts);
      co_return tl::expected<void, postgres::Error>();
    };
    const auto options = context_.connect_options(attempt->access);
    const auto tried = co_await context_.engine.try_connect(options, look, deadline);
    const Changeover::Outcome outcome =
        tried ? Changeover::Outcome(std::move(facts)) : tl::unexpected(tried.error());
    if (changeover.tried(runtime::steady_now(), *attempt, outcome)) put_in_force(before);
  }
  log_refusal();
}

void Background::put_in_force(const settings::PostgresTarget& before) {
  const settings::PostgresTarget now = context_.changeover.in_force().target;
  log::info("sessions are made anew, with what is mounted now",
            {{"from", settings::target_of(before)},
             {"to", settings::target_of(now)},
             {"open", context_.engine.statistics().open}});
  context_.settings.move(now);
  context_.engine.retire_connections();
  if (now != before) context_.moved();
}

void Background::log_refusal() {
  const std::string refusal = context_.changeover.refusal();
  if (refusal == logged_refusal_) return;
  logged_refusal_ = refusal;
  if (refusal.empty()) {
    log::info("PostgreSQL is used as it is mounted again");
  } else {
    log::warn("PostgreSQL cannot be used as it is mounted now; sessions are made as before",
              {{"detail", refusal}});
  }
}

awaitable<void> Background::watch_tokens() {
  std::string seen;
  while (!stopped_) {
    context_.look_at_log_key();
    const auth::Now now = auth::current_time();
    std::vector<std::string> found = context_.authenticator.status(now);
    for (const std::string& problem : context_.operator_requests.problems(now.steady))
      found.push_back(problem);
    const std::string problems = joined(found);
    if (problems != seen) {
      seen = problems;
      if (problems.empty()) {
        log::info("the tokens and keys are usable");
      } else {
        log::warn("tokens or keys are not usable", {{"detail", problems}});
      }
    }
    co_await runtime::sleep_for(kFilesPeriod);
  }
}

awaitable<void> Background::maintain() {
  while (!stopped_) {
    if (!context_.has_schema()) {
      co_await runtime::sleep_for(kSchemaPeriod);
      continue;
    }
    const std::chrono::milliseconds pause = co_await maintain_once();
    co_await runtime::sleep_for(pause);
  }
}

awaitable<std::chrono::milliseconds> Background::maintain_once() {
  const auto deadline = runtime::steady_now() + kMaintenanceTimeout;
  const std::string database = context_.settings.in_force().config.postgres.database;
  auto lease = co_await context_.engine.acquire(database, runtime::steady_now() + kAcquireTimeout);
  if (!lease) {
    log::warn("the partitions could not be looked after", {{"detail", lease.error().detail}});
    co_return kMaintenanceRetry;
  }
  const auto now = runtime::wall_now();
  const auto done = co_await tables::maintain(**lease, now, deadline, context_.partitions);
  if (!done) {
    log::warn("the partitions could not be looked after", {{"detail", done.error().detail}});
    co_return kMaintenanceRetry;
  }
  if (!done->skipped) {
    figures_.locks_needed = done->locks_of_all;
    figures_.locks_available = done->locks_of_server;
    log::info("the partitions were looked after", {{"created", joined(done->created)},
                                                   {"dropped", joined(done->dropped)},
                                                   {"postponed", joined(done->postponed)},
                                                   {"moved", done->moved},
                                                   {"deleted", done->deleted},
                                                   {"locks_of_all", done->locks_of_all},
                                                   {"locks_of_server", done->locks_of_server}});
  }
  if (done->locks_of_all > done->locks_of_server / 2) {
    log::warn(
        "a dump or another statement on all months may need more locks than PostgreSQL has: raise "
        "max_locks_per_transaction",
        {{"needed", done->locks_of_all}, {"available", done->locks_of_server}});
  }
  if (done->unfinished) co_return kDeletionPause;
  if (done->again_soon()) co_return kMaintenanceRetry;
  co_return kMaintenancePeriod;
}

awaitable<void> Background::keep_indexes() {
  while (!stopped_) {
    const std::chrono::milliseconds pause = co_await keep_indexes_once();
    co_await runtime::sleep_for(pause);
  }
}

awaitable<std::chrono::milliseconds> Background::keep_indexes_once() {
  if (!context_.has_schema()) co_return kSchemaPeriod;
  if (context_.engine.in_force().max_open_conns < tables::kIndexConnections) co_return kMaintenanceRetry;
  const std::string database = context_.settings.in_force().config.postgres.database;
  const auto done = co_await indexes_.step(database, runtime::steady_now() + kIndexTimeout);
  figures_.indexes_left = indexes_.left();
  if (!done && !stopped_)
    log::warn("an index of events could not be looked after", {{"detail", done.error()}});
  if (!done) co_return kMaintenanceRetry;
  if (!done->idle()) {
    log::info("an index of events was looked after",
              {{"made", done->made}, {"dropped", done->dropped}, {"left", indexes_.left()}});
  }
  if (done->skipped) co_return kMaintenanceRetry;
  if (indexes_.left() > 0) co_return kIndexPause;
  co_return kMaintenancePeriod;
}

}  // namespace storagepool::service
