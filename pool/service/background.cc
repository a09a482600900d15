#include "pool/service/background.h"

#include <chrono>
#include <vector>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/coroutine.h"
#include "pool/common/runtime/files.h"
#include "pool/common/runtime/log.h"
#include "pool/service/config/credential_watch.h"
#include "pool/tables/partitions.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using std::chrono::seconds;

constexpr seconds kFilesPeriod{2};
constexpr seconds kSchemaPeriod{1};  // of looking whether there is one
constexpr std::chrono::hours kMaintenancePeriod{1};
constexpr seconds kMaintenanceRetry{60};
constexpr seconds kAcquireTimeout{2};  // short, because a drain waits for it
constexpr seconds kMaintenanceTimeout{120};

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

void Background::start(const boost::asio::any_io_executor& executor) {
  runtime::spawn(executor, "configuration", watch_config());
  runtime::spawn(executor, "credentials", watch_credentials());
  runtime::spawn(executor, "tokens", watch_tokens());
  runtime::spawn(executor, "maintenance", maintain());
}

// The mounted file is how a change comes when the operator cannot reach the pod.
awaitable<void> Background::watch_config() {
  std::string seen;
  while (!stopped_) {
    co_await runtime::sleep_for(kFilesPeriod);
    const auto text = runtime::read_file(context_.options.config_file, settings::kMaxConfigBytes);
    const std::string now = text ? *text : text.error();
    if (now == seen || stopped_) continue;
    seen = now;
    if (!text) {
      log::warn("the mounted configuration cannot be read", {{"detail", text.error()}});
    } else if (!take_mounted(*text)) {
      seen.clear();  // tried again
    }
  }
}

bool Background::take_mounted(const std::string& text) {
  const auto mounted = settings::parse_config(text);
  if (!mounted) {
    log::warn("the mounted configuration is not usable", {{"detail", settings::to_string(mounted.error())}});
    return true;
  }
  const InForce& now = context_.settings.in_force();
  // The limit first: it may be for the server that is named beside it.
  if (mounted->generation > now.config.generation) {
    const auto changed = context_.settings.change(mounted->generation, mounted->pool,
                                                  "the configuration file", mounted->ignored);
    if (!changed) {
      log::warn("the mounted configuration is refused", {{"detail", changed.error().detail}});
      return changed.error().reason != Refusal::Reason::kNotPersisted;
    }
  }
  follow(mounted->postgres);
  return true;
}

// What the journal holds is stored where new sessions lead; so a wrong or moved server is put right without a
// restart.
void Background::follow(const settings::PostgresTarget& mounted) {
  const settings::PostgresTarget before = context_.settings.in_force().config.postgres;
  if (mounted == before) return;
  if (mounted.database != before.database) {
    log::warn("the mounted configuration names another database, which takes effect with a restart",
              {{"database", mounted.database}});
    return;
  }
  log::info("PostgreSQL is elsewhere now, replacing the sessions",
            {{"from", settings::target_of(before)},
             {"to", settings::target_of(mounted)},
             {"open", context_.engine.statistics().open}});
  context_.settings.move(mounted);
  context_.engine.retire_connections();
  context_.moved();
}

// New sessions read the mounted files anyway; those made with what stood there before are replaced.
awaitable<void> Background::watch_credentials() {
  CredentialWatch watch({context_.options.credentials_dir, context_.options.ca_file},
                        context_.settings.in_force().config.postgres.ssl_mode);
  while (!stopped_) {
    co_await runtime::sleep_for(kFilesPeriod);
    if (!watch.changed()) continue;
    log::info("the credentials have changed, replacing the sessions",
              {{"open", context_.engine.statistics().open}});
    context_.engine.retire_connections();
  }
}

awaitable<void> Background::watch_tokens() {
  std::string seen;
  while (!stopped_) {
    const std::string problems = joined(context_.authenticator.status(auth::current_time()));
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
    const bool done = co_await maintain_once();
    const std::chrono::seconds pause = done ? seconds{kMaintenancePeriod} : kMaintenanceRetry;
    co_await runtime::sleep_for(pause);
  }
}

awaitable<bool> Background::maintain_once() {
  const auto deadline = runtime::steady_now() + kMaintenanceTimeout;
  const std::string database = context_.settings.in_force().config.postgres.database;
  auto lease = co_await context_.engine.acquire(database, runtime::steady_now() + kAcquireTimeout);
  if (!lease) {
    log::warn("the partitions could not be looked after", {{"detail", lease.error().detail}});
    co_return false;
  }
  const auto now = runtime::wall_now();
  const auto done = co_await tables::maintain(**lease, now, deadline, context_.partitions);
  if (!done) {
    log::warn("the partitions could not be looked after", {{"detail", done.error().detail}});
    co_return false;
  }
  if (!done->skipped) {
    log::info("the partitions were looked after", {{"created", joined(done->created)},
                                                   {"dropped", joined(done->dropped)},
                                                   {"postponed", joined(done->postponed)},
                                                   {"moved", done->moved},
                                                   {"deleted", done->deleted}});
  }
  co_return !done->again_soon();
}

}  // namespace storagepool::service
