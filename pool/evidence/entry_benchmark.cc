// What an event's entry costs on its way into the database, and the MAC of a full batch.
#include <benchmark/benchmark.h>

#include <string>

#include "pool/event/event.h"
#include "pool/event/validate.h"
#include "pool/evidence/entry.h"

namespace storagepool::evidence {
namespace {

const runtime::Timestamp kNow = *runtime::parse_timestamp("2026-02-28T12:00:00Z");

event::Event some_event() {
  event::Event event = *event::validate_event(
      R"({"version":"1.0","event_type":"gateway.signal.received","event_timestamp":"2026-02-28T11:59:00.25Z",)"
      R"("event_category":"gateway","event_action":"received","event_outcome":"success","severity":"info",)"
      R"("correlation_id":"rr-2026-02-28-000123","actor_type":"service","actor_id":"gateway-service",)"
      R"("resource_type":"Signal","resource_id":"payment-api-7f9c","namespace":"payments",)"
      R"("cluster_id":"prod-eu-1","duration_ms":12,"event_data":{"gateway":{"signal_type":"prometheus",)"
      R"("alert_name":"HighMemoryUsage","fingerprint":"b5c1a2d3e4f5","labels":{"team":"payments","tier":"1"},)"
      R"("duplicates":3,"threshold":0.95}}})",
      kNow);
  event.event_id = "0190a6e2-9b7c-7def-8123-456789abcdef";
  event.principal = "system:serviceaccount:payments:gateway";
  event.received_at = kNow;
  event.received_from = "10.0.12.7";
  return event;
}

void BM_Entry(benchmark::State& state) {
  EntryWriter writer(make_keys(std::string(32, 's')));
  const event::Event event = some_event();
  std::string entries;
  for (auto _ : state) {
    entries.clear();
    writer.append(entries, event);
    benchmark::DoNotOptimize(entries.data());
  }
}
BENCHMARK(BM_Entry);

void BM_Head(benchmark::State& state) {
  HeadWriter writer;
  const event::Event event = some_event();
  for (auto _ : state) benchmark::DoNotOptimize(writer.write(event));
}
BENCHMARK(BM_Head);

void BM_MacOfABatch(benchmark::State& state) {
  EntryWriter writer(make_keys(std::string(32, 's')));
  const std::string entries(event::kMaxBatchEvents * kEntryBytes, 'e');
  for (auto _ : state) benchmark::DoNotOptimize(writer.mac(1, entries));
}
BENCHMARK(BM_MacOfABatch);

}  // namespace
}  // namespace storagepool::evidence
