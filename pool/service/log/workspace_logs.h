// Keeps the logs of workspaces sealed, each of which is a log of its own as that of the system database is
// (log_upkeep.h): over a connection on which events were written there just now, or, where that was not
// enough, over one that is got for it within a minute. A workspace in which nothing is written is not opened.
// What a pod that has ended left unsealed is found when the next one opens the workspace.
//
// Whose database it is the registry says: until it was asked, no log is begun, nor is an alarm raised,
// because a workspace may have been removed and made anew meanwhile. Beside the registry is the floor of each
// log, below which it was rolled back (pool/workspaces/floors.h): until that was asked too nothing is sealed,
// which no write waits for.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/engine/engine.h"
#include "pool/ingest/recorded.h"
#include "pool/service/log/log_book.h"
#include "pool/service/log/log_key_file.h"
#include "pool/service/routes/evidence/evidence.h"
#include "pool/service/routes/evidence/own_act.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::service {

struct WorkspaceLogFigures {
  std::uint64_t waiting = 0;         // workspaces whose log is to be sealed
  std::uint64_t sealed_batches = 0;  // by this pod
  std::uint64_t fences = 0;          // writers were held off for
  std::uint64_t unchecked = 0;       // batches, as LogFigures has them
  std::uint64_t following = 0;       // requests that wait in grows()
};

class WorkspaceLogs {
 public:
  using Deadline = engine::TimePoint;

  struct Parts {
    boost::asio::any_io_executor executor;
    engine::Engine& engine;
    workspaces::Workspaces& workspaces;
    std::string system_database;
    std::function<bool()> away;                            // PostgreSQL is known not to answer
    std::function<void(const evidence::Alarm&)> on_alarm;  // each time that it is found
    std::chrono::milliseconds anchor_every{std::chrono::minutes{1}};
  };
  explicit WorkspaceLogs(Parts parts) : parts_(std::move(parts)), book_(kMostLogs), ends_(parts_.executor) {}

  // Of the system's log, in its first epoch, whose name those of workspaces begin with.
  void set_key(std::shared_ptr<const LogKey> key) { key_ = std::move(key); }
  // A batch was committed in the database of a workspace.
  void wrote(const std::string& database, const ingest::Recorded& batch);
  // Ingest::Afterwards.
  std::optional<boost::asio::awaitable<void>> after_write(const std::string& database,
                                                          postgres::Connection& connection);
  // Somebody may have left something to seal there.
  void look_soon(const std::string& database);

  // Until `stop`.
  boost::asio::awaitable<void> run();
  void stop();
  // After it, when nothing is written any more: what this pod has shown of logs is their floor.
  boost::asio::awaitable<void> leave_floors(Deadline deadline);

  // As LogUpkeep::checkpoint, with the key that verifies it.
  boost::asio::awaitable<std::optional<SignedLog>> checkpoint(recording::Destination place,
                                                              Deadline deadline);
  // As LogUpkeep::grows; it is looked at every two seconds meanwhile.
  boost::asio::awaitable<std::optional<bool>> grows(recording::Destination place, std::uint64_t size,
                                                    Deadline deadline);
  // What EvidenceContext has of it.
  boost::asio::awaitable<tl::expected<RestartedLog, std::string>> restart(recording::Destination place,
                                                                          bool only_look, Deadline deadline);
  WorkspaceLogFigures figures() const;

  // How an event of the system database is recorded; the answer is why it cannot be. Where the logs that this
  // pod has sealed are is one every `anchor_every` at most, if they have grown; two if they are many. Their
  // floors are raised before.
  using Recorder = std::function<boost::asio::awaitable<std::optional<std::string>>(OwnAct act)>;
  void record_by(Recorder recorder) { record_ = std::move(recorder); }
  // Before a workspace is dropped, in which nobody writes any more: seals what is left, and records the last
  // checkpoint. The error is why that has to be tried again; what does not pass is recorded instead.
  boost::asio::awaitable<tl::expected<void, workspaces::Error>> close(workspaces::WorkspaceRow row,
                                                                      std::string database,
                                                                      Deadline deadline);

 private:
  static constexpr std::size_t kMostLogs = 10'000;
  using Log = std::shared_ptr<WorkspaceLog>;

  std::string name_of(const WorkspaceLog& log) const;  // its origin in its first epoch
  // As it was a second ago at most; null: it cannot be told.
  boost::asio::awaitable<Log> recent(recording::Destination place, Deadline deadline);
  // On a connection that is got for it. Asks the registry before.
  boost::asio::awaitable<void> look(Log log, Deadline deadline);
  boost::asio::awaitable<void> look_on(Log log, postgres::Connection& connection);
  // What is known of the log, to who looks at it now.
  static void remind(evidence::Sealer& sealer, const WorkspaceLog& log);
  // Why it could not; empty: it could, or the log is refused.
  boost::asio::awaitable<std::string> seal(Log log, postgres::Connection& connection, bool whose_is_known);
  void audit_sealed(WorkspaceLog& log, std::span<const evidence::BatchEvents> batches);
  boost::asio::awaitable<void> audit(Log log, postgres::Connection& connection);
  void take(WorkspaceLog& log, const evidence::SealingResult& result, bool whose_is_known);
  void report(WorkspaceLog& log, const evidence::Alarm& alarm);
  void failed(WorkspaceLog& log, const std::string& detail);
  tlog::Checkpoint state_of(const WorkspaceLog& log) const;  // empty where no entry of it was seen
  SignedLog sign(const WorkspaceLog& log) const;
  boost::asio::awaitable<void> anchor();
  // Why it cannot be asked.
  boost::asio::awaitable<std::optional<std::string>> learn_floor(Log log, Deadline deadline);
  // Why they are not what was shown of these; those that others have seen further are told.
  boost::asio::awaitable<std::optional<std::string>> raise_floors(std::vector<Log> grown, Deadline deadline);

  Parts parts_;
  LogBook book_;
  std::shared_ptr<const LogKey> key_;  // null: none has been in force yet
  WorkspaceLogFigures figures_;
  std::string failure_;  // logged last; empty: it has gone well since
  Recorder record_;
  engine::TimePoint anchored_at_ = runtime::steady_now();
  bool stopped_ = false;
  runtime::Notification ends_;
};

}  // namespace storagepool::service
