#include "pool/common/runtime/metrics.h"

#include <iterator>

#include <prometheus/text_serializer.h>

#include "pool/common/runtime/process_metrics.h"

namespace storagepool::runtime {

std::string Metrics::serialize() {
  auto families = registry_.Collect();
  auto process = process_metrics();
  families.insert(families.end(), std::make_move_iterator(process.begin()),
                  std::make_move_iterator(process.end()));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace storagepool::runtime
