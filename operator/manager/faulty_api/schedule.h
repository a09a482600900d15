// What users do, drawn from a seed: StoragePools on two servers are made, resized, changed, paused, deleted
// and made again. Pure but for `Users`, who do it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "operator/kube/kube.h"
#include "operator/manager/faulty_api/faulty_api.h"

namespace storagepool::manager::faulty_api {

struct Step {
  enum class Kind { kCreate, kChange, kDelete, kAwaitGone };
  Kind kind = Kind::kChange;
  std::string pool;
  kube::Json spec = {};                // whole, or as a merge patch
  std::chrono::milliseconds pause{0};  // after it
};

std::string to_string(const Step& step);
std::vector<Step> schedule_of(std::uint64_t seed);

// Carries the steps out in a namespace, past the proxy. What failed; empty: nothing.
std::string carry_out(const std::vector<Step>& steps, const kube::Client& client,
                      const std::string& name_space, Journal& journal);

}  // namespace storagepool::manager::faulty_api
