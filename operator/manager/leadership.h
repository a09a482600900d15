// One of several operators leads (operator/kube/lease.h): the others wait, and write nothing. Holds the Lease
// `storagepool-operator` of the operator's namespace.
//
// A fence is before every write: without a place that is still good it does not leave this process, and it is
// not waited for longer than the place is good. What a write that is on its way may do to an object after
// that, its resourceVersion bounds (operator/reconcile).
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "operator/kube/kube.h"
#include "operator/kube/lease.h"
#include "pool/common/runtime/metrics.h"

namespace storagepool::manager {

inline constexpr const char* kLease = "storagepool-operator";

class Leadership {
 public:
  // `lost` is called once, from a thread of this, when a place that was held is held no more. Transport and
  // metrics outlive this; a transport of its own keeps renewals from waiting for connections that others
  // found dead.
  Leadership(kube::Transport& transport, runtime::Metrics& metrics, const std::string& name_space,
             std::string identity, std::function<void()> lost);
  ~Leadership();  // gives the place to the next, if it is held

  // Blocks until this process leads; false: the stop came first. `waits_for` is told of who leads meanwhile.
  bool wait(const std::stop_token& stop, const std::function<void(const std::string& holder)>& waits_for);
  // Until when it leads at least; thread-safe.
  runtime::TimePoint leads_until() const { return until_.load(); }

 private:
  void run(const std::stop_token& stop);
  void attempt();
  void release();
  tl::expected<kube::Json, kube::ApiError> read();
  tl::expected<void, kube::ApiError> write(const kube::Json& read, kube::Json lease);

  kube::Transport& transport_;
  const kube::ObjectKey lease_;
  const std::function<void()> lost_;
  prometheus::Gauge& leads_;
  kube::Election election_;  // of the thread
  std::string failure_;      // likewise, what was last logged
  std::atomic<runtime::TimePoint> until_{runtime::TimePoint::min()};
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string holder_;  // guarded by the mutex
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
