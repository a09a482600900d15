#include "pool/service/log/log_audit.h"

#include <algorithm>
#include <random>

#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/service/config/patience.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kYield{1000};  // where others want the connections
constexpr milliseconds kNoLog{5000};  // where there is none, or it cannot be told
constexpr milliseconds kRetry{10'000};
constexpr seconds kStepTimeout{15};

std::int64_t random_number() {
  std::random_device random;
  return static_cast<std::int64_t>(std::uint64_t{random()} << 32 | random()) & 0x7FFF'FFFF'FFFF'FFFF;
}

}  // namespace

bool can_spare(const engine::Statistics& pool, std::span<const engine::DatabaseStatistics> databases,
               const std::string& database) {
  if (pool.waiting > 0) return false;
  if (pool.open + pool.opening + pool.closing < pool.max_open) return true;
  const auto found = std::ranges::find(databases, database, &engine::DatabaseStatistics::name);
  return found != databases.end() && found->idle > 0;
}

LogAudit::LogAudit(Parts parts) : parts_(std::move(parts)), pod_(random_number()) {}

awaitable<void> LogAudit::run() {
  while (!stopped_) {
    const milliseconds wait = co_await look();
    co_await runtime::sleep_for(wait);
  }
}

// Progress does not depend on the log's epoch; its tags and MACs are those of the key.
void LogAudit::follow_key(const evidence::LogKey& key) {
  if (auditor_ && key.keys == audited_with_) return;
  audited_with_ = key.keys;
  auditor_.emplace(pod_, parts_.database, key.keys, parts_.future);
}

awaitable<milliseconds> LogAudit::look() {
  if (!parts_.has_schema()) co_return kYield;
  const auto spares = [this] {
    return can_spare(parts_.engine.statistics(), parts_.engine.database_statistics(), parts_.database);
  };
  if (!spares()) co_return kYield;
  const auto deadline = runtime::steady_now() + kAcquireTimeout;
  const auto note = co_await parts_.checkpoint(deadline);
  const auto key = parts_.key();
  if (!note || !key) co_return kNoLog;
  if (!looked_since_) looked_since_ = runtime::wall_now();
  auto checkpoint = tlog::Checkpoint::read(note->text);
  if (!checkpoint || checkpoint->size == 0) co_return kNoLog;
  follow_key(*key);
  if (!spares() || stopped_) co_return kYield;
  auto lease = co_await parts_.engine.acquire(parts_.database, deadline);
  if (!lease) co_return kRetry;
  const auto next =
      co_await auditor_->step(**lease, *std::move(checkpoint), runtime::steady_now() + kStepTimeout);
  report();
  if (!next && failure_ != next.error().detail) {
    failure_ = next.error().detail;
    log::warn("the full audit could not go on", {{"detail", failure_}});
  }
  if (next) failure_.clear();
  co_return next.value_or(kRetry);
}

void LogAudit::report() {
  using Phase = evidence::AuditProgress::Phase;
  if (auditor_->take_forged())
    log::error("the progress of the full audit was not written by a pod of this StoragePool: it begins anew");
  for (const evidence::Alarm& alarm : auditor_->take_alarms()) {
    parts_.on_alarm(alarm);
    log::error("the full audit has found events that are not as this StoragePool's pods have left them",
               {{"alarm", evidence::name_of(alarm.kind)}, {"detail", alarm.detail}});
  }
  const auto& now = auditor_->progress();
  const bool ended = now && now->phase == Phase::kEnded && progress_ && progress_->phase != Phase::kEnded;
  progress_ = now;
  if (ended && now->last)
    log::info("a full audit has ended", {{"entries", now->last->entries},
                                         {"missing", now->last->missing},
                                         {"altered", now->last->altered},
                                         {"unlogged", now->last->unlogged},
                                         {"without_batch", now->last->without_batch}});
}

AuditFigures LogAudit::figures(runtime::Timestamp now) const {
  AuditFigures figures;
  if (!looked_since_) return figures;
  const evidence::FullAudit none;
  const evidence::FullAudit& last = progress_ && progress_->last ? *progress_->last : none;
  const evidence::AuditProgress still;
  const evidence::AuditProgress& running = progress_ ? *progress_ : still;
  figures.missing = std::max(last.missing, running.missing);
  figures.altered = std::max(last.altered, running.altered());
  figures.unlogged = std::max(last.unlogged, running.unlogged);
  const runtime::Timestamp since = progress_ && progress_->last ? last.began : *looked_since_;
  figures.age = std::max(seconds{0}, std::chrono::duration_cast<seconds>(now - since));
  return figures;
}

}  // namespace storagepool::service
