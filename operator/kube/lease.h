// Who of several processes leads: whoever holds a Lease (coordination.k8s.io/v1) and renews it, as
// client-go's leaderelection has it, with its times. Pure: the caller reads the Lease, writes what next()
// says, and tells when it had sent what was written.
//
// Clocks of machines are not compared: a candidate measures by its own for how long the Lease has not
// changed, and takes it over after kDuration. Who leads counts from when it *sent* its last renewal, and
// gives up kDuration - kRenewDeadline earlier than anybody may take over. That holds also when somebody
// deletes the Lease, once within kDuration, but for a candidate that has never seen it: it cannot know of a
// holder.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "operator/kube/resource.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::kube {

class Election {
 public:
  using TimePoint = runtime::TimePoint;

  static constexpr std::chrono::seconds kDuration{15};
  static constexpr std::chrono::seconds kRenewDeadline{10};
  static constexpr std::chrono::seconds kRetryPeriod{2};

  // `identity`: of no other process that runs at the same time. One that comes after it may have the same,
  // and goes on with its place.
  Election(ObjectKey lease, std::string identity);

  // What to write, over the Lease as it was read (null: there is none), which must not have changed since.
  // Nothing: somebody else leads.
  std::optional<Json> next(const Json& read, TimePoint now, runtime::Timestamp wall);
  void written(TimePoint sent);

  // Until when this process leads if it writes nothing more; long ago: it does not.
  TimePoint leads_until() const;
  // Whom it waits for; empty: nobody.
  const std::string& holder() const { return holder_; }
  // What gives the place to the next candidate at once; over a Lease that this process holds.
  Json released(const Json& read, runtime::Timestamp wall) const;

 private:
  Json over(const Json& read, Json spec) const;

  ObjectKey lease_;
  std::string identity_;
  std::string holder_;
  std::optional<std::string> seen_;  // what of the Lease was seen last, and since when
  TimePoint seen_at_{};
  TimePoint looked_at_{};
  std::optional<TimePoint> led_from_;
};

}  // namespace storagepool::kube
