#include "operator/sizing/shares.h"

#include <algorithm>
#include <queue>
#include <utility>

namespace storagepool::sizing {
namespace {

class Sharing {
 public:
  Sharing(const std::vector<Asker>& askers, const std::vector<std::int64_t>& limits)
      : askers_(askers), left_(limits), shared_(askers.size()) {
    for (std::int64_t& left : left_) left = std::max<std::int64_t>(left, 0);
    for (const Asker& asker : askers) {
      own_.push_back(asker.request.max_connections.value_or(INT64_MAX));
      most_.push_back(asker.request.max_open_conns);
      wanted_.push_back(asker.request.replicas);
      sized_for_.push_back(asker.request.sized_for());
    }
  }

  // Strict: asks for no more than it has.
  void keep_to_what_is_there(std::size_t i) {
    const Asker& asker = askers_[i];
    wanted_[i] = std::min(wanted_[i], std::max<std::int64_t>(asker.existing.replicas, 1));
    sized_for_[i] = wanted_[i];
    most_[i] = std::clamp(asker.existing.limit, asker.request.min_conns_per_pod, most_[i]);
  }

  std::vector<Shared> run() {
    admit_running();
    admit_new();
    keep_room();
    grow();
    return std::move(shared_);
  }

 private:
  std::int64_t pods(std::size_t i) const {
    const Share& share = shared_[i].share;
    return std::max(share.pods + share.room, askers_[i].existing.peak_pods);
  }

  std::int64_t left_for(std::size_t i) const {
    std::int64_t left = own_[i];
    for (const std::size_t limit : askers_[i].limits) left = std::min(left, left_[limit]);
    return std::max<std::int64_t>(left, 0);
  }

  void take(std::size_t i, std::int64_t connections) {
    own_[i] -= connections;
    for (const std::size_t limit : askers_[i].limits) left_[limit] -= connections;
  }

  // So many of `more` pods as fit with the minimum each.
  std::int64_t admit(std::size_t i, std::int64_t more) {
    const std::int64_t least = askers_[i].request.min_conns_per_pod;
    const std::int64_t fit =
        std::clamp<std::int64_t>(left_for(i) / least, 0, std::max<std::int64_t>(more, 0));
    take(i, fit * least);
    return fit;
  }

  // A pod that leaves makes room for the one that comes.
  void admit_for_leaving(std::size_t i, std::int64_t Share::*part, std::int64_t more) {
    Share& share = shared_[i].share;
    const auto leaving = [&] { return (pods(i) - share.pods - share.room) * share.per_pod; };
    take(i, -leaving());
    share.*part += admit(i, more);
    take(i, leaving());
    shared_[i].least = pods(i) * share.per_pod;
  }

  void admit_running() {
    for (std::size_t i = 0; i < askers_.size(); ++i) {
      Share& share = shared_[i].share;
      share.per_pod = askers_[i].request.min_conns_per_pod;
      share.pods = admit(i, std::min(wanted_[i], askers_[i].existing.replicas));
    }
    // Those that leave hold theirs until they are gone.
    for (std::size_t i = 0; i < askers_.size(); ++i)
      take(i, (pods(i) - shared_[i].share.pods) * shared_[i].share.per_pod);
  }

  void admit_new() {
    for (std::size_t i = 0; i < askers_.size(); ++i)
      admit_for_leaving(i, &Share::pods, wanted_[i] - shared_[i].share.pods);
  }

  void keep_room() {
    for (std::size_t i = 0; i < askers_.size(); ++i)
      admit_for_leaving(i, &Share::room, sized_for_[i] - shared_[i].share.pods);
  }

  struct Next {
    std::int64_t level;  // the share with one connection more for each pod
    std::int64_t weight;
    std::size_t i;
    // The queue gives the greatest first.
    bool operator<(const Next& other) const {
      const std::int64_t mine = level * other.weight;
      const std::int64_t theirs = other.level * weight;
      return mine != theirs ? mine > theirs : i > other.i;
    }
  };

  Next next(std::size_t i) const {
    return {(shared_[i].share.per_pod + 1) * pods(i), askers_[i].request.weight, i};
  }

  void grow() {
    std::priority_queue<Next> queue;
    for (std::size_t i = 0; i < askers_.size(); ++i) {
      if (pods(i) > 0) queue.push(next(i));
    }
    while (!queue.empty()) {
      const std::size_t i = queue.top().i;
      queue.pop();
      // What does not fit now never will: nothing is given back.
      if (shared_[i].share.per_pod >= most_[i] || left_for(i) < pods(i)) continue;
      ++shared_[i].share.per_pod;
      take(i, pods(i));
      queue.push(next(i));
    }
  }

  const std::vector<Asker>& askers_;
  std::vector<std::int64_t> left_;
  std::vector<std::int64_t> own_;  // what of spec.budget.maxConnections is left
  std::vector<std::int64_t> most_;
  std::vector<std::int64_t> wanted_;
  std::vector<std::int64_t> sized_for_;
  std::vector<Shared> shared_;
};

bool wants_more(const Asker& asker, const Share& share) {
  return share.pods + share.room < asker.request.sized_for() || share.per_pod < asker.request.max_open_conns;
}

}  // namespace

std::vector<Shared> share(const std::vector<Asker>& askers, const std::vector<std::int64_t>& limits) {
  std::vector<bool> kept(askers.size());
  for (;;) {
    Sharing sharing(askers, limits);
    for (std::size_t i = 0; i < askers.size(); ++i) {
      if (kept[i]) sharing.keep_to_what_is_there(i);
    }
    std::vector<Shared> shared = sharing.run();
    // The latest one that does not get all gives way to the others.
    std::size_t i = askers.size();
    while (i > 0) {
      const Asker& asker = askers[i - 1];
      if (asker.request.policy == Policy::kStrict && !kept[i - 1] && wants_more(asker, shared[i - 1].share))
        break;
      --i;
    }
    if (i == 0) return shared;
    kept[i - 1] = true;
  }
}

}  // namespace storagepool::sizing
