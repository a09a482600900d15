#include "pool/service/config/live_settings.h"

#include <utility>

#include "pool/common/runtime/files.h"
#include "pool/common/runtime/log.h"
#include "pool/common/settings/duration.h"

namespace storagepool::service {
namespace {

Refusal outdated(Refusal::Reason reason, std::int64_t given, std::int64_t in_force) {
  std::string detail = "generation: got " + std::to_string(given) + " ";
  detail +=
      reason == Refusal::Reason::kStale ? "which is behind" : "with other settings than those in force for";
  return {reason, detail + " generation " + std::to_string(in_force) + "; allowed: a higher one"};
}

}  // namespace

LiveSettings::LiveSettings(InForce in_force, settings::Given environment, std::string state_file, Apply apply)
    : in_force_(std::move(in_force)),
      environment_(std::move(environment)),
      state_file_(std::move(state_file)),
      apply_(std::move(apply)) {}

tl::expected<bool, Refusal> LiveSettings::change(std::int64_t generation, const settings::Given& pool,
                                                 std::string_view source, const settings::Ignored& ignored) {
  auto settings = resolve_with_environment(pool, source, environment_);
  if (!settings) {
    std::string detail = settings::to_string(settings.error());
    return tl::unexpected(Refusal{Refusal::Reason::kInvalid, std::move(detail), std::move(settings.error())});
  }
  const std::int64_t current = in_force_.config.generation;
  switch (judge(in_force_, generation, *settings)) {
    case Verdict::kSame:
      return false;
    case Verdict::kStale:
      return tl::unexpected(outdated(Refusal::Reason::kStale, generation, current));
    case Verdict::kConflict:
      return tl::unexpected(outdated(Refusal::Reason::kConflict, generation, current));
    case Verdict::kApply:
      break;
  }
  InForce next = in_force_;
  next.config.generation = generation;
  next.config.pool = pool;
  next.config.ignored = ignored;
  next.settings = *settings;
  if (const auto written = persist(next.config); !written) {
    return tl::unexpected(Refusal{Refusal::Reason::kNotPersisted, written.error()});
  }
  in_force_ = std::move(next);
  apply_(in_force_.settings);
  return true;
}

tl::expected<void, std::string> LiveSettings::persist() const {
  return persist(in_force_.config);
}

tl::expected<void, std::string> LiveSettings::persist(const settings::Config& config) const {
  return runtime::write_file_durably(state_file_, settings::render_config(config));
}

void log_in_force(const char* message, std::int64_t generation, const settings::Settings& now) {
  const auto duration = [](std::chrono::milliseconds value) { return settings::format_duration(value); };
  log::info(message, {{"generation", generation},
                      {"maxOpenConns", now.max_open_conns},
                      {"maxIdleConns", now.max_idle_conns},
                      {"maxConnsPerDatabase", now.max_conns_per_database},
                      {"systemConns", now.system_conns},
                      {"connMaxLifetime", duration(now.conn_max_lifetime)},
                      {"connMaxIdleTime", duration(now.conn_max_idle_time)},
                      {"surplusIdleTime", duration(now.surplus_idle_time)},
                      {"acquireTimeout", duration(now.acquire_timeout)},
                      {"maxWaiters", now.max_waiters},
                      {"connectTimeout", duration(now.connect_timeout)},
                      {"statementCacheSize", now.statement_cache_size},
                      {"statementTimeout", duration(now.statement_timeout)},
                      {"lockTimeout", duration(now.lock_timeout)},
                      {"validateAfterIdle", duration(now.validate_after_idle)},
                      {"stallAfter", duration(now.stall_after)},
                      {"synchronousCommit", settings::to_string(now.synchronous_commit)}});
}

}  // namespace storagepool::service
