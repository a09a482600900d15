#include "pool/workspaces/workspaces.h"

#include <algorithm>
#include <optional>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/postgres/disposition.h"
#include "pool/tables/legal_holds.h"
#include "pool/tables/tables.h"
#include "pool/workspaces/call.h"
#include "pool/workspaces/database.h"
#include "pool/workspaces/name.h"

namespace storagepool::workspaces {
namespace {

using registry::FoundRow;
using Kind = Error::Kind;

constexpr std::chrono::milliseconds kSoon{50};  // between tries at what another session is at
// A request that asks again about a known workspace waits no longer for the registry than this.
constexpr std::chrono::milliseconds kRecheckPatience{1000};
// For a database that the server did not have a moment ago: the engine tries it again by its back-off.
constexpr std::chrono::milliseconds kConnectPatience{5000};
// CREATE DATABASE is hard on a server.
constexpr int kMostMaking = 2;

Workspace described(const WorkspaceRow& row) {
  return {row.name, row.state, row.created_at};
}

Error invalid_name(std::string detail) {
  return {Kind::kInvalidName, std::move(detail), {}};
}

}  // namespace

// One of the creations that may be at work on a database.
class Workspaces::Making {
 public:
  explicit Making(Workspaces& workspaces) : workspaces_(workspaces) { ++workspaces_.making_; }
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;
  ~Making() {
    --workspaces_.making_;
    workspaces_.made_.notify_all();
  }

 private:
  Workspaces& workspaces_;
};

Workspaces::Workspaces(boost::asio::any_io_executor executor, engine::Engine& engine,
                       std::string system_database, Options options)
    : engine_(engine),
      system_database_(std::move(system_database)),
      options_(options),
      cache_(options.cache_entries, options.recheck_after),
      indexes_(engine, options_.indexes),
      made_(executor),
      woken_(std::move(executor)) {}

Workspaces::Answer<CreatedWorkspace> Workspaces::create(std::string name, Deadline deadline) {
  const auto database = workspace_database(system_database_, name);
  if (!database) co_return tl::unexpected(invalid_name(database.error()));
  const Operation<FoundRow> begin = [&](postgres::Connection& connection) {
    return registry::begin_creation(connection, name, deadline);
  };
  const auto begun = co_await call(engine_, system_database_, begin, deadline);
  if (!begun) co_return tl::unexpected(begun.error());
  const FoundRow& wanted = *begun;
  std::optional<Error> trouble;
  if (wanted && wanted->state == WorkspaceState::kCreating) {
    const auto finished = co_await finish_creation(*wanted, *database, deadline);
    if (finished && *finished) {
      Workspace made = described(*wanted);
      made.state = WorkspaceState::kReady;
      co_return CreatedWorkspace{std::move(made), true};
    }
    if (!finished) trouble = finished.error();
    if (trouble && (trouble->kind == Kind::kTaken || trouble->kind == Kind::kNotPermitted)) {
      co_return tl::unexpected(std::move(*trouble));
    }
  }
  // Somebody else has brought it to where it is now.
  const auto found = co_await find(name, *database, deadline);
  if (!found) co_return tl::unexpected(trouble.value_or(found.error()));
  const FoundRow& row = *found;
  if (trouble && row && row->state == WorkspaceState::kCreating)
    co_return tl::unexpected(std::move(*trouble));
  const auto there = created(row, name);
  if (!there) co_return tl::unexpected(there.error());
  co_return CreatedWorkspace{described(*there), false};
}

Workspaces::Answer<bool> Workspaces::finish_creation(WorkspaceRow row, std::string database,
                                                     Deadline deadline) {
  const auto made = co_await make(row, database, deadline);
  if (!made || !*made) co_return made;
  const auto now = runtime::wall_now();
  const auto prepared = co_await look_after(database, now, deadline);
  if (!prepared) co_return prepared;
  const Operation<bool> mark = [&](postgres::Connection& connection) {
    return registry::mark_ready(connection, row, deadline);
  };
  const auto ready = co_await call(engine_, system_database_, mark, deadline);
  if (ready && *ready) cache_.put(row.name, row.incarnation, runtime::steady_now());
  co_return ready;
}

Workspaces::Answer<bool> Workspaces::make(WorkspaceRow row, std::string database, Deadline deadline) {
  while (making_ >= kMostMaking) {
    const bool woken = co_await made_.wait_until(deadline);
    if (!woken) co_return tl::unexpected(unavailable("too many workspaces are being created"));
  }
  const Making making(*this);
  const WorkspaceDatabase wanted{row, database, system_database_};
  const Operation<DatabaseWork> work = [&](postgres::Connection& connection) {
    return make_database(connection, wanted, engine_.in_force(), deadline);
  };
  for (;;) {
    const auto done = co_await call(engine_, system_database_, work, deadline);
    if (!done) co_return tl::unexpected(done.error());
    if (*done == DatabaseWork::kDone) co_return true;
    if (*done == DatabaseWork::kOvertaken) co_return false;
    if (*done == DatabaseWork::kTaken || *done == DatabaseWork::kNotPermitted) {
      const Operation<bool> cancel = [&](postgres::Connection& connection) {
        return registry::cancel_creation(connection, row, deadline);
      };
      const auto cancelled = co_await call(engine_, system_database_, cancel, deadline);
      if (!cancelled) co_return cancelled;
      co_return tl::unexpected(work_error(*done, wanted));
    }
    if (runtime::steady_now() + kSoon >= deadline) co_return tl::unexpected(work_error(*done, wanted));
    co_await runtime::sleep_for(kSoon);
  }
}

Workspaces::Answer<engine::Lease> Workspaces::open(std::string database, Deadline deadline) {
  const auto patience = std::min(deadline, runtime::steady_now() + kConnectPatience);
  for (;;) {
    Error error;
    bool may_come = false;
    {
      auto lease = co_await engine_.acquire(database, deadline);
      if (lease) {
        const auto migrated = co_await tables::migrate(**lease, tables::migrations(), deadline);
        if (migrated) co_return std::move(*lease);
        error = to_error(migrated.error());
        may_come = postgres::disposition_of(migrated.error()).repeat;
      } else {
        error = to_error(lease.error());
        may_come = lease.error().reason == engine::AcquireError::Reason::kConnectFailed ||
                   lease.error().reason == engine::AcquireError::Reason::kDatabaseClosed;
      }
    }
    if (!may_come || runtime::steady_now() + kSoon >= patience) co_return tl::unexpected(std::move(error));
    co_await runtime::sleep_for(kSoon);
  }
}

Workspaces::Answer<bool> Workspaces::look_after(std::string database, runtime::Timestamp now,
                                                Deadline deadline) {
  auto lease = co_await open(database, deadline);
  if (!lease) co_return tl::unexpected(lease.error());
  auto kept = co_await tables::maintain(**lease, now, deadline, options_.partitions);
  while (kept && kept->unfinished && !stopped_ && runtime::steady_now() + kSoon < deadline) {
    co_await runtime::sleep_for(kSoon);
    kept = co_await tables::maintain(**lease, now, deadline, options_.partitions);
  }
  if (kept) co_return !kept->again_soon();
  log::warn("the partitions of a workspace could not be looked after",
            {{"database", database}, {"detail", kept.error().detail}});
  co_return false;
}

Workspaces::Answer<FoundRow> Workspaces::find(std::string name, std::string database, Deadline deadline) {
  const Operation<FoundRow> look = [&](postgres::Connection& connection) {
    return registry::find(connection, name, deadline);
  };
  auto found = co_await call(engine_, system_database_, look, deadline);
  tell_registry(found ? nullptr : &found.error());
  if (found && !*found) found = co_await missing(std::move(name), std::move(database), deadline);
  co_return found;
}

Workspaces::Answer<FoundRow> Workspaces::missing(std::string name, std::string database, Deadline deadline) {
  const auto marked = co_await has_database(name, std::move(database), deadline);
  if (!marked) co_return tl::unexpected(marked.error());
  if (*marked) co_return tl::unexpected(forgotten(name));
  co_return FoundRow{};
}

Workspaces::Answer<bool> Workspaces::has_database(std::string name, std::string database, Deadline deadline) {
  WorkspaceDatabase asked;
  asked.row.name = std::move(name);
  asked.database = std::move(database);
  asked.system_database = system_database_;
  const Operation<bool> look = [&](postgres::Connection& connection) {
    return is_marked(connection, asked, deadline);
  };
  co_return co_await call(engine_, system_database_, look, deadline);
}

Workspaces::Answer<bool> Workspaces::has_hold(std::string name, std::string database, Deadline deadline) {
  const auto there = co_await has_database(std::move(name), database, deadline);
  if (!there || !*there) co_return there;
  const Operation<bool> look = [&](postgres::Connection& connection) {
    return tables::has_holds(connection, deadline);
  };
  co_return co_await call(engine_, std::move(database), look, deadline);
}

void Workspaces::tell_registry(const Error* error) const {
  if (on_registry_ && (error == nullptr || error->needs_person)) on_registry_(error);
}

Workspaces::Answer<std::vector<Workspace>> Workspaces::list(std::int64_t limit, std::string after,
                                                            Deadline deadline,
                                                            std::optional<std::vector<std::string>> globs) {
  const Operation<std::vector<WorkspaceRow>> look = [&](postgres::Connection& connection) {
    return registry::list(connection, limit, after, deadline, globs);
  };
  const auto rows = co_await call(engine_, system_database_, look, deadline);
  if (!rows) co_return tl::unexpected(rows.error());
  std::vector<Workspace> workspaces;
  for (const WorkspaceRow& row : *rows) workspaces.push_back(described(row));
  co_return workspaces;
}

Workspaces::Answer<Workspace> Workspaces::get(std::string name, Deadline deadline) {
  const auto database = workspace_database(system_database_, name);
  if (!database) co_return tl::unexpected(invalid_name(database.error()));
  const auto row = co_await find(name, *database, deadline);
  if (!row) co_return tl::unexpected(row.error());
  const auto there = existing(*row, name);
  if (!there) co_return tl::unexpected(there.error());
  co_return described(*there);
}

Workspaces::Answer<Removal> Workspaces::remove(std::string name, Deadline deadline) {
  const auto database = workspace_database(system_database_, name);
  if (!database) co_return tl::unexpected(invalid_name(database.error()));
  const Operation<FoundRow> look = [&](postgres::Connection& connection) {
    return registry::find(connection, name, deadline);
  };
  const auto before = co_await call(engine_, system_database_, look, deadline);
  if (!before) co_return tl::unexpected(before.error());
  const FoundRow& known = *before;
  if (known && known->state == WorkspaceState::kReady) {
    const auto held_back = co_await has_hold(name, *database, deadline);
    if (!held_back) co_return tl::unexpected(held_back.error());
    if (*held_back) co_return tl::unexpected(held(name));
  }
  const Operation<FoundRow> begin = [&](postgres::Connection& connection) {
    return registry::begin_removal(connection, name, deadline);
  };
  auto begun = co_await call(engine_, system_database_, begin, deadline);
  if (begun && !*begun) begun = co_await missing(name, *database, deadline);
  if (!begun) co_return tl::unexpected(begun.error());
  cache_.erase(name);
  const FoundRow& row = *begun;
  if (row && row->state == WorkspaceState::kDeleted) co_return Removal::kGone;
  const auto there = existing(row, name);
  if (!there) co_return tl::unexpected(there.error());
  if (there->state == WorkspaceState::kDeleting) {
    wake();
    co_return Removal::kDropping;
  }
  co_return tl::unexpected(unavailable("the workspace " + name + " was created again at this moment"));
}

Workspaces::Answer<Home> Workspaces::resolve(std::string name, Deadline deadline) {
  const auto database = workspace_database(system_database_, name);
  if (!database) co_return tl::unexpected(invalid_name(database.error()));
  const auto now = runtime::steady_now();
  const auto look = cache_.look(name, now);
  const std::string incarnation = cache_.incarnation(name);
  if (look == Cache::Look::kFresh) co_return Home{*database, incarnation};
  const bool known = look == Cache::Look::kStale;
  const auto row =
      co_await find(name, *database, known ? std::min(deadline, now + kRecheckPatience) : deadline);
  if (!row && known) co_return Home{*database, incarnation};
  if (!row) co_return tl::unexpected(row.error());
  const auto there = usable(*row, name);
  if (!there) {
    cache_.erase(name);
    co_return tl::unexpected(there.error());
  }
  cache_.checked(name, runtime::steady_now());
  if (cache_.known(name, there->incarnation)) co_return Home{*database, there->incarnation};
  const auto prepared = co_await first_use(*there, *database, deadline);
  if (!prepared) co_return tl::unexpected(prepared.error());
  co_return Home{*database, there->incarnation};
}

Workspaces::Answer<Home> Workspaces::look_up(std::string name, Deadline deadline) {
  const auto database = workspace_database(system_database_, name);
  if (!database) co_return tl::unexpected(invalid_name(database.error()));
  const auto row = co_await find(name, *database, deadline);
  if (!row) co_return tl::unexpected(row.error());
  const auto there = usable(*row, name);
  if (!there) co_return tl::unexpected(there.error());
  co_return Home{*database, there->incarnation};
}

Workspaces::Answer<bool> Workspaces::first_use(WorkspaceRow row, std::string database, Deadline deadline) {
  cache_.erase(row.name);
  const auto lease = co_await open(database, deadline);
  if (lease) {
    if (on_opened_) on_opened_(database);
    cache_.put(row.name, row.incarnation, runtime::steady_now());
    co_return true;
  }
  if (runtime::steady_now() >= deadline) {
    // A migration may take longer than a request waits: the upkeep has the time.
    const auto soon = runtime::steady_now() + kRecheckPatience;
    const Operation<bool> hasten = [&](postgres::Connection& connection) {
      return registry::set_upkeep(connection, row, std::chrono::milliseconds{0}, soon);
    };
    const auto hastened = co_await call(engine_, system_database_, hasten, soon);
    if (hastened) wake();
  }
  co_return tl::unexpected(lease.error());
}

void Workspaces::forget(std::string_view name) {
  cache_.expire(std::string(name));
}

}  // namespace storagepool::workspaces
