// What it costs to turn a request's body into events: one as clients send it, and a full batch.
#include <benchmark/benchmark.h>

#include <string>

#include "pool/event/validate.h"

namespace storagepool::event {
namespace {

const runtime::Timestamp kNow = *runtime::parse_timestamp("2026-02-28T12:00:00Z");

std::string body_of_one() {
  return R"({"version":"1.0","event_type":"gateway.signal.received","event_timestamp":"2026-02-28T11:59:00.25Z",)"
         R"("event_category":"gateway","event_action":"received","event_outcome":"success","severity":"info",)"
         R"("correlation_id":"rr-2026-02-28-000123","actor_type":"service","actor_id":"gateway-service",)"
         R"("resource_type":"Signal","resource_id":"payment-api-7f9c","namespace":"payments",)"
         R"("cluster_id":"prod-eu-1","duration_ms":12,"event_data":{"gateway":{"signal_type":"prometheus",)"
         R"("alert_name":"HighMemoryUsage","fingerprint":"b5c1a2d3e4f5","labels":{"team":"payments","tier":"1"},)"
         R"("duplicates":3,"threshold":0.95}}})";
}

void BM_ValidateEvent(benchmark::State& state) {
  const std::string body = body_of_one();
  for (auto _ : state) {
    auto event = validate_event(body, kNow);
    if (!event) return state.SkipWithError("refused");
    benchmark::DoNotOptimize(event);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(BM_ValidateEvent);

void BM_ValidateBatch(benchmark::State& state) {
  std::string body = "[";
  for (std::size_t i = 0; i < kMaxBatchEvents; ++i) body += (i == 0 ? "" : ",") + body_of_one();
  body += "]";
  for (auto _ : state) {
    auto events = validate_batch(body, kNow);
    if (!events) return state.SkipWithError("refused");
    benchmark::DoNotOptimize(events);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kMaxBatchEvents));
}
BENCHMARK(BM_ValidateBatch);

}  // namespace
}  // namespace storagepool::event
