#include "operator/reconcile/status/log_conditions.h"

#include <optional>
#include <string>

#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/view/log_keys.h"
#include "operator/reconcile/view/pod_state.h"
#include "operator/render/render.h"

namespace storagepool::reconcile {
namespace {

std::string key_secret(const StatusInput& input, const Seen& seen) {
  const std::string& named = seen.spec.log_key_secret;
  if (named.empty()) return "the Secret " + input.name_space + "/" + render::log_key_name(input.name);
  return "the Secret " + input.name_space + "/" + named + " of spec.log.keySecretRef";
}

}  // namespace

void add_log_conditions(const StatusInput& input, const Seen& seen, std::vector<Condition>& conditions) {
  const auto add = [&](const char* type, const std::optional<Reason>& why, const Reason& well) {
    if (!why && !has_condition(input.previous, type, Truth::kTrue)) return;
    const Reason& told = why ? *why : well;
    conditions.push_back({.type = type,
                          .status = why ? Truth::kTrue : Truth::kFalse,
                          .reason = told.reason,
                          .message = told.message});
  };
  add(kLogTampered, tampered_log(seen.pods), {"AsWitnessed", "the log continues what was shown of it"});
  add(kLogKeyUnusable, refused_log_key(seen.pods, key_secret(input, seen)),
      {"LogKeyInForce", "pods have the key of the log that is mounted"});
  const auto& witnesses = witnesses_of_log(seen.pods);
  const bool known = !witnesses.empty() || seen.spec.log_witnesses == 0;
  if (known)
    add(kLogUnwitnessed, unwitnessed_log(witnesses),
        {"Witnessed", "no outside witness of the log is known to fail"});
}

}  // namespace storagepool::reconcile
