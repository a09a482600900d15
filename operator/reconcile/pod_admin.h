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

// All that is known of one pod during a look.
struct PodState {
  PodView view;
  PodAnswer answer = {};
  bool pushed = false;  // the current grant was sent to it since the look began
  bool told = false;    // so was whether it leaves
};

class PodAdmin {
 public:
  explicit PodAdmin(kube::PodClient& client) : client_(client) {}

  // Asks the pods with these indices (different ones) and puts in what they answer. Pods without an address,
  // or with one that another of `pods` has too, are not asked.
  void ask(std::vector<PodState>& pods, const std::vector<std::size_t>& indices,
           const std::string& token) const;
  // Sends `change` to the pods with these indices (different ones), to each the settings that it knows. They
  // count as pushed; the report of one that answers takes the place of what it said before.
  void push(std::vector<PodState>& pods, const std::vector<std::size_t>& indices, const std::string& token,
            const settings::SettingsChange& change) const;
  // Tells the pods with these indices (different ones) that they leave, or that they stay. They count as
  // told.
  void tell(std::vector<PodState>& pods, const std::vector<std::size_t>& indices, const std::string& token,
            const settings::LeavingChange& change) const;

 private:
  void put(PodState& pod, const char* path, const std::string& token, const std::string& body) const;
  kube::PodClient& client_;
};

}  // namespace storagepool::reconcile
