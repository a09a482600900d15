// Make before break (E11): what sessions are made with, and how something else takes its place. Once a
// session was made with what is in force, another server, other credentials or another CA replace it only
// after one session with them was admitted; until then all stays as it was, and what the files hold is tried
// again, ever more rarely. What was never admitted is replaced at once.
//
// A candidate is a server of which the operator wants to know whether it admits this pod: it is tried, and
// told of, and never put in force.
//
// Pure: what the files hold, the clock and the outcome of attempts are given.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "pool/common/settings/admin_wire.h"
#include "pool/postgres/error.h"
#include "pool/service/config/credentials.h"

namespace storagepool::service {

// What to reach a server with, or why the files do not say it.
struct Mounted {
  settings::PostgresTarget target;
  tl::expected<Access, postgres::Error> access;
};

class Changeover {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Outcome = tl::expected<settings::ServerFacts, postgres::Error>;  // of an attempt
  // Until the next attempt, doubled by each that is refused.
  static constexpr std::chrono::seconds kFirstPause{2};
  static constexpr std::chrono::seconds kLongestPause{30};

  explicit Changeover(Mounted mounted) : in_force_(std::move(mounted)) {}

  const Mounted& in_force() const { return in_force_; }
  // A session was made with what is in force.
  void admitted() { admitted_ = true; }

  // What the files hold now. True when it has taken the place of what was in force.
  bool look(Mounted mounted, std::optional<Mounted> candidate);

  struct Attempt {
    Access access;
    bool replaces = false;  // what is in force, if it is admitted
  };
  // What is to be tried now. `serves`: sessions work, so that there is no hurry.
  std::optional<Attempt> due(TimePoint now, bool serves) const;
  // True when what was tried is in force from now on.
  bool tried(TimePoint now, const Attempt& attempt, const Outcome& outcome);

  // Of what is mounted and not in force, else of the candidate; nothing where there is neither.
  std::optional<settings::TrialReport> report(TimePoint now) const;
  // Why what is mounted is not in force; empty when it is, or was not tried yet.
  std::string refusal() const;

 private:
  struct Trial {
    Mounted wanted;
    std::optional<TimePoint> ended = {};      // the last attempt
    std::optional<postgres::Error> why = {};  // it was not admitted
    int refusals = 0;                         // in a row
    std::optional<settings::ServerFacts> facts = {};
    TimePoint facts_at = {};

    bool is_due(TimePoint now, bool serves) const;
  };
  void take(Mounted mounted);

  Mounted in_force_;
  bool admitted_ = false;
  std::optional<Trial> mounted_;  // while it is not what is in force
  std::optional<Trial> candidate_;
};

}  // namespace storagepool::service
