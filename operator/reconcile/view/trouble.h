// What keeps a pod from being made, scheduled, pulled, started or mounted, in the cluster's own words: from
// the pod's status, and from events where a status does not say it. Pure.
//
// Reasons are Kubernetes' own where it has one that stays the same while nothing changes: the kubelet's turns
// between a failed pull and its back-off are one, ImagePullBackOff.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/kube/resource.h"
#include "pool/common/runtime/timestamp.h"

namespace storagepool::reconcile {

using kube::Json;

struct Trouble {
  std::string reason;    // CamelCase
  std::string message;   // for people; of one pod
  bool lasting = false;  // time alone does not help
  // It is at work again since then, after a crash.
  std::optional<runtime::Timestamp> running_since = {};
  friend bool operator==(const Trouble&, const Trouble&) = default;
};

// What others say, fit for a condition: without control characters, cut to 512 bytes.
std::string cluster_words(std::string_view text);

// From the status of a pod that is not ready.
std::optional<Trouble> trouble_of_pod(const Json& pod);
// It is on a node and its container has not been begun: volumes or the network may be what it waits for.
bool is_being_created(const Json& pod);

// From the events about a StatefulSet: why its controller cannot make this pod, or the pod's claim.
std::optional<Trouble> trouble_of_creation(const std::vector<Json>& events, const std::string& pod);
// From the events about a pod that is being created.
std::optional<Trouble> trouble_of_start(const std::vector<Json>& events, const std::string& pod);

}  // namespace storagepool::reconcile
