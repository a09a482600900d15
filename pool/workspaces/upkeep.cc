// The work on workspaces that no request waits for.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/tables/legal_holds.h"
#include "pool/workspaces/call.h"
#include "pool/workspaces/database.h"
#include "pool/workspaces/name.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::workspaces {
namespace {

using boost::asio::awaitable;
using registry::FoundRow;
using std::chrono::steady_clock;

constexpr std::int64_t kMostPerPass = 100;
constexpr std::chrono::seconds kRegistryTimeout{2};  // short, because a drain waits for it
constexpr std::chrono::seconds kDrainTimeout{5};     // for the leases of this pod on a database to be dropped
constexpr std::chrono::minutes kCreationTimeout{2};
constexpr std::chrono::seconds kHoldsTimeout{30};
constexpr std::chrono::minutes kStepTimeout{10};  // a migration, or a drop with a checkpoint before it
constexpr std::chrono::milliseconds kLeastPause{50};
constexpr std::chrono::hours kUpkeepRetry{1};

steady_clock::time_point at_most(steady_clock::time_point deadline, steady_clock::duration time) {
  return std::min(deadline, runtime::steady_now() + time);
}

}  // namespace

void Workspaces::stop() {
  stopped_ = true;
  indexes_.stop();
  woken_.notify_all();
}

void Workspaces::wake() {
  wake_ = true;
  woken_.notify_all();
}

awaitable<void> Workspaces::wait(std::chrono::milliseconds period) {
  const auto until = runtime::steady_now() + period;
  co_await runtime::sleep_for(std::min(period, kLeastPause));
  while (!stopped_ && !wake_ && runtime::steady_now() < until) co_await woken_.wait_until(until);
  wake_ = false;
}

awaitable<void> Workspaces::run() {
  std::string said;
  while (!stopped_) {
    const auto deadline = runtime::steady_now() + kStepTimeout;
    const auto pass = co_await finish_pending(deadline);
    auto period = options_.pass_period;
    tell_registry(pass ? nullptr : &pass.error());
    // While PostgreSQL is away others say so.
    const bool strange = !pass && pass.error().needs_person;
    if (strange && said != pass.error().detail) {
      log::warn("the registry of workspaces cannot be read", {{"detail", pass.error().detail}});
    }
    said = strange ? pass.error().detail : "";
    if (!pass) counts_.reset();
    if (pass && !stopped_) co_await count();
    if (pass && pass->waiting > 0) period = std::min(period, options_.drop_after);
    if (pass && !stopped_) {
      const auto now = runtime::wall_now();
      const auto maintained = co_await maintain(now, deadline);
      if (maintained && *maintained) period = std::min(period, options_.upkeep_pause);
    }
    if (!stopped_) co_await wait(period);
  }
}

awaitable<void> Workspaces::count() {
  const auto read_by = runtime::steady_now() + kRegistryTimeout;
  const Operation<WorkspaceCounts> look = [&](postgres::Connection& connection) {
    return registry::count(connection, read_by);
  };
  const auto counted = co_await call(engine_, system_database_, look, read_by);
  counts_.reset();
  if (counted) counts_ = *counted;
}

Workspaces::Answer<FinishedWork> Workspaces::finish_pending(Deadline deadline) {
  const auto read_by = at_most(deadline, kRegistryTimeout);
  const Operation<bool> purge = [&](postgres::Connection& connection) {
    return registry::purge_deleted(connection, options_.deleted_memory, read_by);
  };
  const auto purged = co_await call(engine_, system_database_, purge, read_by);
  if (!purged) co_return tl::unexpected(purged.error());
  const Operation<bool> purge_floors = [&](postgres::Connection& connection) {
    return floors::purge(connection, read_by);
  };
  // What is left of them goes with the next.
  if (*purged) co_await call(engine_, system_database_, purge_floors, read_by);
  const Operation<std::vector<UnfinishedWorkspace>> look = [&](postgres::Connection& connection) {
    return registry::unfinished(connection, options_.finish_after, options_.drop_after, kMostPerPass,
                                read_by);
  };
  const auto unfinished = co_await call(engine_, system_database_, look, read_by);
  if (!unfinished) co_return tl::unexpected(unfinished.error());
  FinishedWork work;
  for (const UnfinishedWorkspace& workspace : *unfinished) {
    // Before it is due, so that no pod begins anything on it that the drop would end.
    if (workspace.row.state == WorkspaceState::kDeleting) cache_.erase(workspace.row.name);
    if (!workspace.due) ++work.waiting;
  }
  for (const UnfinishedWorkspace& workspace : *unfinished) {
    if (!workspace.due) continue;
    if (stopped_ || runtime::steady_now() >= deadline) break;
    const auto finished = co_await finish(workspace.row, deadline);
    if (finished) {
      ++(*finished ? work.finished : work.waiting);
      continue;
    }
    ++work.failed;
    log::warn("a workspace cannot be finished", {{"workspace", workspace.row.name},
                                                 {"state", std::string(to_string(workspace.row.state))},
                                                 {"detail", finished.error().detail}});
    const auto put_off = co_await this->put_off(workspace.row);
    if (!put_off) co_return tl::unexpected(put_off.error());
  }
  co_return work;
}

// False when another pod is at it.
Workspaces::Answer<bool> Workspaces::finish(WorkspaceRow row, Deadline deadline) {
  const auto database = workspace_database(system_database_, row.name);
  if (!database) {
    co_return tl::unexpected(Error{Error::Kind::kInternal, database.error(), {}});
  }
  if (row.state == WorkspaceState::kDeleting) co_return co_await finish_removal(row, *database, deadline);
  const auto created = co_await finish_creation(row, *database, at_most(deadline, kCreationTimeout));
  if (!created) co_return created;
  if (*created) log::info("workspace created that was left unfinished", {{"workspace", row.name}});
  co_return true;
}

Workspaces::Answer<bool> Workspaces::finish_removal(WorkspaceRow row, std::string database,
                                                    Deadline deadline) {
  const auto unheld = co_await close_holds(row, database, at_most(deadline, kHoldsTimeout));
  if (!unheld) co_return unheld;
  if (!*unheld) co_return true;
  // Without a guard, when leases are not given back in time, the drop ends their sessions.
  const auto closed = co_await engine_.close_database(database, at_most(deadline, kDrainTimeout));
  if (!closed) log::warn("sessions are cut by the deletion of their workspace", {{"workspace", row.name}});
  const WorkspaceDatabase unwanted{row, database, system_database_};
  const Operation<DatabaseWork> drop = [&](postgres::Connection& connection) {
    return drop_database(connection, unwanted, engine_.in_force(), deadline);
  };
  const auto done = co_await call(engine_, system_database_, drop, deadline);
  if (!done) co_return tl::unexpected(done.error());
  if (*done == DatabaseWork::kInUse) co_return tl::unexpected(work_error(*done, unwanted));
  if (*done == DatabaseWork::kBusy) co_return false;
  if (*done == DatabaseWork::kDone) log::info("workspace deleted", {{"workspace", row.name}});
  co_return true;
}

// A hold that was placed while the removal was asked for.
Workspaces::Answer<bool> Workspaces::close_holds(WorkspaceRow row, std::string database, Deadline deadline) {
  const auto there = co_await has_database(row.name, database, deadline);
  if (!there) co_return there;
  if (!*there) co_return true;
  const Operation<bool> close = [&](postgres::Connection& connection) {
    return tables::close_holds(connection, deadline);
  };
  const auto closed = co_await call(engine_, database, close, deadline);
  if (closed && *closed && before_drop_) {
    const auto told = co_await before_drop_(row, database, deadline);
    if (!told) co_return tl::unexpected(told.error());
  }
  if (!closed || *closed) co_return closed;
  const Operation<bool> keep = [&](postgres::Connection& connection) {
    return registry::keep(connection, row, deadline);
  };
  const auto kept = co_await call(engine_, system_database_, keep, deadline);
  if (!kept) co_return kept;
  if (*kept) log::warn("a workspace is not deleted: a legal hold stands in it", {{"workspace", row.name}});
  co_return false;
}

Workspaces::Answer<bool> Workspaces::put_off(WorkspaceRow row) {
  const auto deadline = runtime::steady_now() + kRegistryTimeout;
  const Operation<bool> put = [&](postgres::Connection& connection) {
    return registry::put_off(connection, row, deadline);
  };
  co_return co_await call(engine_, system_database_, put, deadline);
}

Workspaces::Answer<bool> Workspaces::maintain(runtime::Timestamp now, Deadline deadline) {
  const auto claim_by = at_most(deadline, kRegistryTimeout);
  const Operation<FoundRow> claim = [&](postgres::Connection& connection) {
    return registry::claim_upkeep(connection, kUpkeepRetry, claim_by);
  };
  const auto claimed = co_await call(engine_, system_database_, claim, claim_by);
  if (!claimed) co_return tl::unexpected(claimed.error());
  const FoundRow& row = *claimed;
  if (!row) co_return false;
  const auto database = workspace_database(system_database_, row->name);
  if (!database) co_return true;
  const auto done = co_await look_after(*database, now, deadline);
  if (!done) {
    log::warn("the upkeep of a workspace has failed",
              {{"workspace", row->name}, {"detail", done.error().detail}});
    co_return true;
  }
  if (on_opened_) on_opened_(*database);
  const bool indexed = co_await keep_indexes(*database, deadline);
  if (!*done || !indexed) co_return true;  // again after kUpkeepRetry
  const auto record_by = at_most(deadline, kRegistryTimeout);
  const Operation<bool> record = [&](postgres::Connection& connection) {
    return registry::set_upkeep(connection, *row, options_.upkeep_period, record_by);
  };
  const auto recorded = co_await call(engine_, system_database_, record, record_by);
  if (!recorded) co_return recorded;
  co_return true;
}

awaitable<bool> Workspaces::keep_indexes(std::string database, Deadline deadline) {
  if (engine_.in_force().max_conns_per_database < tables::kIndexConnections) co_return true;
  while (!stopped_ && runtime::steady_now() < deadline) {
    const auto done = co_await indexes_.step(database, deadline);
    if (!done) {
      log::warn("an index of a workspace could not be looked after",
                {{"database", database}, {"detail", done.error()}});
      co_return false;
    }
    if (done->skipped || indexes_.left() == 0) co_return !done->skipped;
  }
  co_return false;
}

}  // namespace storagepool::workspaces
