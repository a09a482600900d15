// What the operator's page shows, as JSON: servers, the StoragePools on each, and their pods. Pure.
//
//   {"servers": [{"name": "10.0.0.5:5432", "serverMax": 100, "reserved": 13, "granted": 87, "otherPools": 0,
//     "storagePools": [{"namespace": "a", "name": "audit", "ready": "3/3", "perPod": 29, "granted": 87,
//       "conditions": [{"type": ..., "status": ..., "reason": ..., "message": ..., "complaint": false}],
//       "pods": [{"name": "audit-0", "ready": true, "silent": "", "limit": 29, "open": 4, "inUse": 1,
//         "waiting": 0, "waitCount": 7, "generation": 3, "notReady": [],
//         "journal": {"waiting": 0, "setAside": 0, "oldestSeconds": 0, "takesEvents": true, "reason":
//         ""}}]}]}]}
//
// `reserved` is what is not the StoragePools': in reserve, or declared by other workloads.
// A pod that says nothing has `silent` (why) and no numbers; a server whose limits nobody has read yet no
// `serverMax` and no `reserved`. Connections are counted in PostgreSQL's sessions.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/resource.h"
#include "operator/pods/pods.h"

namespace storagepool::manager {

// What the pods of a StoragePool have last said, by name; nothing where they are not asked: one replica of
// the operator does that, the one that leads.
using Answers = std::map<std::string, pods::Answer>;
using AnswersOf = std::function<std::optional<Answers>(const kube::ObjectKey& storage_pool)>;

// Servers with complaints first, then by name.
kube::Json page_state(const std::vector<kube::Json>& storage_pools, const AnswersOf& answers_of);

}  // namespace storagepool::manager
