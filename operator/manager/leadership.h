// One of several operators leads (operator/kube/lease.h): the others wait, and write nothing. Holds the Lease
// `storagepool-operator` of the operator's namespace. Its place is good only while the StoragePools of the
// cluster are those of its installation (installation.h): both are looked at in the same rhythm.
//
// A fence is before every write: without a place that is still good it does not leave this process, also
// where the process was stopped halfway (operator/kube/transport/request_body.h), and it is not waited for
// longer than the place is good. What a write that is on its way may do to an object after that, its
// resourceVersion bounds (operator/reconcile).
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "operator/kube/kube.h"
#include "operator/kube/lease.h"
#include "operator/manager/installation.h"
#include "pool/common/runtime/metrics/metrics.h"

namespace storagepool::manager {

inline constexpr const char* kLease = "storagepool-operator";
inline constexpr const char* kFieldManager = "storagepool-operator";

// What keeps an operator from leading.
struct Hindrance {
  std::string holder = {};   // another of its installation leads: as it should be
  std::string owner = {};    // another installation has the StoragePools of the cluster
  std::string trouble = {};  // for people: that, or what is missing; empty: all is as it should be
  friend bool operator==(const Hindrance&, const Hindrance&) = default;
};

class Leadership {
 public:
  // `lost` is called once, from a thread of this, when a place that was held is held no more. `watched`: as
  // Installation has it. Transport and
  // metrics outlive this; a transport of its own keeps renewals from waiting for connections that others
  // found dead.
  Leadership(kube::Transport& transport, runtime::Metrics& metrics, const std::string& name_space,
             std::string identity, std::function<void()> lost, std::vector<std::string> watched = {});
  ~Leadership();  // gives the place to the next, if it is held

  // Blocks until this process leads; false: the stop came first. `waits` is told what it waits for, and of
  // each change.
  bool wait(const std::stop_token& stop, const std::function<void(const Hindrance&)>& waits);
  // Until when it leads at least; thread-safe.
  runtime::TimePoint leads_until() const { return until_.load(); }

 private:
  void run(const std::stop_token& stop);
  bool attempt();
  std::optional<std::string> elect(runtime::TimePoint sent);
  std::optional<std::string> look_at_mark(runtime::TimePoint sent);
  void tell(Hindrance hindrance);
  void release();
  tl::expected<kube::Json, kube::ApiError> read();
  tl::expected<void, kube::ApiError> write(const kube::Json& read, kube::Json lease);

  kube::Transport& transport_;
  const kube::ObjectKey lease_;
  const std::function<void()> lost_;
  prometheus::Gauge& leads_;
  prometheus::Gauge& other_installation_;
  // Of the thread.
  kube::Election election_;
  Installation installation_;
  Installation::Finding found_;
  runtime::TimePoint marked_until_ = runtime::TimePoint::min();
  std::atomic<runtime::TimePoint> until_{runtime::TimePoint::min()};
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Hindrance hindrance_;  // guarded by the mutex
  std::jthread thread_;
};

// A process's name in the Lease: that of its pod, whose container has one process at a time; else one that no
// other process has.
std::string leader_identity(const std::string& pod_name);

// The way to the API server that leads through the fence.
class Fence final : public kube::Transport {
 public:
  using LeadsUntil = std::function<runtime::TimePoint()>;
  Fence(kube::Transport& transport, LeadsUntil leads_until)
      : transport_(transport), leads_until_(std::move(leads_until)) {}

  tl::expected<std::string, kube::ApiError> request(const kube::ApiRequest& request) override;
  tl::expected<void, kube::ApiError> stream(const kube::StreamRequest& request,
                                            const kube::LineHandler& on_line, std::stop_token stop) override {
    return transport_.stream(request, on_line, std::move(stop));
  }

 private:
  kube::Transport& transport_;
  const LeadsUntil leads_until_;
};

}  // namespace storagepool::manager
