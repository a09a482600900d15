// Keeps the log of the system database sealed: what this pod has committed becomes the log's about a second
// later, over a connection that is leased for it and given back, so that no write waits for it. Any number of
// pods do the same; one of them seals. What another pod has left unsealed is found within a minute. Each
// sees that what it has committed itself gets into the log as it was.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/settings/admin_wire.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/engine/engine.h"
#include "pool/evidence/sealing/sealer.h"
#include "pool/evidence/sealing/self_audit.h"
#include "pool/ingest/recorded.h"
#include "pool/service/log/log_audit.h"
#include "pool/service/log/log_key_file.h"

namespace storagepool::service {

struct LogFigures {
  std::uint64_t size = 0;            // entries, as this pod may show it (evidence::Publishing)
  std::uint64_t sealed_batches = 0;  // by this pod
  std::uint64_t fences = 0;          // writers were held off for, likewise
  std::uint64_t unchecked = 0;  // batches of this pod of which it did not see whether they got into the log
  std::uint64_t waiting = 0;    // for more entries, in grows()
  std::uint64_t min_index = 0;  // entries before it are pruned
  std::chrono::milliseconds cut_age{0};     // how long batches have waited for some transaction to end
  std::chrono::milliseconds hidden_for{0};  // how long entries have for standbys
  AuditFigures audit{};
};

class LogUpkeep {
 public:
  using Deadline = engine::TimePoint;

  struct Parts {
    boost::asio::any_io_executor executor;
    engine::Engine& engine;
    std::string database;
    std::function<bool()> has_schema;
    std::function<void(const evidence::Alarm&)> on_alarm;  // each time that it is found
    std::string key_file;
    std::chrono::milliseconds future;  // how far ahead of its receipt an event's time may be
  };
  explicit LogUpkeep(Parts parts);

  // Reads the file of the key. True when another is in force than before, from the next sealing on.
  bool look_at_key();
  // As the log's epoch has it. Null: none has been in force yet.
  const std::shared_ptr<const LogKey>& key() const { return key_; }
  // A batch was committed.
  void wrote(const ingest::Recorded& batch);

  // Both until `stop`: the sealing, and the full audit of what is stored.
  boost::asio::awaitable<void> run();
  boost::asio::awaitable<void> run_audit() { return full_audit_.run(); }
  void stop();

  // What may be shown, at most a second old, signed; no value without a key, before the first entry, or when
  // the log cannot be looked at by `deadline`, for which a database that is refused counts as well.
  boost::asio::awaitable<std::optional<tlog::Note>> checkpoint(Deadline deadline);
  // Waits until the log was seen with more entries than this, or until `deadline` or the stop: whether it
  // was. It is looked at every second meanwhile; no value where that could not be done.
  boost::asio::awaitable<std::optional<bool>> grows(std::uint64_t size, Deadline deadline);
  LogFigures figures() const;
  const std::optional<evidence::AuditProgress>& full_audit() const { return full_audit_.progress(); }

  // What the operator keeps of the log is its floor from now on (admin_wire.h); the answer is about the
  // newest checkpoint, or how the log has grown to the floor, if it was asked for. The error says why there
  // is none, or why that is no floor of this log.
  boost::asio::awaitable<tl::expected<settings::LogReport, std::string>> answer(settings::LogFloor floor);
  // Begins this epoch of a log that was rolled back, or only looks what it would go on from: how many entries
  // that has; no value: it has begun, or the log was not rolled back. The error says why it cannot be.
  boost::asio::awaitable<tl::expected<std::optional<std::uint64_t>, std::string>> restart(std::int64_t epoch,
                                                                                          bool only_look);
  // Entries before it are pruned.
  std::uint64_t min_index() const { return log_ ? log_->sealer.min_index() : 0; }
  // Puts what it knows of the log and of its key there.
  void tell(settings::FactsReport& report) const;
  // The checkpoint that the operator keeps, signed and cosigned, once the log was seen to begin with it and
  // while it is told.
  std::optional<tlog::Note> witnessed() const;

 private:
  // A key and what goes on with it, for as long as a sealing is under way.
  struct Log {
    explicit Log(std::shared_ptr<const LogKey> key);
    std::shared_ptr<const LogKey> key;
    evidence::Sealer sealer;
    bool at_work = false;
  };
  struct Kept {
    tlog::Note note;
    tlog::Checkpoint checkpoint;
    std::int64_t epoch = tlog::kFirstEpoch;
  };
  void follow_epoch();
  bool is_due() const;
  tl::expected<Kept, std::string> read_kept(const std::string& note) const;
  void keep(Kept told);
  void put_floor();
  boost::asio::awaitable<tl::expected<settings::LogReport, std::string>> report_growth(
      std::optional<tlog::Checkpoint> floor, Deadline deadline);
  boost::asio::awaitable<tl::expected<settings::LogReport, std::string>> report_growth_from(
      std::int64_t size, tlog::Checkpoint floor, Deadline deadline);
  boost::asio::awaitable<void> look(Deadline deadline);
  boost::asio::awaitable<void> audit_sealed(std::span<const evidence::BatchEvents> batches);
  boost::asio::awaitable<void> audit(postgres::Connection& connection);
  boost::asio::awaitable<void> prune(Deadline deadline);
  void take(const evidence::SealingResult& result, runtime::TimePoint began);
  void report(const evidence::Alarm& alarm);
  void failed(const std::string& detail);

  Parts parts_;
  LogKeyFile key_file_;
  LogAudit full_audit_;
  std::shared_ptr<const LogKey> key_;  // that of the file, under the name of the log's epoch
  std::shared_ptr<Log> log_;
  evidence::SelfAudit audit_;
  LogFigures figures_;
  bool wrote_ = true;  // what an earlier run has left
  bool stopped_ = false;
  runtime::Notification seen_;
  runtime::TimePoint seen_at_{};  // when the look began that `figures_.size` is of
  std::optional<runtime::TimePoint> looked_at_;
  std::optional<runtime::TimePoint> refused_at_;
  std::optional<runtime::TimePoint> pruned_at_;  // when there was no more to prune
  std::optional<Kept> kept_;                     // by the operator
  bool vouched_ = false;     // the log was seen to begin with a floor, if not with the last one yet
  evidence::Alarm refusal_;  // why it is not sealed, while `refused_at_` is there
  std::string failure_;      // logged last; empty: it has gone well since
  std::string alarm_;        // likewise
};

}  // namespace storagepool::service
