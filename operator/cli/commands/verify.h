// `verify`: whether StoragePools are fit for production, check by check. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/cli/output/output.h"
#include "operator/cli/commands/pools.h"

namespace storagepool::cli {

enum class Verdict { kPass, kFail, kUnknown };

struct Check {
  std::string name;
  Verdict verdict = Verdict::kUnknown;
  std::string reason;  // the numbers, or what is missing
};

struct VerifiedPool {
  std::string title;
  std::vector<Check> checks;
};

// What a StoragePool is judged by.
struct Evidence {
  Pool pool;
  PodSamples before;  // metrics of all pods, and again some time later
  PodSamples after;
  Result<Json> disruption_budget;
  Result<std::vector<Json>> alert_rules;  // PrometheusRules of the cluster
};

// Names of all checks, in their order.
std::vector<std::string> check_names();
// All but those of `skipped`.
VerifiedPool verify(const Evidence& evidence, const std::vector<std::string>& skipped = {});

// kGood, kBad when a check fails, or kError when none does and one could not be made.
int exit_code_of(const std::vector<VerifiedPool>& pools);
Json to_json(const std::vector<VerifiedPool>& pools);
std::string to_table(const std::vector<VerifiedPool>& pools, const Paint& paint);

}  // namespace storagepool::cli
