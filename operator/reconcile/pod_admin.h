// The administration ports of a StoragePool's pods: what each says of itself, and pushing settings to it.
// Several pods are asked at once, so that one that does not answer costs one deadline and not one each.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/pod_client.h"
#include "operator/reconcile/view.h"
#include "pool/common/settings/admin_wire.h"

namespace storagepool::reconcile {

inline constexpr std::chrono::milliseconds kPodDeadline{1000};
inline constexpr std::size_t kPodsAtOnce = 8;

struct PodAnswer {
  std::optional<settings::SettingsReport> report;
  std::optional<settings::FactsReport> facts;
  bool unauthorized = false;  // it has another token than ours
  std::string failure;        // why there is no report, one sentence
};

class PodAdmin {
 public:
  explicit PodAdmin(kube::PodClient& client) : client_(client) {}

  // Answers of the pods with these indices, in that order; pods without an address, or with one that another
  // pod has too, are not asked.
  std::vector<PodAnswer> ask(const std::vector<PodView>& pods, const std::vector<std::size_t>& indices,
                             const std::string& token) const;
  // Sends `change` to the pods with these indices; answers in that order, without facts.
  std::vector<PodAnswer> push(const std::vector<PodView>& pods, const std::vector<std::size_t>& indices,
                              const std::string& token, const settings::SettingsChange& change) const;

 private:
  kube::PodClient& client_;
};

}  // namespace storagepool::reconcile
