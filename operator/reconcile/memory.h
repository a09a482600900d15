// What the operator remembers of one StoragePool between two looks at it. All of it can be lost at any
// moment: it saves work and bridges the time until a cache shows what was just written, and nothing more.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/object.h"
#include "operator/reconcile/children.h"
#include "operator/reconcile/inquiry.h"
#include "operator/reconcile/status.h"
#include "operator/reconcile/view.h"
#include "operator/sizing/known_facts.h"

namespace storagepool::reconcile {

// The newest known form of an object: what the cache shows, or what was written if the cache is older.
template <typename View>
class Newest {
 public:
  using Now = Children::Now;

  template <typename Read>
  const std::optional<View>& update(const kube::ObjectPtr& cached, Read read, Now now) {
    if (!cached) {
      const bool just_written = version_ > 0 && !seen_ && now - written_at_ < Children::kCacheLag;
      if (!just_written) *this = {};
      return view_;
    }
    const std::uint64_t version = kube::resource_version(*cached);
    if (version < version_) return view_;
    if (version != version_) view_ = read(*cached);
    version_ = version;
    seen_ = true;
    return view_;
  }
  void written(std::optional<View> view, const Json& stored, Now now) {
    view_ = std::move(view);
    version_ = kube::resource_version(stored);
    seen_ = false;
    written_at_ = now;
  }
  const std::optional<View>& view() const { return view_; }
  std::uint64_t version() const { return version_; }

 private:
  std::optional<View> view_;
  std::uint64_t version_ = 0;
  bool seen_ = false;
  Now written_at_{};
};

// A number of the ledger that a write may have raised of which the end is not known, or that was written and
// no cache shows. It counts until the object is seen in another version than the write was to change, and no
// longer than a write can be under way.
struct Doubt {
  static constexpr std::chrono::minutes kLongest{5};
  std::uint64_t version = 0;
  std::int64_t number = 0;
  std::chrono::steady_clock::time_point since = {};
};

struct Memory {
  std::string uid;
  Children children;
  Newest<ConfigView> config;
  Newest<WorkloadView> workload;
  Newest<Status> status;
  std::chrono::steady_clock::time_point status_written_at{};
  std::chrono::steady_clock::time_point progressed_at{};
  std::chrono::steady_clock::time_point secret_applied_at{};
  std::optional<std::chrono::steady_clock::time_point> leaving_since;  // pods are to go for good
  bool deleting = false;                                               // and their StoragePool with them
  Inquiry inquiry;                                                     // why pods do not come up
  // Since when each look has ended with a request that failed and may pass.
  std::optional<std::chrono::steady_clock::time_point> failing_since;
  std::int64_t generation = 0;  // metadata.generation when it was last looked at
  std::optional<Doubt> ceiling_in_doubt;
  std::optional<Doubt> peak_in_doubt;
  // Of the ConfigMap and the StatefulSet, for when they are lost; 0: not known.
  std::int64_t last_ceiling = 0;
  std::int64_t last_peak = 0;
  std::string target;                       // host:port/database where the pods are led to
  std::optional<sizing::KnownFacts> facts;  // of it, from the StoragePool's own pods
  // As the ledger names servers: where the pods are led to, where they may be besides, and what they may try.
  std::string server;
  std::vector<std::string> leaving;
  std::vector<std::string> tried;
  bool read_servers = false;  // the last two, from the ConfigMap, once
  // Where the spec leads while that is another server; else empty.
  std::string destination;
  std::string destination_target;  // host:port/database that `destination_facts` are about
  std::optional<sizing::KnownFacts> destination_facts;
};

}  // namespace storagepool::reconcile
