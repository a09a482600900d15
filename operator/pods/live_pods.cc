#include "operator/pods/live_pods.h"

#include <algorithm>
#include <exception>
#include <random>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "operator/pods/client.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/descriptors.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/bounded_work.h"
#include "pool/common/runtime/loop/coroutine.h"

namespace storagepool::pods {
namespace {

namespace asio = boost::asio;

// Nothing on the loop waits for a pod.
constexpr std::chrono::minutes kStepLimit{1};

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAnswered:
      return "answered";
    case Outcome::kUnauthorized:
      return "unauthorized";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kUnreadable:
      return "unreadable";
    case Outcome::kUnreachable:
      return "unreachable";
    case Outcome::kNotAsked:
      break;
  }
  return "not_asked";
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

LivePods::LivePods(std::uint16_t port, const Signer& signer, runtime::Metrics& metrics, Changed changed,
                   Visit visit)
    : port_(port),
      signer_(signer),
      changed_(std::move(changed)),
      visit_(std::move(visit)),
      asked_(prometheus::BuildCounter()
                 .Name("storagepool_pod_reports_total")
                 .Help("Times that a pod was asked for its report, by what came of it")
                 .Register(metrics.registry())),
      age_(prometheus::BuildHistogram()
               .Name("storagepool_pod_report_age_seconds")
               .Help("How old the report of a pod was when another took its place")
               .Register(metrics.registry())
               .Add({}, prometheus::Histogram::BucketBoundaries{0.1, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 300})),
      followed_(gauge(metrics.registry(), "storagepool_pods_followed", "Pods that are asked for reports")),
      silent_(gauge(metrics.registry(), "storagepool_pods_silent",
                    "Pods of those that do not answer, or refuse")),
      schedule_(std::random_device{}()),
      most_kept_(std::min(kMostKept, runtime::most_descriptors() / 2)) {
  thread_ = std::jthread([this] {
    const auto work = asio::make_work_guard(loop_);
    loop_.run();
  });
}

LivePods::~LivePods() {
  loop_.stop();
  thread_.join();
}

Answer LivePods::latest(const kube::ObjectKey& storage_pool, const PodRun& run) const {
  const std::lock_guard lock(mutex_);
  return schedule_.latest(storage_pool, run);
}

std::uint64_t LivePods::version(const kube::ObjectKey& storage_pool) const {
  const std::lock_guard lock(mutex_);
  return schedule_.version(storage_pool);
}

void LivePods::follow(const kube::ObjectKey& storage_pool, const WantedPods& wanted) {
  {
    const std::lock_guard lock(mutex_);
    schedule_.follow(storage_pool, wanted, runtime::steady_now());
    followed_.Set(static_cast<double>(schedule_.pods()));
    silent_.Set(static_cast<double>(schedule_.silent()));
  }
  if (!posted_.exchange(true)) asio::post(loop_, [this] { ask_due(); });
}

// On the loop.
void LivePods::ask_due() {
  const runtime::BoundedWork work("asking pods", kStepLimit);
  posted_ = false;
  std::vector<Task> tasks;
  std::vector<std::uint64_t> forgotten;
  std::optional<Schedule::TimePoint> next;
  {
    const std::lock_guard lock(mutex_);
    forgotten = schedule_.take_forgotten();
    tasks = schedule_.take(runtime::steady_now());
    next = schedule_.next_due();
  }
  for (const std::uint64_t id : forgotten) kept_.erase(id);
  for (Task& task : tasks) runtime::spawn(loop_.get_executor(), "asking a pod", ask(std::move(task)));
  if (!next) {
    due_.cancel();
    return;
  }
  due_.expires_at(std::max(*next, runtime::steady_now()));
  due_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) ask_due();
  });
}

asio::awaitable<void> LivePods::ask(Task task) {
  const std::uint64_t id = task.id;
  Answer answer{.outcome = Outcome::kUnreadable, .failure = "asking it failed"};
  std::unique_ptr<Client> client = client_for(task);
  try {
    const kube::ObjectKey storage_pool = task.storage_pool;
    answer = co_await exchange(*client, std::move(task));
    if (visit_ && answer.report) co_await visit_(*client, storage_pool, answer);
  } catch (const std::exception& error) {
    client.reset();
    log::error("asking a pod failed", {{"detail", error.what()}});
  }
  finish(id, std::move(answer), std::move(client));
}

std::unique_ptr<Client> LivePods::client_for(const Task& task) {
  if (auto kept = kept_.extract(task.id)) return std::move(kept.mapped());
  return std::make_unique<Client>(loop_.get_executor(), task.ip, port_, task.uid, signer_);
}

void LivePods::finish(std::uint64_t id, Answer answer, std::unique_ptr<Client> client) {
  const runtime::BoundedWork work("taking a pod's answer", kStepLimit);
  asked_.Add({{"result", name_of(answer.outcome)}}).Increment();
  Schedule::Finished finished;
  {
    const std::lock_guard lock(mutex_);
    finished = schedule_.finished(id, std::move(answer), runtime::steady_now());
    silent_.Set(static_cast<double>(schedule_.silent()));
  }
  const bool soon = finished.next && *finished.next <= kKeptUntilNext;
  if (soon && client && client->connected() && kept_.size() < most_kept_)
    kept_.emplace(id, std::move(client));
  if (const auto& age = finished.age) age_.Observe(std::chrono::duration<double>(*age).count());
  if (const auto& changed = finished.changed) changed_(*changed);
  ask_due();
}

}  // namespace storagepool::pods
