#include "operator/sizing/known_facts.h"

namespace storagepool::sizing {
namespace {

using namespace std::chrono_literals;

// Pods read facts every 30 s, and are asked more often.
constexpr auto kRenewed = 90s;
constexpr auto kSurelyLater = 60s;

}  // namespace

bool is_newer(const KnownFacts& candidate, const KnownFacts& known) {
  const bool both = candidate.facts.read_at > 0 && known.facts.read_at > 0;
  if (!both || candidate.read > known.read + kSurelyLater) return candidate.read > known.read;
  return candidate.facts.read_at > known.facts.read_at;
}

bool is_outdated(const KnownFacts& report, const KnownFacts& later) {
  return report.facts.read_at < later.facts.started_at && is_left_behind(report, later);
}

bool is_left_behind(const KnownFacts& report, const KnownFacts& later) {
  return report.read + kRenewed < later.read;
}

}  // namespace storagepool::sizing
