// Workloads that are no StoragePools' and hold connections to PostgreSQL too. A Deployment or StatefulSet
// declares them by annotations:
//
//   storagepool.dev/server: HOST:PORT            as in the spec of a StoragePool in its namespace
//   storagepool.dev/connections-per-pod: "20"    what each of its pods may hold
//
// Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "operator/kube/resource.h"
#include "operator/render/storage_pool.h"

namespace storagepool::reconcile {

using kube::Json;

inline constexpr std::string_view kServerAnnotation = "storagepool.dev/server";
inline constexpr std::string_view kConnectionsAnnotation = "storagepool.dev/connections-per-pod";

struct Declaration {
  std::string server;  // as the ledger names it
  std::int64_t per_pod = 0;
};

// It has one of the annotations.
bool declares(const Json& workload);
// REQUIRES: declares(workload). A problem names the annotation, its value and what is allowed.
tl::expected<Declaration, render::FieldProblems> read_declaration(const Json& workload);

// The most pods that may exist: as many as are asked for, or as an autoscaler may ask for (`max_replicas`; 0:
// there is none), and for a Deployment that rolls out maxSurge more, or as many as there are; and of a
// Deployment those that terminate, where Kubernetes tells (from 1.35 on). Those of a StatefulSet are among
// its replicas.
std::int64_t pods_that_may_exist(const Json& workload, std::int64_t max_replicas);

// How long pods that are no longer told of may hold connections: while they terminate, and until PostgreSQL
// misses the answers of one whose node is lost.
std::chrono::seconds time_to_end(const Json& workload);

}  // namespace storagepool::reconcile
