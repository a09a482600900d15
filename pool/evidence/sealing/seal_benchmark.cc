#include <benchmark/benchmark.h>

#include "pool/evidence/sealing/seal.h"
#include "pool/evidence/sealing/testing/batches.h"

namespace storagepool::evidence {
namespace {

// What sealing takes of the pod for each event, in batches of so many.
void BM_Seal(benchmark::State& state) {
  constexpr std::int64_t kEvents = 5'000;
  std::vector<Batch> batches;
  for (std::int64_t event = 0; event < kEvents; event += state.range(0))
    batches.push_back(testing::batch_of({1, event + 1}, static_cast<std::uint64_t>(event), state.range(0)));
  const std::vector<Keys> keys{make_keys(testing::kSeed)};
  LogMacs macs(keys);
  tlog::Hasher hasher;
  for (auto _ : state) {
    Sealing sealing(testing::state_of({}), macs, hasher);
    for (const Batch& batch : batches) sealing.take(batch);
    benchmark::DoNotOptimize(sealing.take_result());
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}
BENCHMARK(BM_Seal)->Arg(1)->Arg(500);

}  // namespace
}  // namespace storagepool::evidence
