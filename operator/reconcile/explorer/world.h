// What can happen in a state, and what comes of it: the operator's steps around its decisions, as look.cc
// carries them out, and the cluster's around them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/reconcile/explorer/configuration.h"
#include "operator/reconcile/explorer/decisions.h"
#include "operator/reconcile/explorer/others.h"
#include "operator/reconcile/explorer/state.h"

namespace storagepool::reconcile::explorer {

struct Successor {
  Event event;
  State state;
};

class World {
 public:
  // The configuration outlives the world.
  World(const Configuration& configuration, Fault fault);

  State start();
  // All that can happen; `out` is emptied before.
  void successors(const State& state, std::vector<Successor>& out);
  // Does the one thing that happens next when nothing goes wrong any more and what went wrong is mended.
  // Nothing: all is calm. A function of the state alone.
  std::optional<Event> calm(State& state);

  // The promise that is broken in this state; empty: none.
  std::string violation(const State& state);
  // What is not as it should be although all is calm; empty: nothing.
  std::string unfinished(const State& state);

  const Configuration& configuration() const { return configuration_; }
  Decisions& decisions() { return decisions_; }
  // Successors left out, as more generations mattered than a state has numbers for.
  std::size_t cut() const { return cut_; }

 private:
  template <typename Change>
  void add(const Event& event, Change change) {
    change(out_->emplace_back(Successor{event, *from_}).state);
    end_of_change();
  }
  void end_of_change();
  bool happens(What what) const { return happens_[static_cast<std::size_t>(what)]; }
  bool may_decide(const State& state, int pool) const;
  bool decide(State& state, int pool);
  void operator_events(int pool);
  void write_events(int pool);
  void cache_events(int pool);
  void cluster_events(int pool);
  void pod_events(int pool, int pod);
  void shared_events();
  void other_events();
  std::optional<Event> calm_other(State& state);
  std::optional<Event> calm_pods(State& state, int pool);
  std::optional<Event> calm_cluster(State& state, int pool);
  std::optional<Event> calm_caches(State& state, int pool);
  std::optional<Event> calm_operator(State& state, int pool);
  void note_excuse(State& state);
  std::string sum_broken(const State& state) const;
  std::string count_broken(const State& state) const;
  std::string claim_broken(const State& state, int pool);

  const Configuration& configuration_;
  Fault fault_;
  Decisions decisions_;
  Others others_;
  std::vector<bool> happens_;
  std::size_t cut_ = 0;
  // While successors are made.
  const State* from_ = nullptr;
  std::vector<Successor>* out_ = nullptr;
};

}  // namespace storagepool::reconcile::explorer
