// Takes the steps of the full audit, over a connection that its caller has leased. Any number of pods may:
// one does, the others learn how far it has come.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/evidence/auditing/pace.h"
#include "pool/evidence/auditing/progress.h"
#include "pool/evidence/sealing/sealing.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

class Auditor {
 public:
  // `pod`: a number that no other pod has. `name`: of the database, a line. `future`: how far ahead of its
  // receipt an event's time may be. `clock` must outlive this.
  Auditor(std::int64_t pod, const std::string& name, const Keys& keys, std::chrono::milliseconds future,
          AuditPace pace = {}, const runtime::Clock& clock = runtime::system_clock());

  // For a connection outside a transaction, after the tables were made. `checkpoint`: of the log, which is as
  // this pod has it now; of one entry at least. Until `deadline`; after an error the call can be repeated: it
  // goes on with what is committed. How long to wait until the next. One call at a time.
  boost::asio::awaitable<tl::expected<std::chrono::milliseconds, postgres::Error>> step(
      postgres::Connection& connection, tlog::Checkpoint checkpoint, postgres::Deadline deadline);

  // As the last step has found or left it; no value: nothing has begun, or somebody else wrote it.
  const std::optional<AuditProgress>& progress() const { return progress_; }
  // What steps have found since this was asked for, one of a kind for each step: kMissingEvents,
  // kAlteredEvents, kUnloggedEvents. Also where the step has failed, which finds it again then.
  std::vector<Alarm> take_alarms() { return std::exchange(alarms_, {}); }
  // Somebody else wrote what was there as progress: since this was asked for.
  bool take_forged() { return std::exchange(forged_, false); }

 private:
  class Step;

  std::int64_t pod_;
  Keys keys_;
  ProgressMac mac_;
  std::chrono::milliseconds future_;
  AuditPace pace_;
  const runtime::Clock& clock_;
  std::optional<AuditProgress> progress_;
  std::vector<Alarm> alarms_;
  bool forged_ = false;
};

}  // namespace storagepool::evidence
