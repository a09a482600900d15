#include "pool/common/runtime/metrics/metrics.h"

#include <iterator>
#include <utility>

#include <prometheus/text_serializer.h>

#include "pool/common/runtime/check.h"
#include "pool/common/runtime/metrics/process_metrics.h"

namespace storagepool::runtime {
namespace {

prometheus::MetricFamily violated_checks() {
  prometheus::ClientMetric metric;
  metric.counter.value = static_cast<double>(check::violations());
  return {"storagepool_check_violations_total",
          "Checks that did not hold and that the program went on after.",
          prometheus::MetricType::Counter,
          {metric}};
}

}  // namespace

void Metrics::add(std::weak_ptr<prometheus::Collectable> collectable) {
  const std::lock_guard lock(mutex_);
  collectables_.push_back(std::move(collectable));
}

std::string Metrics::serialize(std::vector<prometheus::MetricFamily> beside) {
  auto families = registry_.Collect();
  families.insert(families.end(), std::make_move_iterator(beside.begin()),
                  std::make_move_iterator(beside.end()));
  {
    const std::lock_guard lock(mutex_);
    for (const auto& weak : collectables_) {
      const auto collectable = weak.lock();
      if (!collectable) continue;
      auto more = collectable->Collect();
      families.insert(families.end(), std::make_move_iterator(more.begin()),
                      std::make_move_iterator(more.end()));
    }
  }
  auto process = process_metrics();
  families.insert(families.end(), std::make_move_iterator(process.begin()),
                  std::make_move_iterator(process.end()));
  families.push_back(violated_checks());
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace storagepool::runtime
