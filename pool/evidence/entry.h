// Entries of the log, and the batches in which they are stored beside the events. Pure: the clock and random
// bits are given.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pool/common/runtime/timestamp.h"
#include "pool/evidence/digest.h"
#include "pool/evidence/head.h"

namespace storagepool::evidence {

inline constexpr std::size_t kEntryBytes = 67;
inline constexpr std::size_t kTagBytes = 8;
inline constexpr std::size_t kMacBytes = 16;

// What an entry says of its event.
struct Entry {
  std::array<std::uint8_t, 16> event_id{};  // event::format_uuid
  runtime::Timestamp event_timestamp{};
  std::chrono::days retention{};
  std::array<std::uint8_t, kTagBytes> tag{};

  // No value for another form or size, and for years outside 0001 to 9999.
  static std::optional<Entry> read(std::string_view entry);
  friend bool operator==(const Entry&, const Entry&) = default;
};

// The secrets made of the seed (32 bytes) of the log's signing key: HKDF(seed, "mac") authenticates batches,
// HKDF(seed, "tag") makes correlation tags. Two, because a client chooses correlation ids and a tag is
// public: under one key a tag could give half of a MAC away. Entries keep the tags of their key for ever, so
// a seed that was replaced is still needed to find entries by correlation.
struct Keys {
  std::string mac;
  std::string tag;
};
Keys make_keys(std::string_view seed);

// The id of a batch: µs since 2020 << 12 | the lower 12 random bits. Ids of a later µs are greater, so months
// are ranges of them; `now` counts as 2020 before and as 2091-05-09 after what 51 bits tell.
std::int64_t batch_id(runtime::Timestamp now, std::uint16_t random);

// What one commit offers to the log.
struct NewBatch {
  std::int64_t id = 0;
  std::string entries{};
  std::array<std::uint8_t, kMacBytes> mac{};  // EntryWriter::mac
};

// Makes entries and MACs: some 2 µs for each event (entry_benchmark). One thread at a time.
class EntryWriter {
 public:
  explicit EntryWriter(const Keys& keys);

  // Appends the event's entry, kEntryBytes. REQUIRES: as HeadWriter::write; event_id is a UUID;
  // retention_days <= 65,535.
  void append(std::string& entries, const event::Event& event);
  // Of a row that was read back, which who owns the database may have changed: no value where no pod can have
  // stored it.
  std::optional<std::string> entry_of_row(const event::Event& event);
  NewBatch batch(std::int64_t id, std::span<const event::Event* const> events);

  // The first half of HMAC-SHA256(mac key, `batch` as int64, big-endian ‖ `entries`), over all entries that
  // are offered.
  std::array<std::uint8_t, kMacBytes> mac(std::int64_t batch, std::string_view entries);
  // The first 8 bytes of HMAC-SHA256(tag key, correlation_id): equal for events that belong together, and
  // tells those who have no key nothing else.
  std::array<std::uint8_t, kTagBytes> tag(std::string_view correlation_id);

 private:
  HeadWriter heads_;
  Authenticator macs_;
  Authenticator tags_;
};

}  // namespace storagepool::evidence
