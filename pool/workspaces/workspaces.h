// Workspaces: databases of their own beside the system database, on the same server, each with the schema of
// audit events. Any number may exist; connections to them come from the engine's one budget. The system
// database keeps a registry of them, from which any pod finishes what another has left half done.
//
//   const auto home = co_await workspaces.resolve(name, deadline);
//   if (!home) co_return answer_of(home.error());
//   auto lease = co_await engine.acquire(home->database, deadline);
//
// What resolve says is believed for `recheck_after`, so another pod may drop the database under a caller. One
// whose acquire or statement fails calls `forget` and resolves again, and that answer is the client's.
//
// To be used on one executor. A call that takes a deadline has ended soon after it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/loop/coroutine.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/engine/engine.h"
#include "pool/tables/indexes.h"
#include "pool/tables/partitions.h"
#include "pool/workspaces/cache.h"
#include "pool/workspaces/error.h"
#include "pool/workspaces/floors.h"
#include "pool/workspaces/registry.h"

namespace storagepool::workspaces {

struct Workspace {
  std::string name;
  WorkspaceState state = WorkspaceState::kCreating;
  runtime::Timestamp created_at;
};

struct CreatedWorkspace {
  Workspace workspace;
  bool created = false;  // false: it was there already
};

// Where a workspace's events are.
struct Home {
  std::string database;
  std::string incarnation;  // another each time the workspace is created
};

enum class Removal { kDropping, kGone };

struct Options {
  std::size_t cache_entries = 10000;
  std::chrono::milliseconds recheck_after{2000};
  // From a removal to the DROP, longer than recheck_after: by then every pod has stopped using it.
  std::chrono::milliseconds drop_after{3000};
  std::chrono::milliseconds finish_after{30'000};  // a creation its caller has left
  std::chrono::milliseconds pass_period{10'000};   // between looks for unfinished work and due upkeep
  std::chrono::milliseconds upkeep_period{std::chrono::hours{24}};
  std::chrono::milliseconds upkeep_pause{1000};  // between two workspaces
  std::chrono::milliseconds deleted_memory{std::chrono::hours{24}};
  tables::PartitionSettings partitions;
  settings::EventIndexes indexes;  // see tables::IndexUpkeep
};

// What one look at the unfinished workspaces came to.
struct FinishedWork {
  std::int64_t finished = 0;
  std::int64_t failed = 0;
  std::int64_t waiting = 0;  // not due yet
};

class Workspaces {
 public:
  using Deadline = engine::TimePoint;
  template <typename T>
  using Answer = boost::asio::awaitable<tl::expected<T, Error>>;

  // `engine` must outlive this, and this every call that has begun.
  Workspaces(boost::asio::any_io_executor executor, engine::Engine& engine, std::string system_database,
             Options options = {});

  // Makes the workspace unless it is there. A creation that failed half-way is finished by the next call or,
  // after `finish_after`, by any pod's `run`.
  Answer<CreatedWorkspace> create(std::string name, Deadline deadline);
  // At most `limit`, by name (bytewise), those behind `after` that match one of the globs (of `*` and `?`);
  // without globs all of them.
  Answer<std::vector<Workspace>> list(std::int64_t limit, std::string after, Deadline deadline,
                                      std::optional<std::vector<std::string>> globs = std::nullopt);
  Answer<Workspace> get(std::string name, Deadline deadline);
  // kDropping: from now on nobody may use it, and a `run` drops it, or keeps it after all where a legal hold
  // was placed in it at this moment. kGone: it was dropped within the last day. kHeld while a hold stands.
  Answer<Removal> remove(std::string name, Deadline deadline);

  // The database of a workspace, migrated. One look at the registry at most every `recheck_after`; while that
  // cannot be asked, what it said last still holds.
  Answer<Home> resolve(std::string name, Deadline deadline);
  // The same as the registry says at this moment, which is asked; the database is not.
  Answer<Home> look_up(std::string name, Deadline deadline);
  // Below what the log of the workspace, which is that of the registry, was rolled back; and what was shown
  // of logs since, which is answered by the floors that are higher, or of another history.
  Answer<std::optional<LogFloor>> log_floor(std::string incarnation, Deadline deadline);
  Answer<std::vector<LogFloor>> raise_log_floors(std::vector<LogFloor> shown, Deadline deadline);
  // The next resolve looks at the registry.
  void forget(std::string_view name);

  // The work nobody waits for: finishing and upkeep, one workspace at a time. Ends after `stop`, at the
  // latest when the step under way has.
  boost::asio::awaitable<void> run();
  void stop();
  // Hears what becomes of looks at the registry: null when it was read, else why it cannot be before a person
  // mends it. Not of what passes, for then PostgreSQL is away.
  using RegistryListener = std::function<void(const Error*)>;
  void on_registry(RegistryListener listener) { on_registry_ = std::move(listener); }
  // Hears of each database of a workspace that was opened for its upkeep, or the first time by this process.
  using OpenedListener = std::function<void(const std::string& database)>;
  void on_opened(OpenedListener listener) { on_opened_ = std::move(listener); }
  // Awaited before the database of a workspace that is removed is dropped, when no hold stands in it any
  // more. After an error that is tried again later, as if dropping it had failed.
  using DropListener = std::function<Answer<void>(WorkspaceRow row, std::string database, Deadline deadline)>;
  void before_drop(DropListener listener) { before_drop_ = std::move(listener); }
  // Of the whole registry, as the last pass of `run` found it: about every `pass_period`. No value while the
  // registry has not been read or cannot be.
  const std::optional<WorkspaceCounts>& counts() const { return counts_; }

  // One look at what is unfinished, and the work that is due.
  Answer<FinishedWork> finish_pending(Deadline deadline);
  // The daily upkeep of one workspace for which it is due: migrations, partitions ahead, retention, indexes.
  // False when there is none.
  Answer<bool> maintain(runtime::Timestamp now, Deadline deadline);

 private:
  class Making;

  Answer<registry::FoundRow> find(std::string name, std::string database, Deadline deadline);
  // No row: unless the database says that there should be one.
  Answer<registry::FoundRow> missing(std::string name, std::string database, Deadline deadline);
  void tell_registry(const Error* error) const;
  // What brings a row from `creating` to `ready`; false when somebody else did that, or wants something else.
  Answer<bool> finish_creation(WorkspaceRow row, std::string database, Deadline deadline);
  Answer<bool> make(WorkspaceRow row, std::string database, Deadline deadline);
  // A connection to a workspace, migrated.
  Answer<engine::Lease> open(std::string database, Deadline deadline);
  // Its schema and partitions. False when these want to be looked at again soon, which keeps nobody from
  // using it: events without a month go to the default partition.
  Answer<bool> look_after(std::string database, runtime::Timestamp now, Deadline deadline);
  // False when some want to be looked at again soon.
  boost::asio::awaitable<bool> keep_indexes(std::string database, Deadline deadline);
  // By this process, of this incarnation.
  Answer<bool> first_use(WorkspaceRow row, std::string database, Deadline deadline);
  Answer<bool> finish(WorkspaceRow row, Deadline deadline);
  Answer<bool> finish_removal(WorkspaceRow row, std::string database, Deadline deadline);
  // Whether its database is there and is that of the workspace.
  Answer<bool> has_database(std::string name, std::string database, Deadline deadline);
  Answer<bool> has_hold(std::string name, std::string database, Deadline deadline);
  // False where a hold stands, which keeps the workspace; none can be placed afterwards. Then it is told to
  // who wants to know before it is dropped.
  Answer<bool> close_holds(WorkspaceRow row, std::string database, Deadline deadline);
  Answer<bool> put_off(WorkspaceRow row);
  boost::asio::awaitable<void> count();
  void wake();
  boost::asio::awaitable<void> wait(std::chrono::milliseconds period);

  engine::Engine& engine_;
  const std::string system_database_;
  const Options options_;
  Cache cache_;
  tables::IndexUpkeep indexes_;
  std::optional<WorkspaceCounts> counts_;
  RegistryListener on_registry_;
  OpenedListener on_opened_;
  DropListener before_drop_;
  int making_ = 0;
  runtime::Notification made_;
  runtime::Notification woken_;
  bool wake_ = false;
  bool stopped_ = false;
};

}  // namespace storagepool::workspaces
