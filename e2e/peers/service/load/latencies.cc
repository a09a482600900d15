#include "e2e/peers/service/load/latencies.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace storagepool::load {
namespace {

// Values below 256 have a bucket each; above, 128 buckets for each power of two.
constexpr std::uint64_t kExact = 256;
constexpr std::uint64_t kPerPower = kExact / 2;
constexpr std::uint64_t kBuckets = kExact + (64 - 8) * kPerPower;

std::uint64_t bucket_of(std::uint64_t value) {
  if (value < kExact) return value;
  const auto shift = static_cast<std::uint64_t>(std::bit_width(value)) - 8;
  return kExact + (shift - 1) * kPerPower + ((value >> shift) - kPerPower);
}

std::uint64_t highest_in(std::uint64_t bucket) {
  if (bucket < kExact) return bucket;
  const std::uint64_t shift = (bucket - kExact) / kPerPower + 1;
  const std::uint64_t lead = (bucket - kExact) % kPerPower + kPerPower;
  return (lead << shift) + ((std::uint64_t{1} << shift) - 1);
}

}  // namespace

Latencies::Latencies() : buckets_(kBuckets) {}

void Latencies::add(std::uint64_t microseconds) {
  ++buckets_[bucket_of(microseconds)];
  ++count_;
  max_ = std::max(max_, microseconds);
}

std::uint64_t Latencies::percentile(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::uint64_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen > 0 && seen >= wanted) return std::min(highest_in(bucket), max_);
  }
  return max_;
}

}  // namespace storagepool::load
