#include "operator/reconcile/explorer/state.h"

#include <algorithm>
#include <cstring>

namespace storagepool::reconcile::explorer {
namespace {

__extension__ using Wide = unsigned __int128;

// After wyhash (Wang Yi, public domain): the halves of a product, folded.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Every grant that a StoragePool's part of the state refers to.
template <typename Visit>
void each_grant(State& state, int index, Visit visit) {
  Pool& pool = state.pools[static_cast<std::size_t>(index)];
  for (Grant* grant :
       {&pool.config_map.grant, &pool.known_config_map.grant, &pool.status_grant, &pool.write.grant}) {
    visit(*grant);
  }
  if (state.late_pool == index) visit(state.late.grant);
  for (Pod& pod : pool.pods) {
    for (Grant* grant : {&pod.mount, &pod.applied, &pod.late, &pod.report}) visit(*grant);
  }
}

bool renumber_generations(State& state, int index) {
  unsigned used = 0;
  each_grant(state, index, [&](Grant grant) { used |= 1U << generation_of(grant); });
  used &= ~1U;  // there is no generation 0
  std::array<Byte, 16> number{};
  int last = 0;
  int next = 0;
  for (int generation = 1; generation < 16; ++generation) {
    if ((used >> generation & 1U) == 0) continue;
    next += std::min(generation - last, 2);
    last = generation;
    number[static_cast<std::size_t>(generation)] = static_cast<Byte>(next);
  }
  if (next != last) {
    each_grant(state, index, [&](Grant& grant) {
      const auto generation = static_cast<std::size_t>(generation_of(grant));
      grant = make_grant(number[generation], limit_of(grant));
    });
  }
  return next < 15;  // there is room for one more
}

void renumber_ages(State& state, int pools) {
  const std::span<Pool> all(state.pools.data(), static_cast<std::size_t>(pools));
  Byte first = 0;
  bool differ = false;
  for (Pool& pool : all) {
    pool.there.age = 0;  // servers of different sizes are looked at without moves
    if (pool.facts.known == 0) continue;
    if (first == 0) first = pool.facts.known;
    differ |= pool.facts.known != first;
  }
  std::array<Byte, kMostPools> ages{};
  for (std::size_t i = 0; differ && i < all.size(); ++i) {
    if (all[i].facts.known == 0) continue;
    for (const Pool& other : all) ages[i] += other.facts.known > 0 && other.facts.age < all[i].facts.age;
  }
  for (std::size_t i = 0; i < all.size(); ++i) all[i].facts.age = ages[i];
}

}  // namespace

std::uint64_t fingerprint(const void* data, std::size_t bytes) {
  const auto* next = static_cast<const unsigned char*>(data);
  std::uint64_t hash = 0x2d358dccaa6c78a5U ^ bytes;
  while (bytes > 0) {
    std::array<std::uint64_t, 2> words{};
    const std::size_t part = std::min(bytes, sizeof(words));
    std::memcpy(words.data(), next, part);
    hash = mix(words[0] ^ 0x8bb84b93962eacc9U ^ hash, words[1] ^ 0x4b33a62ed433d4a3U);
    next += part;
    bytes -= part;
  }
  hash = mix(hash, 0x9e3779b97f4a7c15U);
  return hash == 0 ? 1 : hash;
}

int highest_generation(State& state, int pool) {
  int highest = 0;
  each_grant(state, pool, [&](Grant grant) { highest = std::max(highest, generation_of(grant)); });
  return highest;
}

namespace {

// Whether a pod has the newest ConfigMap matters until all is where that says.
void forget_mounts(Pool& pool) {
  const ConfigMap& now = pool.config_map;
  if ((pool.leaving | pool.tried | now.leaving | now.tried) != 0) return;
  for (Pod& pod : pool.pods) pod.mount_is_newest = pod.report_is_of_newest = 0;
}

}  // namespace

bool canonicalize(State& state, int pools) {
  for (int i = 0; i < pools; ++i) forget_mounts(state.pools[static_cast<std::size_t>(i)]);
  bool fits = true;
  for (int i = 0; i < pools; ++i) fits &= renumber_generations(state, i);
  renumber_ages(state, pools);
  return fits;
}

}  // namespace storagepool::reconcile::explorer
