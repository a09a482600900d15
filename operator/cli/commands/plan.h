// `plan`: what the operator would do with the StoragePools of a file, beside those that there are. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/cli/commands/pools.h"
#include "operator/cli/commands/rehearsal.h"
#include "operator/render/storage_pool.h"

namespace storagepool::cli {

struct PlanInput {
  std::vector<Json> wanted;                     // StoragePools, with their namespaces
  std::vector<Pool> live{};                     // of the cluster
  std::optional<settings::ServerFacts> told{};  // of every server of which no pod tells
};

struct PlannedPool {
  render::Identity identity;
  render::Spec spec;
  bool wanted = false;  // by the file; otherwise it is on the same server
  std::string server;   // host:port
  std::int64_t replicas_before = 0;
  std::int64_t per_pod_before = 0;
  Outcome outcome;

  std::string title() const { return identity.name_space + "/" + identity.name; }
};

struct PlanReport {
  std::vector<PlannedPool> pools;
  std::vector<RehearsedStep> steps;  // `actor` is an index into `pools`
  std::vector<std::string> notes;

  bool fits() const;  // all that the file asks for
};

// A failure names the StoragePool, its field, the value and what is allowed.
Result<PlanReport> make_plan(const PlanInput& input);
Json to_json(const PlanReport& report);
std::string to_table(const PlanReport& report, const Paint& paint);

// The objects that the operator would apply for a StoragePool of a plan, but for what it alone knows: its
// public key and who signs service accounts' tokens.
std::vector<Json> children_of(const PlannedPool& pool, const std::string& default_image);

}  // namespace storagepool::cli
