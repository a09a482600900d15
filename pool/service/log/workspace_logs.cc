#include "pool/service/log/workspace_logs.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <span>
#include <utility>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/common/tlog/epochs.h"
#include "pool/common/tlog/tlog.h"
#include "pool/service/config/patience.h"
#include "pool/workspaces/name.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using Did = evidence::SealingResult::Did;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kPeriod{1};
// What the registry has said of a workspace holds for a connection that is there by then: the database is
// dropped some seconds after that was asked for (workspaces::Options).
constexpr seconds kSaid{2};
constexpr seconds kWorkspaceSealTimeout{10};
// Most transactions that a batch waits for have ended a moment later.
constexpr milliseconds kMoment{10};
constexpr int kMoments = 3;
constexpr seconds kFollowEvery{2};

bool is_refused(const evidence::SealingResult& result) {
  return result.did == Did::kRefused || result.did == Did::kNotBegun;
}

}  // namespace

void WorkspaceLogs::wrote(const std::string& database, const ingest::Recorded& batch) {
  const auto log = book_.of(database);
  book_.wrote(*log, {.batch = batch.batch, .events = batch.events, .kept = batch.kept},
              runtime::steady_now());
}

void WorkspaceLogs::look_soon(const std::string& database) {
  const auto log = book_.of(database);
  log->looked_at.reset();
  LogBook::expect(*log, runtime::steady_now());
}

std::optional<awaitable<void>> WorkspaceLogs::after_write(const std::string& database,
                                                          postgres::Connection& connection) {
  if (database == parts_.system_database || stopped_ || !key_) return std::nullopt;
  auto log = book_.find(database);
  if (!log || !LogBook::may_look(*log, runtime::steady_now())) return std::nullopt;
  return look_on(std::move(log), connection);
}

awaitable<void> WorkspaceLogs::run() {
  while (!stopped_) {
    for (const Log& log : book_.due(runtime::steady_now())) {
      if (stopped_ || !key_ || parts_.away()) break;
      co_await look(log, runtime::steady_now() + kAcquireTimeout);
    }
    if (!stopped_ && key_) co_await anchor();
    co_await runtime::sleep_for(kPeriod);
  }
}

std::string WorkspaceLogs::name_of(const WorkspaceLog& log) const {
  return key_->signer.name() + "/ws/" + workspaces::workspace_of(parts_.system_database, log.database) + "/" +
         log.incarnation;
}

awaitable<void> WorkspaceLogs::look(Log log, Deadline deadline) {
  if (log->at_work) co_return;
  const AtWork work(*log);
  const auto asked = runtime::steady_now();
  log->looked_at = log->since = asked;
  const std::string workspace = workspaces::workspace_of(parts_.system_database, log->database);
  const auto home = co_await parts_.workspaces.look_up(workspace, deadline);
  if (!home) {
    using Kind = workspaces::Error::Kind;
    log->known = false;
    const bool gone = home.error().kind == Kind::kNotFound || home.error().kind == Kind::kDeleting;
    if (gone) book_.forget(log->database);
    if (!gone) failed(*log, home.error().detail);
    co_return;
  }
  book_.is_of(*log, home->incarnation);
  if (const auto failure = co_await learn_floor(log, deadline)) {
    log->known = false;
    failed(*log, *failure);
    co_return;
  }
  auto lease = co_await parts_.engine.acquire(log->database, std::min(deadline, asked + kSaid));
  if (!lease) {
    failed(*log, lease.error().detail);
    co_return;
  }
  co_await seal(log, **lease, true);
}

awaitable<void> WorkspaceLogs::look_on(Log log, postgres::Connection& connection) {
  if (log->at_work) co_return;
  const AtWork work(*log);
  log->looked_at = log->since = runtime::steady_now();
  co_await seal(log, connection, false);
}

void WorkspaceLogs::remind(evidence::Sealer& sealer, const WorkspaceLog& log) {
  sealer.remember(log.memory);
  if (log.floor) sealer.raise_floor(*log.floor);
}

awaitable<std::string> WorkspaceLogs::seal(Log log, postgres::Connection& connection, bool whose_is_known) {
  const auto key = key_;
  evidence::Sealer sealer(name_of(*log), std::span(&key->keys, 1), key->signer);
  remind(sealer, *log);
  const std::uint64_t writes = log->writes;
  bool left = false;
  const auto shown = log->memory.publishing.shown();
  int moments = kMoments;
  for (bool again = true; again && !stopped_;) {
    const auto done =
        co_await sealer.seal(connection, runtime::steady_now() + kWorkspaceSealTimeout, whose_is_known);
    log->memory = sealer.memory();
    if (!done) {
      failed(*log, done.error().detail);
      co_return done.error().detail;
    }
    take(*log, *done, whose_is_known);
    audit_sealed(*log, done->sealed);
    log->empty = done->size == 0 && done->did == Did::kNothing && whose_is_known;
    again = done->again;
    const bool may_pause = moments-- > 0 && parts_.engine.statistics().waiting == 0;
    if (!again && (done->waiting || done->flushing) && may_pause) {
      again = true;
      co_await runtime::sleep_for(kMoment);
    }
    left = again || done->waiting || done->hidden || done->did == Did::kBusy || is_refused(*done);
  }
  failure_.clear();
  log->grown = log->grown || log->memory.publishing.shown() != shown;
  if (connection.usable()) co_await audit(log, connection);
  log->wrote = left || log->writes != writes || log->audit != nullptr;
  co_return std::string();
}

void WorkspaceLogs::audit_sealed(WorkspaceLog& log, std::span<const evidence::BatchEvents> batches) {
  if (!log.audit) return;
  std::ranges::for_each(log.audit->sealed(batches),
                        [&](const evidence::Alarm& alarm) { report(log, alarm); });
  book_.audited(log);
}

awaitable<void> WorkspaceLogs::audit(Log log, postgres::Connection& connection) {
  const auto audit = log->audit;
  if (!audit || log->refused || !log->known) co_return;
  const auto now = runtime::steady_now();
  const auto alarms = co_await evidence::audit_self(*audit, connection, now, now + kWorkspaceSealTimeout);
  if (!alarms) failed(*log, alarms.error().detail);
  if (alarms) std::ranges::for_each(*alarms, [&](const evidence::Alarm& alarm) { report(*log, alarm); });
  book_.audited(*log);
}

void WorkspaceLogs::take(WorkspaceLog& log, const evidence::SealingResult& result, bool whose_is_known) {
  figures_.sealed_batches += static_cast<std::uint64_t>(result.batches);
  if (result.fenced) ++figures_.fences;
  const bool refused = is_refused(result);
  if (refused && !whose_is_known) {
    log.known = false;
    log.looked_at.reset();
    return;
  }
  if (result.did != Did::kBusy) log.refused = refused;
  for (const evidence::Alarm& alarm : result.alarms) report(log, alarm);
  if (result.alarms.empty()) log.alarm.clear();
  if (result.fenced)
    log::warn("batches waited for a transaction that goes on; writers were held off for an instant",
              {{"database", log.database}, {"transaction", result.holder}});
}

void WorkspaceLogs::report(WorkspaceLog& log, const evidence::Alarm& alarm) {
  parts_.on_alarm(alarm);
  if (log.alarm == alarm.detail) return;  // as each look finds it
  log.alarm = alarm.detail;
  log::error(
      "the log of a workspace is not as this StoragePool's pods have left it",
      {{"database", log.database}, {"alarm", evidence::name_of(alarm.kind)}, {"detail", alarm.detail}});
}

void WorkspaceLogs::failed(WorkspaceLog& log, const std::string& detail) {
  if (failure_ == detail) return;
  failure_ = detail;
  log::warn("the log of a workspace could not be sealed", {{"database", log.database}, {"detail", detail}});
}

awaitable<WorkspaceLogs::Log> WorkspaceLogs::recent(recording::Destination place, Deadline deadline) {
  if (!key_) co_return nullptr;
  auto log = book_.of(place.database);
  const bool is_recent = log->looked_at && runtime::steady_now() - *log->looked_at < kPeriod;
  if (!is_recent || !log->known || log->incarnation != place.incarnation) co_await look(log, deadline);
  if (log->refused || !log->known || !(log->memory.publishing.shown() || log->empty)) co_return nullptr;
  co_return log;
}

awaitable<std::optional<SignedLog>> WorkspaceLogs::checkpoint(recording::Destination place,
                                                              Deadline deadline) {
  const auto log = co_await recent(std::move(place), deadline);
  if (!log) co_return std::nullopt;
  co_return sign(*log);
}

awaitable<std::optional<bool>> WorkspaceLogs::grows(recording::Destination place, std::uint64_t size,
                                                    Deadline deadline) {
  ++figures_.following;
  const std::unique_ptr<std::uint64_t, void (*)(std::uint64_t*)> one(
      &figures_.following, [](std::uint64_t* following) { --*following; });
  for (;;) {
    const auto log = co_await recent(place, runtime::steady_now() + kAcquireTimeout);
    if (!log) co_return std::nullopt;
    const auto now = runtime::steady_now();
    const bool more = state_of(*log).size > size;
    if (more || now >= deadline || stopped_) co_return more;
    co_await ends_.wait_until(std::min(deadline, now + kFollowEvery));
  }
}

void WorkspaceLogs::stop() {
  stopped_ = true;
  ends_.notify_all();
}

tlog::Checkpoint WorkspaceLogs::state_of(const WorkspaceLog& log) const {
  const evidence::Floor shown =
      log.memory.publishing.shown().value_or(evidence::Floor{.root = tlog::Hasher().empty()});
  return {.origin = tlog::epoch_origin(name_of(log), shown.epoch), .size = shown.size, .root = shown.root};
}

SignedLog WorkspaceLogs::sign(const WorkspaceLog& log) const {
  const tlog::Checkpoint state = state_of(log);
  auto key = std::make_shared<const LogKey>(key_->named(state.origin));
  tlog::Note note{.text = state.write(), .signatures = {}};
  key->sign(note);
  return {std::move(note), std::move(key)};
}

WorkspaceLogFigures WorkspaceLogs::figures() const {
  WorkspaceLogFigures now = figures_;
  now.waiting = book_.waiting();
  now.unchecked = book_.unchecked();
  return now;
}

}  // namespace storagepool::service
