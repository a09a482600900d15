#include "operator/reconcile/explorer/explorer.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>
#include <vector>

#include "operator/reconcile/explorer/describe.h"
#include "operator/reconcile/explorer/fingerprints.h"
#include "operator/reconcile/explorer/world.h"

namespace storagepool::reconcile::explorer {
namespace {

// From anywhere it takes some dozens of steps until all is calm.
constexpr int kMostCalmSteps = 2000;

// States that wait to be looked at, in the order in which they were found.
class Queue {
 public:
  explicit Queue(std::size_t bytes) : bytes_(bytes) {}
  void push(const State& state) {
    if (blocks_.empty() || blocks_.back().size() == kBlock * bytes_) {
      blocks_.emplace_back().reserve(kBlock * bytes_);
    }
    const auto* from = reinterpret_cast<const Byte*>(&state);
    blocks_.back().insert(blocks_.back().end(), from, from + bytes_);
    ++count_;
  }
  State pop() {
    State state{};
    std::memcpy(&state, blocks_.front().data() + next_ * bytes_, bytes_);
    --count_;
    if (++next_ == kBlock) blocks_.pop_front(), next_ = 0;
    return state;
  }
  bool empty() const { return count_ == 0; }

 private:
  static constexpr std::size_t kBlock = 4096;
  std::size_t bytes_;
  std::deque<std::vector<Byte>> blocks_;
  std::size_t next_ = 0;  // in the first block
  std::size_t count_ = 0;
};

class Search {
 public:
  Search(const Configuration& configuration, Fault fault)
      : configuration_(configuration),
        world_(configuration, fault),
        bytes_(bytes_of(configuration.pools())),
        known_(configuration.most_states),
        reached_from_(known_.slots()),
        queue_(bytes_) {}

  Found run() {
    State start = world_.start();
    if (configuration_.starts_settled) settle(start);
    if (found_.violation.empty()) discover(start, print_of(start), 0);
    std::vector<Successor> successors;
    std::size_t level = 1;  // states before the next depth begins
    bool bounded = false;
    while (!queue_.empty() && found_.violation.empty()) {
      if (level-- == 0) {
        ++found_.depth;
        level = waiting_ - 1;
      }
      --waiting_;
      const State state = queue_.pop();
      converges(state);
      if (bounded || !found_.violation.empty()) continue;
      world_.successors(state, successors);
      const std::uint64_t from = print_of(state);
      prints_.clear();
      for (const Successor& successor : successors) {
        prints_.push_back(print_of(successor.state));
        known_.expect(prints_.back());
      }
      for (std::size_t i = 0; i < successors.size(); ++i) {
        discover(successors[i].state, prints_[i], from);
        bounded = known_.count() >= configuration_.most_states;
        if (bounded || !found_.violation.empty()) break;
      }
    }
    found_.states = known_.count();
    found_.exhausted = !bounded;
    found_.questions = world_.decisions().questions();
    found_.cut = world_.cut();
    return std::move(found_);
  }

 private:
  std::uint64_t print_of(const State& state) const { return fingerprint(&state, bytes_); }

  void settle(State& state) {
    for (int i = 0; i < kMostCalmSteps; ++i) {
      if (!world_.calm(state)) return;
    }
    found_.violation = "never at rest after a first start";
  }

  void discover(const State& state, std::uint64_t print, std::uint64_t from) {
    const auto place = known_.insert(print);
    if (!place.is_new) return;
    reached_from_[place.slot] = from;
    queue_.push(state);
    ++waiting_;
    const std::string broken = world_.violation(state);
    if (!broken.empty()) found_.violation = broken + "\n" + way_to(print);
  }

  // Whatever has been seen to come to rest does so again.
  void converges(const State& from) {
    if (calm_.full()) calm_ = Fingerprints(configuration_.most_states * 2);
    way_.clear();
    State state = from;
    for (int i = 0; i < kMostCalmSteps; ++i) {
      const std::uint64_t print = print_of(state);
      if (calm_.contains(print)) break;
      way_.push_back(print);
      const bool at_rest = !world_.calm(state);
      std::string wrong = at_rest ? world_.unfinished(state) : world_.violation(state);
      if (wrong.empty() && i + 1 == kMostCalmSteps) wrong = "it never comes to rest";
      if (!wrong.empty()) {
        found_.violation = "when faults end: " + wrong + "\n" + way_to(print_of(from)) + way_of_calm(from);
        return;
      }
      if (at_rest) break;
    }
    for (const std::uint64_t print : way_) calm_.insert(print);
  }

  // The events from the start to a state, by doing them again.
  std::string way_to(std::uint64_t print) {
    std::vector<std::uint64_t> prints;
    for (std::uint64_t at = print; at != 0; at = reached_from_[known_.insert(at).slot]) prints.push_back(at);
    std::reverse(prints.begin(), prints.end());
    State state = world_.start();
    if (configuration_.starts_settled) settle(state);
    std::string text = "start\n" + describe(state, configuration_);
    std::vector<Successor> successors;
    for (std::size_t i = 1; i < prints.size(); ++i) {
      world_.successors(state, successors);
      const auto next = std::find_if(successors.begin(), successors.end(), [&](const Successor& successor) {
        return print_of(successor.state) == prints[i];
      });
      if (next == successors.end()) return text + "the way on cannot be found again\n";
      text += std::to_string(i) + ". " + describe(next->event, state, configuration_);
      const State before = state;
      state = next->state;
      text += describe_change(before, state, configuration_);
    }
    return text;
  }

  std::string way_of_calm(State state) {
    std::string text = "from here without faults\n";
    std::size_t shown = 0;
    for (std::size_t i = 0; i < way_.size(); ++i) {
      const State before = state;
      const auto event = world_.calm(state);
      if (!event) break;
      if (++shown > 200) return text + "and so on\n";
      text +=
          "- " + describe(*event, before, configuration_) + describe_change(before, state, configuration_);
    }
    return text;
  }

  const Configuration& configuration_;
  World world_;
  std::size_t bytes_;
  Fingerprints known_;
  std::vector<std::uint64_t> reached_from_;  // by slot of known_
  Queue queue_;
  std::size_t waiting_ = 0;
  Fingerprints calm_{configuration_.most_states * 2};
  std::vector<std::uint64_t> way_;     // of `converges`
  std::vector<std::uint64_t> prints_;  // of successors
  Found found_;
};

}  // namespace

Found explore(const Configuration& configuration, Fault fault) {
  return Search(configuration, fault).run();
}

}  // namespace storagepool::reconcile::explorer
