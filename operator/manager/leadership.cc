#include "operator/manager/leadership.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "pool/common/runtime/bounded_work.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/pause.h"

namespace storagepool::manager {
namespace {

using kube::Election;

// A connection that nothing comes through any more costs one of these, and there is time for the next.
constexpr std::chrono::seconds kRequestDeadline{4};
constexpr std::chrono::minutes kAttemptLimit{1};  // two of them
constexpr std::chrono::milliseconds kRetryAfterFailure{500};
constexpr const char* kFieldManager = "storagepool-operator";

}  // namespace

Leadership::Leadership(kube::Transport& transport, runtime::Metrics& metrics, const std::string& name_space,
                       std::string identity, std::function<void()> lost)
    : transport_(transport),
      lease_{name_space, kLease},
      lost_(std::move(lost)),
      leads_(prometheus::BuildGauge()
                 .Name("leader_election_master_status")
                 .Help("Whether this process leads: client-go's name")
                 .Register(metrics.registry())
                 .Add({{"name", kLease}})),
      election_(lease_, std::move(identity)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Leadership::~Leadership() {
  thread_.request_stop();
  thread_.join();
}

bool Leadership::wait(const std::stop_token& stop,
                      const std::function<void(const std::string& holder)>& waits_for) {
  std::unique_lock lock(mutex_);
  std::string told;
  while (!stop.stop_requested() && leads_until() <= runtime::steady_now()) {
    if (!holder_.empty() && holder_ != told) waits_for(told = holder_);
    changed_.wait_for(lock, stop, Election::kRetryPeriod,
                      [&] { return leads_until() > runtime::steady_now(); });
  }
  return !stop.stop_requested();
}

// Renews every kRetryPeriod, a little more or less, so that candidates do not stay in step.
void Leadership::run(const std::stop_token& stop) {
  std::minstd_rand random(std::random_device{}());
  bool led = false;
  do {
    attempt();
    const bool leads = leads_until() > runtime::steady_now();
    leads_.Set(leads ? 1 : 0);
    if (leads && !led) log::info("leads", {{"lease", lease_.to_string()}});
    if (led && !leads) {
      log::error("leads no more", {{"lease", lease_.to_string()}, {"holder", election_.holder()}});
      lost_();
      return;
    }
    led = leads;
  } while (runtime::pause_for(failure_.empty()
                                  ? Election::kRetryPeriod * (800 + static_cast<int>(random() % 400)) / 1000
                                  : kRetryAfterFailure,
                              stop));
  if (led) release();
}

void Leadership::attempt() {
  const runtime::BoundedWork work("renewing the Lease", kAttemptLimit);
  const auto sent = runtime::steady_now();
  const auto lease = read();
  const auto fail = [&](const kube::ApiError& error) {
    if (std::exchange(failure_, error.to_string()) != failure_)
      log::warn("cannot renew the lease", {{"lease", lease_.to_string()}, {"detail", failure_}});
  };
  if (!lease) return fail(lease.error());
  auto next = election_.next(*lease, sent, runtime::wall_now());
  if (next) {
    const auto written = write(*lease, std::move(*next));
    if (written) election_.written(sent);
    if (!written && !written.error().is_conflict() && !written.error().is_already_exists())
      return fail(written.error());
  }
  failure_.clear();
  until_ = election_.leads_until();
  const std::lock_guard lock(mutex_);
  holder_ = election_.holder();
  changed_.notify_all();
}

void Leadership::release() {
  until_ = runtime::TimePoint::min();
  leads_.Set(0);
  const auto lease = read();
  const auto released =
      lease ? write(*lease, election_.released(*lease, runtime::wall_now())) : tl::unexpected(lease.error());
  if (!released) {
    log::warn("could not give the lease back: the next operator waits for its end",
              {{"lease", lease_.to_string()}, {"detail", released.error().to_string()}});
  }
}

// Null: there is none.
tl::expected<kube::Json, kube::ApiError> Leadership::read() {
  const auto body = transport_.request(
      {.path = kube::object_path(kube::resources::kLeases, lease_), .deadline = kRequestDeadline});
  if (!body && body.error().is_not_found()) return kube::Json();
  if (!body) return tl::unexpected(body.error());
  return kube::parse_object(*body);
}

tl::expected<void, kube::ApiError> Leadership::write(const kube::Json& read, kube::Json lease) {
  lease["apiVersion"] = kube::resources::kLeases.api_version();
  lease["kind"] = kube::resources::kLeases.kind;
  if (read.is_null()) lease["metadata"].erase("resourceVersion");
  const auto written = transport_.request(
      {.method = read.is_null() ? kube::Method::kPost : kube::Method::kPut,
       .path = read.is_null() ? kube::collection_path(kube::resources::kLeases, lease_.name_space)
                              : kube::object_path(kube::resources::kLeases, lease_),
       .query = {{"fieldManager", kFieldManager}},
       .content_type = "application/json",
       .body = lease.dump(),
       .deadline = kRequestDeadline});
  if (!written) return tl::unexpected(written.error());
  return {};
}

std::string leader_identity(const std::string& pod_name) {
  if (!pod_name.empty()) return pod_name;
  char host[256] = "host";
  ::gethostname(host, sizeof host - 1);
  return std::string(host) + "_" + std::to_string(std::random_device{}());
}

tl::expected<std::string, kube::ApiError> Fence::request(const kube::ApiRequest& request) {
  if (request.method == kube::Method::kGet) return transport_.request(request);
  const auto until = leads_until_();
  const auto now = runtime::steady_now();
  if (until <= now) {
    return tl::unexpected(kube::ApiError{.reason = std::string(kube::kReasonCancelled),
                                         .message = "this operator does not lead any more"});
  }
  kube::ApiRequest within = request;
  within.deadline = std::min(request.deadline, std::chrono::ceil<std::chrono::milliseconds>(until - now));
  return transport_.request(within);
}

}  // namespace storagepool::manager
