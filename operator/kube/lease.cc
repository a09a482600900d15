#include "operator/kube/lease.h"

#include <utility>

#include "pool/common/json/json.h"

namespace storagepool::kube {

Election::Election(ObjectKey lease, std::string identity)
    : lease_(std::move(lease)), identity_(std::move(identity)) {}

std::optional<Json> Election::next(const Json& read, TimePoint now, runtime::Timestamp wall) {
  std::string seen = json::member(read, "spec").dump() + json::text_at(read, "/metadata/resourceVersion");
  const bool first = !seen_;
  // What is not there has no version: it may have been there since the last look.
  const bool missed = read.is_null() && now - looked_at_ > 2 * kRetryPeriod;
  if (seen != seen_ || missed) {
    seen_ = std::move(seen);
    seen_at_ = now;
  }
  looked_at_ = now;
  holder_ = json::text_at(read, "/spec/holderIdentity");
  const bool mine = read.is_null() ? leads_until() > now : holder_ == identity_;
  // Who had a Lease that somebody has deleted may not know it yet.
  const bool given_up = read.is_null() ? first : holder_.empty();
  const bool free = given_up || now - seen_at_ >= kDuration;
  if (!mine && !free) {
    led_from_.reset();
    return std::nullopt;
  }
  const std::string time = runtime::format_microseconds(wall);
  Json spec{{"holderIdentity", identity_},
            {"leaseDurationSeconds", kDuration.count()},
            {"acquireTime", mine ? json::text_at(read, "/spec/acquireTime") : time},
            {"renewTime", time},
            {"leaseTransitions",
             json::integer_at(read, "/spec/leaseTransitions", 0) + (mine || read.is_null() ? 0 : 1)}};
  if (spec["acquireTime"] == "") spec["acquireTime"] = time;
  return over(read, std::move(spec));
}

void Election::written(TimePoint sent) {
  led_from_ = sent;
  holder_ = identity_;
}

Election::TimePoint Election::leads_until() const {
  return led_from_ ? *led_from_ + kRenewDeadline : TimePoint::min();
}

Json Election::released(const Json& read, runtime::Timestamp wall) const {
  const std::string time = runtime::format_microseconds(wall);
  return over(read, {{"holderIdentity", ""},
                     {"leaseDurationSeconds", 1},
                     {"renewTime", time},
                     {"acquireTime", time},
                     {"leaseTransitions", json::integer_at(read, "/spec/leaseTransitions", 0)}});
}

// The Lease with this spec, as long as it is as it was read.
Json Election::over(const Json& read, Json spec) const {
  return {{"metadata",
           {{"name", lease_.name},
            {"namespace", lease_.name_space},
            {"resourceVersion", json::text_at(read, "/metadata/resourceVersion")}}},
          {"spec", std::move(spec)}};
}

}  // namespace storagepool::kube
