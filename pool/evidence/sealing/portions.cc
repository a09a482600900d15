#include "pool/evidence/sealing/portions.h"

#include <algorithm>
#include <cstdint>

#include "pool/evidence/sealing/slices.h"

namespace storagepool::evidence {

using boost::asio::awaitable;

awaitable<tl::expected<Batches, postgres::Error>> Portions::read(const LogState& state, Bound bound) {
  Portion most;
  if (bound == Bound::kFence) most = {.bytes = kMaxSealBytes, .batches = kMaxSealBatches};
  return read(state, bound, most);
}

awaitable<tl::expected<Batches, postgres::Error>> Portions::read(const LogState& state, Bound bound,
                                                                 Portion most) {
  auto parameters = batch_parameters(state, bound, most);
  const postgres::Fetch at_once;
  auto found = co_await connection_.fetch(kReadBatches, std::move(parameters), deadline_, at_once);
  if (!found) co_return tl::unexpected(found.error());
  auto batches = read_batches(*std::move(found), most);
  if (batches) co_return *std::move(batches);
  postgres::Error error;
  error.detail = "sealing: " + batches.error();
  co_return tl::unexpected(std::move(error));
}

awaitable<tl::expected<Taken, postgres::Error>> Portions::seal(LogState state, Batches first, Bound bound) {
  Sealing sealing(std::move(state), macs_, hasher_);
  Batches batches = std::move(first);
  Portion left{.bytes = kMaxSealBytes, .batches = kMaxSealBatches};
  while (true) {
    const bool in_order = co_await take(sealing, batches, bound);
    left.bytes -= batches.bytes;
    left.batches -= static_cast<std::int64_t>(batches.size);
    if (!in_order || !batches.more || left.bytes < 0 || left.batches <= 0) break;
    const Portion most{.bytes = std::min(left.bytes, kMaxReadBytes),
                       .batches = std::min(left.batches, kMaxReadBatches)};
    auto next = co_await read(sealing.state(), bound, most);
    if (!next) co_return tl::unexpected(next.error());
    batches = *std::move(next);
  }
  Taken taken{.sealed = sealing.take_result(), .more = batches.more};
  co_return std::move(taken);
}

// False: as Sealing::take.
awaitable<bool> Portions::take(Sealing& sealing, const Batches& batches, Bound bound) {
  Slices slices(clock_.now());
  for (std::size_t i = 0; i < batches.size; ++i) {
    if (!sealing.take(batches.at(i))) co_return false;
    if (bound != Bound::kFence && slices.over(clock_.now())) co_await give_way(slices, clock_);
  }
  co_return true;
}

}  // namespace storagepool::evidence
