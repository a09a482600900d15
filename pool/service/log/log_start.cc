#include "pool/service/log/log_start.h"

#include <chrono>
#include <utility>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/supervisor.h"
#include "pool/service/routes/evidence/own_act.h"

namespace storagepool::service {

EvidenceContext tell_logs(EvidenceContext context, LogUpkeep& log, WorkspaceLogs& workspace_logs) {
  context.checkpoint = [&log](auto until) { return log.checkpoint(until); };
  context.witnessed = [&log] { return log.witnessed(); };
  context.min_index = [&log] { return log.min_index(); };
  context.grows = [&log, &workspace_logs](auto place, auto size, auto until) {
    return place.workspace.empty() ? log.grows(size, until)
                                   : workspace_logs.grows(std::move(place), size, until);
  };
  context.key = [&log] { return log.key(); };
  context.full_audit = [&log] { return log.full_audit(); };
  context.of_workspace = [&workspace_logs](auto place, auto until) {
    return workspace_logs.checkpoint(std::move(place), until);
  };
  context.restart_of_workspace = [&workspace_logs](auto place, bool only_look, auto until) {
    return workspace_logs.restart(std::move(place), only_look, until);
  };
  return context;
}

namespace {

constexpr std::chrono::seconds kRecordPatience{5};

}  // namespace

void start_logs(const boost::asio::any_io_executor& executor, LogParts parts) {
  parts.ingest.on_recorded([parts](const std::string& database, const ingest::Recorded& batch) {
    if (database == parts.system_database) parts.log.wrote(batch);
    if (database != parts.system_database) parts.workspace_logs.wrote(database, batch);
  });
  parts.ingest.afterwards([parts](const std::string& database, postgres::Connection& connection) {
    return parts.workspace_logs.after_write(database, connection);
  });
  parts.workspaces.on_opened(
      [parts](const std::string& database) { parts.workspace_logs.look_soon(database); });
  parts.workspace_logs.record_by([parts](OwnAct act) {
    return record_own(parts.recording, parts.destinations, std::move(act), kOwnActor,
                      runtime::steady_now() + kRecordPatience);
  });
  parts.workspaces.before_drop([parts](workspaces::WorkspaceRow row, std::string database, auto deadline) {
    return parts.workspace_logs.close(std::move(row), std::move(database), deadline);
  });
  runtime::supervise(executor, "log", [parts] { return parts.log.run(); });
  runtime::supervise(executor, "full audit", [parts] { return parts.log.run_audit(); });
  runtime::supervise(executor, "logs of workspaces", [parts] { return parts.workspace_logs.run(); });
}

}  // namespace storagepool::service
