#include "operator/manager/controller.h"

#include <malloc.h>

#include <chrono>
#include <exception>
#include <thread>
#include <vector>

#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>

#include "operator/kube/resource.h"
#include "operator/manager/gauge.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/log_scope.h"
#include "pool/common/runtime/loop/bounded_work.h"

namespace storagepool::manager {
namespace {

constexpr std::chrono::seconds kGiveBackPeriod{2};

const std::map<std::string, std::string> kController{{"controller", "storagepool"}};

// controller-runtime's.
const prometheus::Histogram::BucketBoundaries kSeconds{
    0.005, 0.01, 0.025, 0.05, 0.1,  0.15, 0.2,  0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6,
    0.7,   0.8,  0.9,   1,    1.25, 1.5,  1.75, 2,    2.5, 3,    3.5, 4,    4.5, 5,
    6,     7,    8,     9,    10,   15,   20,   25,   30,  40,   50,  60};

std::map<std::string, std::string> with_result(const char* result) {
  return {{"controller", "storagepool"}, {"result", result}};
}

prometheus::Family<prometheus::Counter>& reconcile_total(prometheus::Registry& registry) {
  return prometheus::BuildCounter()
      .Name("controller_runtime_reconcile_total")
      .Help("Looks at a StoragePool, by result")
      .Register(registry);
}

// A UUID of version 4.
std::string new_id() {
  thread_local boost::uuids::random_generator_mt19937 generator;
  return boost::uuids::to_string(generator());
}

}  // namespace

Controller::Controller(kube::WorkQueue& queue, reconcile::Reconciler& reconciler, runtime::Metrics& metrics)
    : queue_(queue),
      reconciler_(reconciler),
      succeeded_(reconcile_total(metrics.registry()).Add(with_result("success"))),
      to_go_on_(reconcile_total(metrics.registry()).Add(with_result("requeue_after"))),
      failed_(reconcile_total(metrics.registry()).Add(with_result("error"))),
      errors_(prometheus::BuildCounter()
                  .Name("controller_runtime_reconcile_errors_total")
                  .Help("Looks at a StoragePool that ended with an error")
                  .Register(metrics.registry())
                  .Add(kController)),
      seconds_(prometheus::BuildHistogram()
                   .Name("controller_runtime_reconcile_time_seconds")
                   .Help("Time that a look at a StoragePool took")
                   .Register(metrics.registry())
                   .Add(kController, kSeconds)),
      active_(
          gauge(metrics, "controller_runtime_active_workers", "Workers that are at work").Add(kController)),
      workers_(gauge(metrics, "controller_runtime_max_concurrent_reconciles", "Workers").Add(kController)),
      pools_(metrics) {}

void Controller::run(int workers) {
  workers_.Set(workers);
  std::exception_ptr thrown;
  const auto work_or_end = [&] {
    try {
      work();
    } catch (...) {
      {
        const std::lock_guard lock(mutex_);
        if (!thrown) thrown = std::current_exception();
      }
      queue_.shut_down();
    }
  };
  {
    std::vector<std::jthread> others;
    for (int i = 1; i < workers; ++i) others.emplace_back(work_or_end);
    work_or_end();
  }
  if (thrown) std::rethrow_exception(thrown);
}

void Controller::work() {
  while (const auto key = queue_.get()) {
    active_.Increment();
    handle(*key);
    queue_.done(*key);
    active_.Decrement();
    give_memory_back();
  }
}

// What many StoragePools needed at once lies between what is still needed, where it does not go by itself.
void Controller::give_memory_back() {
  {
    const std::lock_guard lock(mutex_);
    const auto now = runtime::steady_now();
    if (now - gave_back_at_ < kGiveBackPeriod) return;
    gave_back_at_ = now;
  }
  malloc_trim(0);
}

void Controller::handle(const kube::ObjectKey& key) {
  // As controller-runtime logs them.
  const log::Scope scope({{"controller", "storagepool"},
                          {"controllerGroup", std::string(kube::resources::kStoragePools.group)},
                          {"controllerKind", std::string(kube::resources::kStoragePools.kind)},
                          {"namespace", key.name_space},
                          {"name", key.name},
                          {"reconcileID", new_id()}});
  const runtime::BoundedWork work("a look at " + key.to_string(), kLookLimit);
  const auto start = runtime::steady_now();
  const reconcile::Moment now{.steady = start, .wall = runtime::wall_now()};
  const auto outcome = reconciler_.reconcile(key, now);
  seconds_.Observe(std::chrono::duration<double>(runtime::steady_now() - start).count());
  if (!outcome) {
    const kube::ApiError& error = outcome.error();
    failed_.Increment();
    errors_.Increment();
    // A conflict says that something newer than the cache was there: nothing for people.
    if (error.is_conflict()) {
      log::debug("looking again", {{"detail", error.to_string()}});
    } else {
      log::warn("reconciling failed, trying again", {{"detail", error.to_string()}});
    }
    queue_.add_rate_limited(key, error.retry_after);
    return;
  }
  // A StoragePool that is as wanted is looked at again too, but nothing is expected of that.
  (outcome->requeue_after && !outcome->settled ? to_go_on_ : succeeded_).Increment();
  queue_.forget(key);
  if (const auto& delay = outcome->requeue_after) queue_.add_after(key, kube::Priority::kResync, *delay);
  pools_.publish(key, *outcome);
}

}  // namespace storagepool::manager
