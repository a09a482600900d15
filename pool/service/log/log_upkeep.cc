#include "pool/service/log/log_upkeep.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/common/encoding/encoding.h"
#include "pool/common/runtime/log.h"
#include "pool/common/tlog/epochs.h"
#include "pool/evidence/proving/proving.h"
#include "pool/service/config/patience.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using Did = evidence::SealingResult::Did;
using std::chrono::seconds;

constexpr seconds kSealPeriod{1};
constexpr seconds kQuietPeriod{60};    // where this pod has written nothing
constexpr seconds kRefusedPeriod{10};  // of looking at a log that is not sealed on
constexpr std::chrono::hours kPrunePeriod{1};
constexpr seconds kSealTimeout{30};
// In which standbys mostly have what was sealed.
constexpr std::chrono::milliseconds kStandbyMoment{10};
constexpr int kStandbyMoments = 3;
constexpr std::chrono::milliseconds kGrowthTimeout{800};  // the operator waits for a second

std::vector<std::string> in_base64(const tlog::Proof& proof) {
  std::vector<std::string> texts;
  for (const tlog::Hash& hash : proof)
    texts.push_back(encoding::encode_base64({reinterpret_cast<const char*>(hash.data()), hash.size()}));
  return texts;
}

}  // namespace

LogUpkeep::Log::Log(std::shared_ptr<const LogKey> given)
    : key(std::move(given)), sealer(key->signer.name(), std::span(&key->keys, 1), key->signer) {}

LogUpkeep::LogUpkeep(Parts parts)
    : parts_(std::move(parts)),
      key_file_(parts_.key_file),
      full_audit_({parts_.engine, parts_.database, parts_.has_schema,
                   [this](Deadline deadline) { return checkpoint(deadline); }, [this] { return key(); },
                   parts_.on_alarm, parts_.future}),
      seen_(parts_.executor) {}

bool LogUpkeep::look_at_key() {
  if (!key_file_.look()) return false;
  log_ = std::make_shared<Log>(key_file_.key());
  key_ = log_->key;
  vouched_ = false;
  pruned_at_.reset();
  put_floor();
  wrote_ = true;
  refused_at_.reset();
  return true;
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
    if (log_ && parts_.has_schema() && is_due()) co_await look(runtime::steady_now() + kAcquireTimeout);
    if (log_ && parts_.has_schema()) co_await prune(runtime::steady_now() + kAcquireTimeout);
    co_await runtime::sleep_for(kSealPeriod);
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
  for (int moments = kStandbyMoments; again && !stopped_;) {
    const auto began = runtime::steady_now();
    const auto done = co_await log->sealer.seal(**lease, began + kSealTimeout);
    if (done) take(*done, began);
    if (done) co_await audit_sealed(done->sealed);
    if (!done) {
      wrote_ = true;
      failed(done.error().detail);
    }
    again = done && done->again;
    if (again || !done || !done->flushing) continue;
    again = moments-- > 0 && parts_.engine.statistics().waiting == 0;
    if (again) co_await runtime::sleep_for(kStandbyMoment);
  }
  if ((*lease)->usable() && audit_.is_due(runtime::steady_now())) co_await audit(**lease);
}

// In parts, between which others have their turn.
awaitable<void> LogUpkeep::audit_sealed(std::span<const evidence::BatchEvents> batches) {
  constexpr std::size_t kAtOnce = 256;
  while (!batches.empty()) {
    const std::size_t count = std::min(kAtOnce, batches.size());
    std::ranges::for_each(audit_.sealed(batches.first(count)),
                          [this](const evidence::Alarm& alarm) { report(alarm); });
    batches = batches.subspan(count);
    if (!batches.empty()) co_await boost::asio::post(boost::asio::use_awaitable);
  }
}

awaitable<void> LogUpkeep::audit(postgres::Connection& connection) {
  constexpr std::size_t kMost = 5 * evidence::SelfAudit::kAtOnce;  // each second
  for (std::size_t left = std::min(audit_.waiting(), kMost); left > 0 && !stopped_;
       left -= std::min(left, evidence::SelfAudit::kAtOnce)) {
    const auto now = runtime::steady_now();
    const auto alarms = co_await evidence::audit_self(audit_, connection, now, now + kSealTimeout);
    figures_.unchecked = audit_.unchecked();
    if (!alarms) failed(alarms.error().detail);
    if (!alarms) co_return;
    std::ranges::for_each(*alarms, [this](const evidence::Alarm& alarm) { report(alarm); });
  }
}

// A part each second while there is more.
awaitable<void> LogUpkeep::prune(Deadline deadline) {
  const auto log = log_;
  const auto now = runtime::steady_now();
  if (log->at_work || refused_at_ || !log->sealer.floor_proven()) co_return;
  if (pruned_at_ && now - *pruned_at_ < kPrunePeriod) co_return;
  auto lease = co_await parts_.engine.acquire(parts_.database, deadline);
  if (!lease || std::exchange(log->at_work, true)) co_return;
  const std::unique_ptr<bool, void (*)(bool*)> work(&log->at_work, [](bool* at_work) { *at_work = false; });
  const auto done = co_await log->sealer.prune(**lease, runtime::wall_now(), now + kSealTimeout);
  if (!done) failed(done.error().detail);
  if (done && done->did == Did::kSealed)
    log::info("entries are pruned whose events have expired", {{"min_index", log->sealer.min_index()}});
  const bool soon = done && (done->again || done->did == Did::kBusy);
  if (!soon) pruned_at_ = now;
}

void LogUpkeep::take(const evidence::SealingResult& result, runtime::TimePoint began) {
  looked_at_ = runtime::steady_now();
  if (!failure_.empty()) log::info("the log is sealed again");
  failure_.clear();
  figures_.cut_age = std::chrono::duration_cast<std::chrono::milliseconds>(result.cut_age);
  figures_.hidden_for = std::chrono::duration_cast<std::chrono::milliseconds>(result.hidden_for);
  figures_.sealed_batches += static_cast<std::uint64_t>(result.batches);
  if (result.fenced) ++figures_.fences;
  if (result.did == Did::kRefused) {
    refused_at_ = looked_at_;
    if (!result.alarms.empty()) refusal_ = result.alarms.back();
  } else if (result.did != Did::kBusy) {
    refused_at_.reset();
    figures_.size = result.shown;
    seen_at_ = began;
    seen_.notify_all();
  }
  // What was committed since, and what another pod is at, may be left.
  if (result.did != Did::kNothing || result.cut_age.count() > 0 || result.hidden) wrote_ = true;
  follow_epoch();
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
  full_audit_.stop();
  seen_.notify_all();
}

LogFigures LogUpkeep::figures() const {
  LogFigures now = figures_;
  now.min_index = min_index();
  now.audit = full_audit_.figures(runtime::wall_now());
  return now;
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
  if (!looked_at_ || runtime::steady_now() - *looked_at_ >= kSealPeriod) co_await look(deadline);
  if (refused_at_ || (!vouched_ && !log->sealer.is_as_told())) co_return std::nullopt;
  auto note = log->sealer.checkpoint();
  if (note && !key_->others.empty()) {
    note->signatures.clear();
    key_->sign(*note);
  }
  if (const auto cosigned = witnessed(); note && cosigned && cosigned->text == note->text) co_return cosigned;
  co_return note;
}

void LogUpkeep::follow_epoch() {
  const std::string origin = tlog::epoch_origin(log_->key->signer.name(), log_->sealer.epoch());
  if (origin == key_->signer.name()) return;
  key_ = std::make_shared<const LogKey>(log_->key->named(origin));
  log::warn("the log is in another epoch", {{"key", key_->signer.public_text()}});
}

void LogUpkeep::put_floor() {
  if (log_ && kept_) log_->sealer.raise_floor({kept_->checkpoint.size, kept_->checkpoint.root, kept_->epoch});
}

tl::expected<LogUpkeep::Kept, std::string> LogUpkeep::read_kept(const std::string& note) const {
  auto read = tlog::Note::read(note);
  if (!read) return tl::unexpected("the floor: " + read.error());
  auto checkpoint = tlog::Checkpoint::read(read->text);
  if (!checkpoint) return tl::unexpected("the floor: " + checkpoint.error());
  const auto epoch = tlog::epoch_of(checkpoint->origin, log_->key->signer.name());
  if (!epoch)
    return tl::unexpected("the floor is of the log " + checkpoint->origin + ", and this is " +
                          log_->key->signer.name());
  return Kept{*std::move(read), *std::move(checkpoint), *epoch};
}

void LogUpkeep::keep(Kept told) {
  const auto place = [](const Kept& one) { return std::pair(one.epoch, one.checkpoint.size); };
  if (kept_ && told.checkpoint == kept_->checkpoint) {
    kept_->note = std::move(told.note);  // others may have cosigned it since
    return;
  }
  if (kept_ && place(told) < place(*kept_)) return;
  vouched_ = log_->sealer.floor_proven();
  kept_ = std::move(told);
  put_floor();
  looked_at_.reset();
}

std::optional<tlog::Note> LogUpkeep::witnessed() const {
  if (!log_ || !kept_ || refused_at_ || !log_->sealer.floor_proven()) return std::nullopt;
  tlog::Note note{.text = kept_->note.text, .signatures = {}};
  key_->sign(note);
  std::ranges::copy_if(kept_->note.signatures, std::back_inserter(note.signatures),
                       [&](const tlog::NoteSignature& one) { return one.name != key_->signer.name(); });
  return note;
}

void LogUpkeep::tell(settings::FactsReport& report) const {
  report.log_key_refusal = key_file_.refusal();
  if (!log_) return;
  settings::LogFacts& facts = report.log.emplace();
  facts.size = static_cast<std::int64_t>(figures_.size);
  facts.epoch = log_->sealer.epoch();
  facts.vkeys = key_->vkeys();
  if (kept_ && kept_->epoch == facts.epoch) {
    facts.floor = static_cast<std::int64_t>(kept_->checkpoint.size);
    facts.signatures = static_cast<std::int64_t>(kept_->note.signatures.size());
  }
  if (refused_at_) {
    facts.alarm = evidence::name_of(refusal_.kind);
    facts.detail = refusal_.detail;
  }
}

awaitable<tl::expected<settings::LogReport, std::string>> LogUpkeep::answer(settings::LogFloor floor) {
  if (!log_) co_return tl::unexpected(std::string("there is no key of a log"));
  std::optional<tlog::Checkpoint> from;
  if (!floor.checkpoint.empty()) {
    auto told = read_kept(floor.checkpoint);
    if (!told) co_return tl::unexpected(told.error());
    from = told->checkpoint;
    keep(*std::move(told));
  }
  const auto deadline = runtime::steady_now() + kGrowthTimeout;
  if (floor.from && from) co_return co_await report_growth_from(*floor.from, *std::move(from), deadline);
  if (!floor.grow) co_return settings::LogReport{};
  co_return co_await report_growth(std::move(from), deadline);
}

// For who has seen the log at that size, of which nobody here has the checkpoint.
awaitable<tl::expected<settings::LogReport, std::string>> LogUpkeep::report_growth_from(
    std::int64_t size, tlog::Checkpoint floor, Deadline deadline) {
  if (refused_at_) co_return tl::unexpected(refusal_.detail);
  tlog::Checkpoint old{.origin = floor.origin, .size = static_cast<std::uint64_t>(size), .root = {}};
  if (old.size > floor.size) co_return tl::unexpected(std::string("the checkpoint has no more entries"));
  auto lease = co_await parts_.engine.acquire(parts_.database, deadline);
  if (!lease) co_return tl::unexpected(lease.error().detail);
  evidence::LogReader reader(**lease, deadline);
  const auto root = co_await reader.root(old.size);
  if (!root) co_return tl::unexpected(root.error().detail);
  old.root = *root;
  const auto proof = co_await reader.prove_growth(std::move(old), std::move(floor));
  if (!proof) co_return tl::unexpected(proof.error().detail);
  co_return settings::LogReport{.checkpoint = {}, .vkey = {}, .proof = in_base64(*proof)};
}

awaitable<tl::expected<settings::LogReport, std::string>> LogUpkeep::report_growth(
    std::optional<tlog::Checkpoint> floor, Deadline deadline) {
  const auto log = log_;
  const auto note = co_await checkpoint(deadline);
  if (!note)
    co_return tl::unexpected(refused_at_ ? refusal_.detail : std::string("the log has no checkpoint yet"));
  const auto now = tlog::Checkpoint::read(note->text);
  if (!now) co_return tl::unexpected(now.error());
  settings::LogReport report{.checkpoint = note->write(), .vkey = key_->signer.public_text(), .proof = {}};
  if (!floor || floor->origin != now->origin || floor->size == now->size) co_return report;
  if (floor->size > now->size)
    co_return tl::unexpected(std::string("the log was not looked at since the floor was told"));
  auto lease = co_await parts_.engine.acquire(parts_.database, deadline);
  if (!lease) co_return tl::unexpected(lease.error().detail);
  evidence::LogReader reader(**lease, deadline);
  const auto proof = co_await reader.prove_growth(*floor, *now);
  if (!proof) co_return tl::unexpected(proof.error().detail);
  report.proof = in_base64(*proof);
  co_return report;
}

awaitable<tl::expected<std::optional<std::uint64_t>, std::string>> LogUpkeep::restart(std::int64_t epoch,
                                                                                      bool only_look) {
  if (!log_ || !parts_.has_schema()) co_return tl::unexpected(std::string("the log cannot be looked at now"));
  const auto log = log_;
  const auto deadline = runtime::steady_now() + kGrowthTimeout;
  auto lease = co_await parts_.engine.acquire(parts_.database, deadline);
  if (!lease) co_return tl::unexpected(lease.error().detail);
  if (std::exchange(log->at_work, true)) co_return tl::unexpected(std::string("the log is being looked at"));
  const std::unique_ptr<bool, void (*)(bool*)> work(&log->at_work, [](bool* at_work) { *at_work = false; });
  const auto done = co_await log->sealer.restart(**lease, epoch, only_look, deadline);
  if (!done) co_return tl::unexpected(done.error().detail);
  if (done->did == Did::kBusy) co_return tl::unexpected(std::string("the log is being sealed"));
  if (done->did == Did::kRefused) co_return tl::unexpected(done->alarms.back().detail);
  if (done->did == Did::kNothing) co_return std::nullopt;
  if (!only_look) {
    refused_at_.reset();
    looked_at_.reset();
    follow_epoch();
  }
  co_return done->size;
}

}  // namespace storagepool::service
