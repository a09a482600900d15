// One look at one StoragePool: observes, carries out what next_step says until it says to wait or that all is
// done, keeps the child objects as rendered, and writes the status. Made anew for each look; what outlasts it
// is in Memory.
#pragma once

#include <optional>
#include <vector>

#include "operator/reconcile/account.h"
#include "operator/reconcile/memory.h"
#include "operator/reconcile/step/next_step.h"
#include "operator/reconcile/view/pod_state.h"
#include "operator/reconcile/reconcile.h"
#include "operator/reconcile/status/status.h"
#include "operator/reconcile/turns.h"

namespace storagepool::reconcile {

class Look {
 public:
  Look(Cluster& cluster, pods::Pods& pods, const Options& options, SharedLedger& ledger, Turns& turns,
       Memory& memory, kube::ObjectPtr object, ReadSpec spec, const Moment& now);

  tl::expected<Outcome, kube::ApiError> run();

 private:
  using Failure = std::optional<kube::ApiError>;

  std::string server_label() const;
  Failure work();
  Failure rest();
  bool is_paused() const { return !deleting_ && valid_ && spec_.sizing.paused; }
  Cluster::Result<Json> set_finalizers(const std::vector<std::string>& finalizers);
  Failure add_finalizer();
  Failure finish_deletion();
  void report_kept_volumes();
  Failure make_log_key();
  Failure apply_fixed_children();
  void observe();
  Failure carry_out(const Action& action);
  Failure write_grant(const WriteGrant& action);
  void push(const Push& action);
  void tell(const Tell& action);
  Failure scale(const Scale& action);
  Failure delete_claims(const DeleteClaims& action);
  Failure list_pods();
  Failure list_claims();
  Failure forget_servers();
  Failure ensure_disruption_budget();
  Failure ensure_config_map();
  Failure ensure_stateful_set();
  std::optional<Json> stateful_set(const Scale& numbers);
  Json config_map(const Granted& granted) const;
  std::string access() const;
  Failure write_status();

  // What is replaced because of a newer operator, in look_rollout.cc.
  std::string rollout(const std::string& rendered);
  bool is_asked_for(const std::string& rendered);
  bool pods_are_back() const;
  bool has_come_back() const;
  Failure await_turn();
  Turns::Place place(Turns::Stage stage) const;
  void follow_turn();
  std::optional<Reason> awaits_turn() const;
  std::optional<Reason> reserve_too_small();
  void record(kube::Event event);
  Failure refused_or(const kube::ApiError& error, const std::string& what);
  bool is_worth_telling(const kube::ApiError& failure);
  std::optional<Trouble> find_trouble();

  void take_pods(std::vector<PodView> views);
  void learn_facts();
  void follow_departed();
  std::optional<DestinationObserved> destination() const;
  bool as_led(const PodState& pod) const;
  bool are_as_led() const;
  bool claim_servers(const Granted& granted);
  void put_account();
  // A claim is raised before what it allows is written: false when others were quicker.
  bool raise(std::int64_t peak_pods, std::int64_t ceiling);
  Subject subject() const;
  bool holds_nothing(const PodView& pod) const;
  void follow_patience(bool leaving);
  Observed objects() const;  // without what the Ledger says
  Observed observed() const;
  Desired desired() const;
  void follow_pods();
  bool awaits_pods() const;
  bool awaits(const PodView& pod) const;
  bool awaits_first_answers() const;
  bool awaits_departed() const;
  std::chrono::milliseconds report_period(bool awaited) const;
  std::chrono::milliseconds requeue_after() const;
  kube::ObjectKey child(const std::string& name) const { return {identity_.name_space, name}; }

  Cluster& cluster_;
  pods::Pods& reports_;
  const Options& options_;
  SharedLedger& ledger_;
  Turns& turns_;
  Memory& memory_;
  kube::ObjectPtr object_;
  Moment now_;

  render::Identity identity_;
  render::Spec spec_;
  KnownIssuer issuer_;
  bool valid_ = false;  // the spec
  bool deleting_ = false;
  bool finished_ = false;  // deletion is complete
  bool refused_ = false;   // the API server has refused a write for good
  bool observed_pods_ = false;
  bool cut_short_ = false;  // there was more to do
  std::string held_;        // the template that is rendered, as render::kTemplateAnnotation, while it waits
  bool overtaken_ = false;  // others have claimed what a write was to allow
  std::optional<Reason> stall_;
  std::optional<Reason> failure_;  // what may pass
  std::optional<Step> step_;
  Status previous_;  // as it was before
  Status status_;
  std::vector<PodState> pods_;
  std::optional<runtime::TimePoint>
      pods_listed_;  // from the API server, by this moment; absent: from the cache
  std::vector<ClaimView> claims_;
};

}  // namespace storagepool::reconcile
