// Batches as pods make them, for tests: their entries are of no event, but are entries otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pool/common/encoding/sha256.h"
#include "pool/evidence/sealing/seal.h"

namespace storagepool::evidence::testing {

inline const std::string kSeed = "abcdefghijklmnopqrstuvwxyz012345";
inline const std::string kOtherSeed = "another seed of thirty-two bytes";
inline const std::string kOrigin = "log.example/audit";

inline std::string big_endian(std::uint64_t number, std::size_t size) {
  std::string bytes;
  for (std::size_t left = size; left > 0; --left) bytes += static_cast<char>(number >> 8 * (left - 1) & 0xFF);
  return bytes;
}

// Its event has the number as its id.
inline std::string entry(std::uint64_t number, const char* time = "2026-02-28T11:22:33Z", int days = 2555) {
  const auto at = runtime::parse_timestamp(time)->time_since_epoch().count();
  const encoding::Sha256 digest = encoding::sha256("head of " + std::to_string(number));
  return "\x01" + std::string(8, '\0') + big_endian(number, 8) +
         big_endian(static_cast<std::uint64_t>(at), 8) + big_endian(static_cast<std::uint64_t>(days), 2) +
         std::string(kTagBytes, 't') + std::string(digest.begin(), digest.end());
}

inline std::string mac_of(std::int64_t batch, const std::string& entries, const std::string& seed = kSeed) {
  const auto mac = EntryWriter(make_keys(seed)).mac(batch, entries);
  return {mac.begin(), mac.end()};
}

// Of events with the numbers from `first`.
inline Batch batch_of(BatchPlace at, std::uint64_t first, std::int64_t events = 1) {
  Batch batch{.at = at, .events = events};
  for (std::int64_t i = 0; i < events; ++i) batch.entries += entry(first + static_cast<std::uint64_t>(i));
  batch.mac = mac_of(at.batch, batch.entries);
  return batch;
}

inline LogState state_of(const std::vector<std::string>& entries) {
  LogState state{.origin = kOrigin};
  tlog::Hasher hasher;
  std::vector<tlog::LevelNode> nodes;
  for (const std::string& one : entries) state.frontier.append(hasher, hasher.leaf(one), nodes);
  return state;
}

}  // namespace storagepool::evidence::testing
