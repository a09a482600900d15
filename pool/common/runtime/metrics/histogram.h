// How often something had which size: counts in a few fixed buckets, as a Prometheus histogram keeps them,
// for code that is to know nothing of metrics. Plain values, without locks and without memory of their own;
// for one thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace storagepool::runtime {

template <std::size_t bounds>
class Histogram {
 public:
  using Bounds = std::array<double, bounds>;
  using Counts = std::array<std::uint64_t, bounds + 1>;

  // The largest value of each bucket, ascending. Values above the last one have a bucket too.
  constexpr explicit Histogram(const Bounds& largest) : bounds_(largest) {}

  void observe(double value) {
    const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
    ++counts_.at(static_cast<std::size_t>(bucket));
    sum_ += value;
  }

  const Bounds& largest() const { return bounds_; }
  const Counts& counts() const { return counts_; }  // of each bucket alone
  double sum() const { return sum_; }               // of all values

 private:
  Bounds bounds_;
  Counts counts_{};
  double sum_ = 0;
};

}  // namespace storagepool::runtime
