// Has the logs of the system database and of workspaces follow what is written, and the routes ask them.
#pragma once

#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "pool/ingest/ingest.h"
#include "pool/service/log/log_upkeep.h"
#include "pool/service/log/workspace_logs.h"
#include "pool/service/routes/evidence/evidence.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::service {

struct LogParts {
  LogUpkeep& log;
  WorkspaceLogs& workspace_logs;
  ingest::Ingest& ingest;
  workspaces::Workspaces& workspaces;
  const std::string& system_database;
  recording::Recording& recording;
  recording::Destinations& destinations;
};

// `context` with what the routes ask of them. They must outlive it.
EvidenceContext tell_logs(EvidenceContext context, LogUpkeep& log, WorkspaceLogs& workspace_logs);

// What is referred to must live until the executor runs no more.
void start_logs(const boost::asio::any_io_executor& executor, LogParts parts);

}  // namespace storagepool::service
