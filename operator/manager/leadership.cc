#include "operator/manager/leadership.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/bounded_work.h"
#include "pool/common/runtime/loop/pause.h"

namespace storagepool::manager {
namespace {

using kube::Election;

// A connection that nothing comes through any more costs one of these, and there is time for the next.
constexpr std::chrono::seconds kRequestDeadline{3};
constexpr std::chrono::minutes kAttemptLimit{1};  // some of them
constexpr std::chrono::milliseconds kRetryAfterFailure{500};
// The CRD's schema is not looked at.
constexpr const char* kMetadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

std::string path_of_definition() {
  return kube::object_path(kube::resources::kCustomResourceDefinitions, {"", kStoragePoolsDefinition});
}

}  // namespace

Leadership::Leadership(kube::Transport& transport, runtime::Metrics& metrics, const std::string& name_space,
                       std::string identity, std::function<void()> lost, std::vector<std::string> watched)
    : transport_(transport),
      lease_{name_space, kLease},
      lost_(std::move(lost)),
      leads_(prometheus::BuildGauge()
                 .Name("leader_election_master_status")
                 .Help("Whether this process leads: client-go's name")
                 .Register(metrics.registry())
                 .Add({{"name", kLease}})),
      other_installation_(
          prometheus::BuildGauge()
              .Name("storagepool_other_installation")
              .Help("Whether the StoragePools of the cluster are another installation's, and so left alone")
              .Register(metrics.registry())
              .Add({})),
      election_(lease_, std::move(identity)),
      installation_(lease_.to_string(), std::move(watched)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Leadership::~Leadership() {
  thread_.request_stop();
  thread_.join();
}

bool Leadership::wait(const std::stop_token& stop, const std::function<void(const Hindrance&)>& waits) {
  std::unique_lock lock(mutex_);
  Hindrance told;
  while (!stop.stop_requested() && leads_until() <= runtime::steady_now()) {
    if (hindrance_ != told) waits(told = hindrance_);
    changed_.wait_for(lock, stop, Election::kRetryPeriod,
                      [&] { return hindrance_ != told || leads_until() > runtime::steady_now(); });
  }
  return !stop.stop_requested();
}

// Renews every kRetryPeriod, a little more or less, so that candidates do not stay in step.
void Leadership::run(const std::stop_token& stop) {
  std::minstd_rand random(std::random_device{}());
  bool led = false;
  bool well = false;
  do {
    well = attempt();
    const bool leads = leads_until() > runtime::steady_now();
    leads_.Set(leads ? 1 : 0);
    if (leads && !led) log::info("leads", {{"lease", lease_.to_string()}});
    if (led && !leads) {
      log::error(
          "leads no more",
          {{"lease", lease_.to_string()}, {"holder", election_.holder()}, {"installation", found_.owner}});
      lost_();
      return;
    }
    led = leads;
  } while (runtime::pause_for(
      well ? Election::kRetryPeriod * (800 + static_cast<int>(random() % 400)) / 1000 : kRetryAfterFailure,
      stop));
  if (led) release();
}

// False: to be tried again soon. Where it cannot be told whether the place is still good, it runs out.
bool Leadership::attempt() {
  const runtime::BoundedWork work("renewing the Lease", kAttemptLimit);
  const auto sent = runtime::steady_now();
  auto failure = elect(sent);
  if (!failure) failure = look_at_mark(runtime::steady_now());
  if (failure) {
    tell({.trouble = std::move(*failure)});
    return false;
  }
  until_ = std::min(election_.leads_until(), marked_until_);
  const bool elected = election_.leads_until() > runtime::steady_now();
  Hindrance hindrance{.holder = elected ? "" : election_.holder(), .owner = found_.owner};
  if (found_.taking_over) {
    hindrance.trouble = "takes over the StoragePools of this cluster once no other installation can act";
  } else if (!found_.owner.empty()) {
    hindrance.trouble =
        "the StoragePools of this cluster are those of the installation " + found_.owner +
        " (its Lease), and this one leaves them alone. To hand them over to it: " + installation_.remedy();
  }
  // While another of this installation leads, its namespaces are watched yet.
  if (elected && !found_.dropped.empty()) {
    hindrance.trouble =
        "namespaces that were watched until now would not be: " + found_.dropped +
        ". What pods hold there would count for nobody, so nothing is done. Watch them again, or "
        "delete the StoragePools there (kubectl get storagepools --all-namespaces), wait for "
        "their pods to be gone, and then say so: " +
        installation_.remedy_of_dropped();
  }
  tell(std::move(hindrance));
  return !found_.patch;
}

// Why not, for people.
std::optional<std::string> Leadership::elect(runtime::TimePoint sent) {
  const auto failed = [&](const kube::ApiError& error) {
    return "the Lease " + lease_.to_string() + ": " + error.to_string();
  };
  const auto lease = read();
  if (!lease) return failed(lease.error());
  auto next = election_.next(*lease, sent, runtime::wall_now());
  if (!next) return std::nullopt;
  const auto written = write(*lease, std::move(*next));
  if (written) election_.written(sent);
  const bool lost = !written && (written.error().is_conflict() || written.error().is_already_exists());
  if (!written && !lost) return failed(written.error());
  return std::nullopt;
}

// Likewise. Who does not lead only looks.
std::optional<std::string> Leadership::look_at_mark(runtime::TimePoint sent) {
  const auto failed = [&](const kube::ApiError& error) {
    return std::string("the mark of the installation on the CRD ") + kStoragePoolsDefinition + ": " +
           error.to_string();
  };
  const auto body = transport_.request(
      {.path = path_of_definition(), .accept = kMetadataOnly, .deadline = kRequestDeadline});
  if (!body && body.error().is_not_found())
    return std::string("there is no CRD ") + kStoragePoolsDefinition + ": the chart brings it";
  if (!body) return failed(body.error());
  const auto definition = kube::parse_object(*body);
  if (!definition) return failed(definition.error());
  found_ = installation_.look(*definition, sent);
  marked_until_ = found_.ours ? sent + Election::kRenewDeadline : runtime::TimePoint::min();
  if (!found_.patch || election_.leads_until() <= sent) return std::nullopt;
  const auto claimed = transport_.request({.method = kube::Method::kPatch,
                                           .path = path_of_definition(),
                                           .query = {{"fieldManager", kFieldManager}},
                                           .content_type = "application/merge-patch+json",
                                           .accept = kMetadataOnly,
                                           .body = found_.patch->dump(),
                                           .deadline = kRequestDeadline});
  if (!claimed) return failed(claimed.error());
  log::info("the StoragePools of this cluster are this installation's",
            {{"installation", lease_.to_string()}});
  found_ = {.ours = true};
  marked_until_ = sent + Election::kRenewDeadline;
  return std::nullopt;
}

void Leadership::tell(Hindrance hindrance) {
  other_installation_.Set(hindrance.owner.empty() ? 0 : 1);
  const std::lock_guard lock(mutex_);
  if (!hindrance.trouble.empty() && hindrance.trouble != hindrance_.trouble)
    log::warn("cannot have or renew the place",
              {{"lease", lease_.to_string()}, {"detail", hindrance.trouble}});
  hindrance_ = std::move(hindrance);
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
