// What one load scenario came to, as a file between the scenarios and the page that shows them all.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "e2e/load/judge.h"

namespace storagepool::e2e {

// Of one diagram: values over time.
struct Line {
  std::string title;
  std::string unit;
  std::vector<Sample> samples;
};

struct Outcome {
  std::string name;   // of its file
  std::string title;  // one line for people
  std::string how;    // what was done
  std::vector<Threshold> thresholds{};
  std::vector<std::pair<std::string, std::string>> figures{};  // without a limit: name and value
  std::vector<Line> lines{};

  bool met() const;  // each threshold, and there is one
};

nlohmann::json to_json(const Outcome& outcome);
// Throws nlohmann::json::exception when it is not what `to_json` makes.
Outcome outcome_from(const nlohmann::json& json);

// One HTML page that needs nothing but itself. `about`: a line on the machine and the day.
std::string page(const std::vector<Outcome>& outcomes, const std::string& about);
// The same thresholds as lines of text, the verdict last.
std::string verdict(const std::vector<Outcome>& outcomes);
// There is an outcome, and all are met.
bool all_met(const std::vector<Outcome>& outcomes);

}  // namespace storagepool::e2e
