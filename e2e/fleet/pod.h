// A pod under traffic: one thread takes requests in, committers store what has gathered in one commit each,
// lists take a connection each. Connections are opened when they are wanted, up to the limit.
#pragma once

#include <cstdint>
#include <deque>

#include "e2e/fleet/costs.h"
#include "e2e/fleet/database.h"
#include "e2e/fleet/simulation.h"

namespace storagepool::e2e {

// What all pods of a fleet have done together.
struct Traffic {
  std::int64_t arrived = 0;
  std::int64_t answered = 0;
  std::int64_t stored = 0;  // events
  std::int64_t commits = 0;
  Times posts;  // from the arrival to the answer
  Times lists;
};

class Pod {
 public:
  Pod(Simulation& simulation, Database& database, const Costs& costs, Traffic& traffic, std::int64_t limit)
      : simulation_(simulation),
        database_(database),
        costs_(costs),
        traffic_(traffic),
        limit_(limit),
        thread_(simulation, 1) {}

  void post();
  void list();

  // Requests that are not answered yet.
  std::int64_t inside() const { return inside_; }
  Station& thread() { return thread_; }

 private:
  void go_on();
  bool has_work() const { return (!events_.empty() && committers_ < kCommitters) || !lists_.empty(); }
  void connect();
  void commit();
  void read();
  void answer(Times& times, double came);

  Simulation& simulation_;
  Database& database_;
  const Costs& costs_;
  Traffic& traffic_;
  std::int64_t limit_;
  Station thread_;
  std::deque<double> events_;  // when each came
  std::deque<double> lists_;
  std::int64_t inside_ = 0;
  std::int64_t open_ = 0;  // with those that are being opened
  std::int64_t opening_ = 0;
  std::int64_t busy_ = 0;
  int committers_ = 0;
};

}  // namespace storagepool::e2e
