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
#include <vector>

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
// a seed that was replaced is still needed to judge them and to find them by correlation.
struct Keys {
  std::string mac;
  std::string tag;
  std::vector<Keys> earlier{};  // with which nothing is made any more; the newest first
  friend bool operator==(const Keys&, const Keys&) = default;
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

// Makes entries and MACs: some 2 µs for each event (entry_benchmark); and knows those that were made with
// earlier keys. One thread at a time.
class EntryWriter {
 public:
  explicit EntryWriter(const Keys& keys);

  // Appends the event's entry, kEntryBytes. REQUIRES: as HeadWriter::write; event_id is a UUID;
  // retention_days <= 65,535.
  void append(std::string& entries, const event::Event& event);
  // Of a row that was read back, which who owns the database may have changed: no value where no pod can have
  // stored it.
  std::optional<std::string> entry_of_row(const event::Event& event);
  // Whether that is the row's entry.
  bool is_entry_of(std::string_view entry, const event::Event& row);
  NewBatch batch(std::int64_t id, std::span<const event::Event* const> events);

  // The first half of HMAC-SHA256(mac key, `batch` as int64, big-endian ‖ `entries`), over all entries that
  // are offered.
  std::array<std::uint8_t, kMacBytes> mac(std::int64_t batch, std::string_view entries);
  bool is_mac_of(std::int64_t batch, std::string_view entries, std::string_view mac);
  // The first 8 bytes of HMAC-SHA256(tag key, correlation_id): equal for events that belong together, and
  // tells those who have no key nothing else.
  std::array<std::uint8_t, kTagBytes> tag(std::string_view correlation_id);
  // Those that entries of the correlation may have.
  std::vector<std::array<std::uint8_t, kTagBytes>> tags(std::string_view correlation_id);

 private:
  struct Secrets {
    explicit Secrets(const Keys& keys) : macs(keys.mac), tags(keys.tag) {}
    Authenticator macs;
    Authenticator tags;
  };
  HeadWriter heads_;
  std::vector<Secrets> keys_;  // the one first with which all is made
};

}  // namespace storagepool::evidence
