// The end of the program. At the first SIGTERM the pod is not ready any more, and for `drain_delay`
// everything is served as before, so that nobody is refused who has not heard of it yet; a second signal ends
// the delay. Then it drains within `drain_timeout`, in the order in which what was acknowledged depends on
// the next: requests, the journal's events and theirs, the journal, the sessions. A signal while it drains
// ends the program at once.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "pool/common/http/server.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/common/runtime/loop/stop_signal.h"
#include "pool/engine/engine.h"
#include "pool/ingest/ingest.h"
#include "pool/journal/journal.h"
#include "pool/recording/replay.h"
#include "pool/service/background.h"
#include "pool/service/config/options.h"
#include "pool/service/log/log_upkeep.h"
#include "pool/service/log/workspace_logs.h"
#include "pool/service/monitor/monitor.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::service {

// What is ended. The program may have no journal.
struct EndingParts {
  http::Server& api;
  std::array<http::Server*, 3> others;  // answer to the last
  Background& background;
  LogUpkeep& log;
  WorkspaceLogs& workspace_logs;
  Monitor& monitor;
  workspaces::Workspaces& workspaces;
  std::optional<recording::Replay>& replay;
  ingest::Ingest& ingest;
  std::unique_ptr<journal::Journal>& journal;
  engine::Engine& engine;
};

class Ending {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // From now on signals end the program: by `ended` when all is done, on `executor`. What is referred to must
  // live as long.
  Ending(boost::asio::any_io_executor executor, const Options& options, EndingParts parts,
         std::function<void()> ended);

  bool begun() const { return begun_; }
  // Whether everything was done in time, and is acknowledged where it must be.
  bool clean() const { return clean_; }

 private:
  void stop(int signal);
  boost::asio::awaitable<void> run();
  boost::asio::awaitable<bool> drain(TimePoint deadline);
  boost::asio::awaitable<bool> close_journal(TimePoint deadline);

  boost::asio::any_io_executor executor_;
  const Options& options_;
  EndingParts parts_;
  std::function<void()> ended_;
  runtime::StopSignal signal_;
  runtime::Notification delay_ends_;
  bool begun_ = false;
  bool in_haste_ = false;  // there is no delay any more
  bool clean_ = false;
};

}  // namespace storagepool::service
