// What the logs of workspaces leave in that of the system database.
#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "pool/common/runtime/clock.h"
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

}  // namespace

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
    auto act = anchor_act(logs);
    const auto failure = co_await record_(std::move(act));
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
  if (before && before->incarnation == row.incarnation) log->memory = before->memory;
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
