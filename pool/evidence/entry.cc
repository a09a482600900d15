#include "pool/evidence/entry.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <type_traits>

#include <openssl/crypto.h>

#include "pool/common/runtime/check.h"
#include "pool/event/uuid.h"

namespace storagepool::evidence {
namespace {

constexpr char kForm = 0x01;

constexpr std::size_t kIdAt = 1;
constexpr std::size_t kTimeAt = 17;
constexpr std::size_t kRetentionAt = 25;
constexpr std::size_t kTagAt = 27;

std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t number = 0;
  for (const char byte : bytes.substr(at, size)) number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

template <typename T>
void put(std::string& out, T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t left = sizeof bits; left > 0; --left)
    out += static_cast<char>(bits >> (8 * (left - 1)) & 0xFF);
}

template <std::size_t size>
void put(std::string& out, const std::array<std::uint8_t, size>& bytes) {
  out.append(reinterpret_cast<const char*>(bytes.data()), size);
}

bool fits(std::int64_t retention_days) {
  return retention_days >= 0 && retention_days <= 0xFFFF;
}

void put_uuid(std::string& out, std::string_view uuid) {
  const auto bytes = event::uuid_bytes(uuid);
  STORAGEPOOL_INVARIANT(bytes, "an event without a canonical id", {"characters", uuid.size()});
  out.append(bytes->data(), bytes->size());
}

template <std::size_t size>
std::array<std::uint8_t, size> first_of(const Sha256& digest) {
  std::array<std::uint8_t, size> first;
  std::copy_n(digest.begin(), size, first.begin());
  return first;
}

}  // namespace

std::optional<Entry> Entry::read(std::string_view entry) {
  using std::chrono::sys_days, std::chrono::year;
  constexpr runtime::Timestamp kFirst{sys_days{year{1} / 1 / 1}};
  constexpr runtime::Timestamp kEnd{sys_days{year{10'000} / 1 / 1}};
  if (entry.size() != kEntryBytes || entry.front() != kForm) return std::nullopt;
  const runtime::Timestamp time{
      std::chrono::microseconds{static_cast<std::int64_t>(number_at(entry, kTimeAt, 8))}};
  if (time < kFirst || time >= kEnd) return std::nullopt;
  Entry read{.event_timestamp = time, .retention = std::chrono::days{number_at(entry, kRetentionAt, 2)}};
  std::copy_n(entry.begin() + kIdAt, read.event_id.size(), read.event_id.begin());
  std::copy_n(entry.begin() + kTagAt, read.tag.size(), read.tag.begin());
  return read;
}

Keys make_keys(std::string_view seed) {
  return {.mac = derive_key(seed, "mac"), .tag = derive_key(seed, "tag")};
}

std::int64_t batch_id(runtime::Timestamp now, std::uint16_t random) {
  constexpr int kRandomBits = 12;
  constexpr runtime::Timestamp kBegin{std::chrono::sys_days{std::chrono::year{2020} / 1 / 1}};
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() >> kRandomBits;
  const std::int64_t microseconds = std::clamp<std::int64_t>((now - kBegin).count(), 0, kMost);
  return microseconds << kRandomBits | (random & ((1 << kRandomBits) - 1));
}

EntryWriter::EntryWriter(const Keys& keys) {
  keys_.emplace_back(keys);
  for (const Keys& earlier : keys.earlier) keys_.emplace_back(earlier);
}

void EntryWriter::append(std::string& entries, const event::Event& event) {
  const std::size_t begin = entries.size();
  STORAGEPOOL_INVARIANT(fits(event.retention_days), "retention beyond 16 bits",
                        {"days", event.retention_days});
  entries += kForm;
  put_uuid(entries, event.event_id);
  put(entries, std::int64_t{event.event_timestamp.time_since_epoch().count()});
  put(entries, static_cast<std::uint16_t>(event.retention_days));
  put(entries, tag(event.correlation_id));
  put(entries, heads_.digester().sha256(heads_.write(event)));
  STORAGEPOOL_INVARIANT(entries.size() - begin == kEntryBytes, "an entry of another size",
                        {"bytes", entries.size() - begin});
}

std::optional<std::string> EntryWriter::entry_of_row(const event::Event& event) {
  if (!fits(event.retention_days) || !event::uuid_bytes(event.event_id)) return std::nullopt;
  std::string entry;
  append(entry, event);
  return entry;
}

bool EntryWriter::is_entry_of(std::string_view entry, const event::Event& row) {
  auto made = entry_of_row(row);
  if (!made) return false;
  if (*made == entry) return true;
  for (const auto& tag : tags(row.correlation_id)) {
    std::copy(tag.begin(), tag.end(), made->begin() + kTagAt);
    if (*made == entry) return true;
  }
  return false;
}

NewBatch EntryWriter::batch(std::int64_t id, std::span<const event::Event* const> events) {
  NewBatch batch{.id = id};
  batch.entries.reserve(events.size() * kEntryBytes);
  for (const event::Event* event : events) append(batch.entries, *event);
  batch.mac = mac(id, batch.entries);
  return batch;
}

std::array<std::uint8_t, kMacBytes> EntryWriter::mac(std::int64_t batch, std::string_view entries) {
  std::string id;
  put(id, batch);
  return first_of<kMacBytes>(keys_.front().macs.mac(id, entries));
}

bool EntryWriter::is_mac_of(std::int64_t batch, std::string_view entries, std::string_view mac) {
  std::string id;
  put(id, batch);
  return mac.size() == kMacBytes && std::ranges::any_of(keys_, [&](Secrets& key) {
           return CRYPTO_memcmp(key.macs.mac(id, entries).data(), mac.data(), kMacBytes) == 0;
         });
}

std::array<std::uint8_t, kTagBytes> EntryWriter::tag(std::string_view correlation_id) {
  return first_of<kTagBytes>(keys_.front().tags.mac(correlation_id));
}

std::vector<std::array<std::uint8_t, kTagBytes>> EntryWriter::tags(std::string_view correlation_id) {
  std::vector<std::array<std::uint8_t, kTagBytes>> tags;
  for (Secrets& key : keys_) tags.push_back(first_of<kTagBytes>(key.tags.mac(correlation_id)));
  return tags;
}

}  // namespace storagepool::evidence
