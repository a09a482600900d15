// Keeps the full audit of the system database going (pool/evidence/auditing): a step at a time, each over a
// connection that is leased for it, when nobody waits for one and none has to be closed for it. Any number of
// pods do the same; one of them takes the steps.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/note.h"
#include "pool/engine/engine.h"
#include "pool/evidence/auditing/auditor.h"
#include "pool/evidence/proving/log_key.h"

namespace storagepool::service {

// Whether a connection to the database is there for what can wait: an idle one, or room for one more.
bool can_spare(const engine::Statistics& pool, std::span<const engine::DatabaseStatistics> databases,
               const std::string& database);

// By the last full audit that ended and by the one that is under way, whichever found more.
struct AuditFigures {
  std::int64_t missing = 0;
  std::int64_t altered = 0;
  std::int64_t unlogged = 0;
  // Since the last one that has ended began, or since this pod began to look where none has.
  std::chrono::seconds age{0};
};

class LogAudit {
 public:
  struct Parts {
    engine::Engine& engine;
    std::string database;
    std::function<bool()> has_schema;
    // As LogUpkeep has them.
    std::function<boost::asio::awaitable<std::optional<tlog::Note>>(engine::TimePoint)> checkpoint;
    std::function<std::shared_ptr<const evidence::LogKey>()> key;
    std::function<void(const evidence::Alarm&)> on_alarm;
    std::chrono::milliseconds future;  // Auditor
  };
  explicit LogAudit(Parts parts);

  // Until `stop`.
  boost::asio::awaitable<void> run();
  void stop() { stopped_ = true; }

  // As this pod has last seen it; no value: not at all, or nothing has begun.
  const std::optional<evidence::AuditProgress>& progress() const { return progress_; }
  AuditFigures figures(runtime::Timestamp now) const;

 private:
  boost::asio::awaitable<std::chrono::milliseconds> look();
  void follow_key(const evidence::LogKey& key);
  void report();

  Parts parts_;
  const std::int64_t pod_;
  evidence::Keys audited_with_;
  std::optional<evidence::Auditor> auditor_;
  std::optional<evidence::AuditProgress> progress_;
  std::optional<runtime::Timestamp> looked_since_;
  std::string failure_;  // logged last; empty: it has gone well since
  bool stopped_ = false;
};

}  // namespace storagepool::service
