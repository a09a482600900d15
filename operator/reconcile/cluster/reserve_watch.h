// Whether what is left of a server beside StoragePools is enough for the sessions that others have there, as
// PostgreSQL shows them. Sessions come and go: a verdict counts once all readings of half a minute agree on
// it. Pure: the times are given.
#pragma once

#include <chrono>
#include <optional>

#include "pool/common/runtime/clock.h"

namespace storagepool::reconcile {

class ReserveWatch {
 public:
  static constexpr std::chrono::seconds kSteady{30};

  explicit ReserveWatch(bool too_small) : too_small_(too_small) {}  // as it was found before

  // A reading says that it is enough or not; one that is not later than the last says nothing.
  void read(bool enough, runtime::TimePoint at);
  bool is_too_small() const { return too_small_; }

 private:
  bool too_small_;
  std::optional<runtime::TimePoint> last_;
  std::optional<runtime::TimePoint> otherwise_since_;
};

}  // namespace storagepool::reconcile
