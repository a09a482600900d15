#include "pool/service/log_upkeep.h"

#include <algorithm>
#include <span>
#include <utility>

#include "pool/common/runtime/log.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using Did = evidence::SealingResult::Did;
using std::chrono::seconds;

constexpr seconds kPeriod{1};
constexpr seconds kQuietPeriod{60};    // where this pod has written nothing
constexpr seconds kRefusedPeriod{10};  // of looking at a log that is not sealed on
constexpr seconds kPatience{2};        // for a connection, short, because a drain waits for it
constexpr seconds kSealTimeout{30};

}  // namespace

LogUpkeep::Log::Log(std::shared_ptr<const LogKey> given)
    : key(std::move(given)), sealer(key->signer.name(), std::span(&key->keys, 1), key->signer) {}

void LogUpkeep::use(std::shared_ptr<const LogKey> key) {
  log_ = std::make_shared<Log>(std::move(key));
  wrote_ = true;
  refused_at_.reset();
}

void LogUpkeep::wrote(const ingest::Recorded& batch) {
  wrote_ = true;
  audit_.acknowledged({.batch = batch.batch, .events = batch.events, .kept = batch.kept},
                      runtime::steady_now());
}

bool LogUpkeep::is_due() const {
  const auto now = runtime::steady_now();
  if (refused_at_ && now - *refused_at_ < kRefusedPeriod) return false;
  return wrote_ || figures_.waiting > 0 || audit_.waiting() > 0 || !looked_at_ ||
         now - *looked_at_ >= kQuietPeriod;
}

awaitable<void> LogUpkeep::run() {
  while (!stopped_) {
    if (log_ && parts_.has_schema() && is_due()) co_await look(runtime::steady_now() + kPatience);
    co_await runtime::sleep_for(kPeriod);
  }
}

// Whatever it is about, the next one begins with what is committed.
awaitable<void> LogUpkeep::look(Deadline deadline) {
  const auto log = log_;
  if (log->at_work) co_return;
  wrote_ = false;
  auto lease = co_await parts_.engine.acquire(parts_.database, deadline);
  if (!lease) {
    wrote_ = true;
    failed(lease.error().detail);
    co_return;
  }
  if (std::exchange(log->at_work, true)) co_return;
  const std::unique_ptr<bool, void (*)(bool*)> work(&log->at_work, [](bool* at_work) { *at_work = false; });
  bool again = true;
  while (again && !stopped_) {
    const auto began = runtime::steady_now();
    const auto done = co_await log->sealer.seal(**lease, began + kSealTimeout);
    if (done) take(*done, began);
    if (!done) {
      wrote_ = true;
      failed(done.error().detail);
    }
    again = done && done->again;
  }
  if ((*lease)->usable()) co_await audit(**lease);
}

awaitable<void> LogUpkeep::audit(postgres::Connection& connection) {
  if (audit_.waiting() == 0) co_return;
  const auto now = runtime::steady_now();
  const auto alarms = co_await evidence::audit_self(audit_, connection, now, now + kSealTimeout);
  figures_.unchecked = audit_.unchecked();
  if (!alarms) failed(alarms.error().detail);
  if (alarms) std::ranges::for_each(*alarms, [this](const evidence::Alarm& alarm) { report(alarm); });
}

void LogUpkeep::take(const evidence::SealingResult& result, runtime::TimePoint began) {
  looked_at_ = runtime::steady_now();
  if (!failure_.empty()) log::info("the log is sealed again");
  failure_.clear();
  figures_.cut_age = std::chrono::duration_cast<std::chrono::milliseconds>(result.cut_age);
  figures_.sealed_batches += static_cast<std::uint64_t>(result.batches);
  if (result.fenced) ++figures_.fences;
  if (result.did == Did::kRefused) {
    refused_at_ = looked_at_;
  } else if (result.did != Did::kBusy) {
    refused_at_.reset();
    figures_.size = result.size;
    seen_at_ = began;
    seen_.notify_all();
  }
  // What was committed since, and what another pod is at, may be left.
  if (result.did != Did::kNothing || result.cut_age.count() > 0) wrote_ = true;
  for (const evidence::Alarm& alarm : result.alarms) report(alarm);
  if (result.alarms.empty()) alarm_.clear();
  if (result.fenced)
    log::warn("batches waited for a transaction that goes on; writers were held off for an instant",
              {{"transaction", result.holder}});
}

void LogUpkeep::report(const evidence::Alarm& alarm) {
  parts_.on_alarm(alarm);
  if (alarm_ == alarm.detail) return;  // as each look finds it
  alarm_ = alarm.detail;
  log::error("the log of this database is not as this StoragePool's pods have left it",
             {{"alarm", evidence::name_of(alarm.kind)}, {"detail", alarm.detail}});
}

void LogUpkeep::failed(const std::string& detail) {
  if (failure_ == detail) return;
  failure_ = detail;
  log::warn("the log could not be sealed", {{"detail", detail}});
}

void LogUpkeep::stop() {
  stopped_ = true;
  seen_.notify_all();
}

awaitable<std::optional<bool>> LogUpkeep::grows(std::uint64_t size, Deadline deadline) {
  const auto began = runtime::steady_now();
  ++figures_.waiting;
  const std::unique_ptr<std::uint64_t, void (*)(std::uint64_t*)> one(
      &figures_.waiting, [](std::uint64_t* waiting) { --*waiting; });
  bool in_time = true;
  while (in_time && !stopped_ && figures_.size <= size) in_time = co_await seen_.wait_until(deadline);
  if (figures_.size > size) co_return true;
  co_return seen_at_ < began ? std::nullopt : std::optional(false);
}

awaitable<std::optional<tlog::Note>> LogUpkeep::checkpoint(Deadline deadline) {
  if (!log_ || !parts_.has_schema()) co_return std::nullopt;
  const auto log = log_;
  if (!looked_at_ || runtime::steady_now() - *looked_at_ >= kPeriod) co_await look(deadline);
  co_return refused_at_ ? std::nullopt : log->sealer.checkpoint();
}

}  // namespace storagepool::service
