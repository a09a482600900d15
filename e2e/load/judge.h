// What a load scenario has measured and what it must keep: pure, the clock is in the samples.
#pragma once

#include <string>
#include <vector>

namespace storagepool::e2e {

struct Sample {
  double at = 0;  // seconds since the scenario began
  double value = 0;
};

// A figure with its limit.
struct Threshold {
  std::string what;
  double value = 0;  // infinite: never reached
  double limit = 0;
  std::string unit{};     // empty: a count
  bool at_least = false;  // the limit is the least, and not the most, that is allowed

  bool met() const;
};

// By how much a value grows over the time of its samples, in its unit: the median of the slopes between all
// pairs of samples (Theil and Sen; P. K. Sen, 1968), which single peaks do not move, times that time. The
// first quarter is left out: caches and pools fill. 0 of fewer than two samples.
double growth(const std::vector<Sample>& samples);

// Seconds from `end` of a disturbance until answers are as they should be: to the first moment from which on,
// for one second, at least 19 of 20 answers of a probe took at most `limit`. `answers` are in the order of
// `at`, when each answer came, on the clock of `end`. Infinite when that did not come, or when no whole
// second of answers followed.
double recovered_after(const std::vector<Sample>& answers, double end, double limit);

// The least value that `share` (0 to 1) of all do not exceed; 0 of none.
double percentile(std::vector<double> values, double share);

}  // namespace storagepool::e2e
