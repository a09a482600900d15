// Counts of latencies in buckets that grow with the value, so that any number of them takes the same few
// kilobytes and no percentile is off by more than 1/128 of itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace storagepool::load {

class Latencies {
 public:
  Latencies();
  void add(std::uint64_t microseconds);

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }  // microseconds; 0 when there is none
  // The least value, in microseconds, that `share` (0 to 1) of all values do not exceed; 0 when there is
  // none.
  std::uint64_t percentile(double share) const;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace storagepool::load
