// What the logs of workspaces leave in the system database: in its log, and as their floors beside the
// registry.
#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/service/log/log_acts.h"
#include "pool/service/log/workspace_logs.h"
#include "pool/workspaces/name.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using std::chrono::seconds;
using Closed = tl::expected<void, workspaces::Error>;

constexpr seconds kLastPatience{15};  // longer than a transaction is waited for (CutWatch)
constexpr std::chrono::milliseconds kBetween{500};
constexpr seconds kFloorsPatience{5};

}  // namespace

awaitable<std::optional<std::string>> WorkspaceLogs::learn_floor(Log log, Deadline deadline) {
  if (log->floor_known) co_return std::nullopt;
  const auto floor = co_await parts_.workspaces.log_floor(log->incarnation, deadline);
  if (!floor) co_return "its floor: " + floor.error().detail;
  log->floor_known = true;
  if (const auto& kept = *floor) log->floor = evidence::Floor{kept->size, kept->root, kept->epoch};
  co_return std::nullopt;
}

awaitable<std::optional<std::string>> WorkspaceLogs::raise_floors(std::vector<Log> grown, Deadline deadline) {
  std::vector<workspaces::LogFloor> shown;
  std::map<std::string, Log> by_incarnation;
  for (const Log& log : grown) {
    const auto& now = log->memory.publishing.shown();
    if (!now || now->size == 0) continue;
    shown.push_back({log->incarnation, now->epoch, now->size, now->root});
    by_incarnation[log->incarnation] = log;
  }
  if (shown.empty()) co_return std::nullopt;
  const auto others = co_await parts_.workspaces.raise_log_floors(std::move(shown), deadline);
  if (!others) co_return others.error().detail;
  for (const workspaces::LogFloor& one : *others)
    by_incarnation.at(one.incarnation)->floor = evidence::Floor{one.size, one.root, one.epoch};
  co_return std::nullopt;
}

awaitable<void> WorkspaceLogs::leave_floors(Deadline deadline) {
  auto grown = book_.grown(kMostLogs);
  if (grown.empty() || parts_.away()) co_return;
  if (const auto failure = co_await raise_floors(std::move(grown), deadline))
    log::warn("the floors of the logs of workspaces could not be left", {{"detail", *failure}});
}

awaitable<void> WorkspaceLogs::anchor() {
  const auto now = runtime::steady_now();
  if (now - anchored_at_ < parts_.anchor_every) co_return;
  for (auto grown = book_.grown(kMostAnchors); !grown.empty() && !stopped_;
       grown = book_.grown(kMostAnchors)) {
    anchored_at_ = now;
    std::vector<tlog::Checkpoint> logs;
    for (const Log& log : grown) {
      log->grown = false;
      logs.push_back(state_of(*log));
    }
    auto failure = co_await raise_floors(grown, now + kFloorsPatience);
    if (!failure) {
      auto act = anchor_act(logs);
      failure = co_await record_(std::move(act));
    }
    if (!failure) continue;
    for (const Log& log : grown) log->grown = true;
    failed(*grown.front(), "where it is could not be recorded: " + *failure);
    co_return;
  }
}

awaitable<Closed> WorkspaceLogs::close(workspaces::WorkspaceRow row, std::string database,
                                       Deadline deadline) {
  if (!key_) co_return Closed();
  const auto until = std::min(deadline, runtime::steady_now() + kLastPatience);
  const auto log = std::make_shared<WorkspaceLog>();
  log->database = database;
  log->incarnation = row.incarnation;
  log->known = true;
  const auto before = book_.find(database);
  if (before && before->incarnation == row.incarnation) {
    log->memory = before->memory;
    log->floor = before->floor;
    log->floor_known = before->floor_known;
  }
  if (const auto unknown = co_await learn_floor(log, until))
    co_return tl::unexpected(workspaces::unavailable(*unknown));
  std::string failure;
  const auto is_left = [&] { return (log->wrote || !failure.empty()) && !log->refused; };
  do {
    if (stopped_) co_return tl::unexpected(workspaces::unavailable("the pod ends"));
    auto lease = co_await parts_.engine.acquire(database, until);
    if (!lease) co_return tl::unexpected(workspaces::to_error(lease.error()));
    failure = co_await seal(log, **lease, true);
    if (is_left()) co_await runtime::sleep_for(kBetween);
  } while (is_left() && runtime::steady_now() < until);
  book_.forget(database);
  LastOfLog last{.workspace = row.name, .origin = name_of(*log)};
  if (log->memory.publishing.shown()) last.log = sign(*log);
  if (log->refused) {
    last.detail = log->alarm;
  } else if (is_left()) {
    last.detail = "not all that was stored is in it: " + failure;
  }
  if (!last.log && last.detail.empty()) co_return Closed();
  auto act = last_act(last);
  const auto not_recorded = co_await record_(std::move(act));
  if (not_recorded)
    co_return tl::unexpected(workspaces::unavailable("its last checkpoint: " + *not_recorded));
  co_return Closed();
}

}  // namespace storagepool::service
