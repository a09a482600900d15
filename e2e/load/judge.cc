#include "e2e/load/judge.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace storagepool::e2e {
namespace {

constexpr double kWindow = 1;         // second
constexpr double kWithin = 0.95;      // of the answers
constexpr std::size_t kMostOf = 500;  // samples whose pairs are looked at

}  // namespace

bool Threshold::met() const {
  return at_least ? value >= limit : value <= limit;  // never of what is no number
}

double growth(const std::vector<Sample>& samples) {
  if (samples.empty()) return 0;
  const double begun = samples.front().at + (samples.back().at - samples.front().at) / 4;
  std::vector<Sample> settled;
  std::ranges::copy_if(samples, std::back_inserter(settled),
                       [&](const Sample& sample) { return sample.at >= begun; });
  const std::size_t step = settled.size() / kMostOf + 1;
  std::vector<double> slopes;
  for (std::size_t i = 0; i < settled.size(); i += step) {
    for (std::size_t j = i + step; j < settled.size(); j += step) {
      const double time = settled[j].at - settled[i].at;
      if (time > 0) slopes.push_back((settled[j].value - settled[i].value) / time);
    }
  }
  if (slopes.empty()) return 0;
  return percentile(std::move(slopes), 0.5) * (settled.back().at - settled.front().at);
}

double recovered_after(const std::vector<Sample>& answers, double end, double limit) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  for (std::size_t first = 0; first < answers.size(); ++first) {
    const double from = answers[first].at;
    if (from < end) continue;
    if (answers.back().at < from + kWindow) return kNever;
    std::size_t all = 0;
    std::size_t good = 0;
    for (std::size_t i = first; i < answers.size() && answers[i].at <= from + kWindow; ++i) {
      ++all;
      if (answers[i].value <= limit) ++good;
    }
    if (answers[first].value <= limit && static_cast<double>(good) >= kWithin * static_cast<double>(all))
      return from - end;
  }
  return kNever;
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto wanted = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  const std::size_t index = std::clamp<std::size_t>(wanted, 1, values.size()) - 1;
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(index));
  return values[index];
}

}  // namespace storagepool::e2e
