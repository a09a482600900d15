// Where in the log an event's entry is, and which batches have the entries of a part of the log. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "pool/evidence/proving/columns.h"

namespace storagepool::evidence {

// Of the entries that a batch offered, those whose events were stored, one after the other. No value where
// it does not have what it keeps.
std::optional<std::string> kept_entries(std::string_view entries,
                                        const std::optional<std::vector<std::int64_t>>& kept);

// The number, from 0, of the entry of this event; no value where there is none.
std::optional<std::size_t> find_entry(std::string_view entries, std::string_view event_id);

// A row of `audit_seals`.
struct SealRow {
  std::uint64_t first_seq = 0;
  std::vector<std::int64_t> batches{};
  std::vector<std::int64_t> counts{};  // entries of each
};

// Some of the kept entries of a batch.
struct EntryRun {
  std::int64_t batch = 0;
  std::uint64_t skip = 0;
  std::uint64_t count = 0;
  friend bool operator==(const EntryRun&, const EntryRun&) = default;
};
// Those that are the log's from `first`, in their order; `seals` are those that have them, in theirs. No
// value where some are missing, or a seal does not agree with itself.
std::optional<std::vector<EntryRun>> runs_of(std::span<const SealRow> seals, std::uint64_t first,
                                             std::uint64_t count);

// An entry of the log.
struct EntryPlace {
  std::uint64_t seq = 0;  // counted from 0
  std::string entry{};
  friend bool operator==(const EntryPlace&, const EntryPlace&) = default;
};
// `kept`: the entries that the batch keeps. No value where none is of this event, or the seal has not the
// batch.
std::optional<EntryPlace> place_of(std::string_view event_id, std::int64_t batch, std::string_view kept,
                                   const SealRow& seal);

}  // namespace storagepool::evidence
