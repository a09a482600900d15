#include "pool/event/idempotency.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "pool/common/encoding/sha256.h"
#include "pool/event/fields.h"
#include "pool/event/text.h"
#include "pool/event/uuid.h"

namespace storagepool::event {
namespace {

constexpr std::size_t kLongestKey = 255;

bool printable(char c) {
  return c >= ' ' && c <= '~';
}

// The length in front keeps ("a", "bc") from being ("ab", "c").
void append(std::string& out, std::string_view part) {
  out += std::to_string(part.size());
  out += ':';
  out += part;
}

void append_value(std::string& out, const std::string& value) {
  append(out, value);
}
void append_value(std::string& out, std::int64_t value) {
  append(out, std::to_string(value));
}
void append_value(std::string& out, bool value) {
  append(out, value ? "true" : "false");
}
void append_value(std::string& out, runtime::Timestamp value) {
  append_value(out, std::int64_t{value.time_since_epoch().count()});
}
void append_value(std::string& out, runtime::Date value) {
  append_value(out, std::int64_t{value.time_since_epoch().count()});
}
template <typename T>
void append_value(std::string& out, const std::optional<T>& value) {
  if (value) {
    append_value(out, *value);
  } else {
    out += '-';
  }
}

// An address has several spellings, of which PostgreSQL gives back one.
std::string address_bytes(const std::string& text) {
  std::array<char, sizeof(in6_addr)> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return {bytes.data(), sizeof(in_addr)};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return {bytes.data(), sizeof(in6_addr)};
  return text;
}

template <typename Kind, typename Value>
const Value& value_of(const Field<Kind, Value>& field, const Event& event) {
  return event.*field.member;
}
// What was asked, not what a setting has made of it, which may be another when the call is repeated.
std::int64_t value_of(const Field<kind::Integer, std::int64_t>& field, const Event& event) {
  return event.asked_days == 0 ? event.*field.member : event.asked_days;
}
std::optional<std::string> value_of(const Field<kind::Address, std::optional<std::string>>& field,
                                    const Event& event) {
  const auto& text = event.*field.member;
  return text ? std::optional(address_bytes(*text)) : std::nullopt;
}

// A UUID of version 8 made of these parts.
std::string made_of(std::initializer_list<std::string_view> parts) {
  std::string input;
  for (const std::string_view part : parts) append(input, part);
  encoding::Sha256 digest = encoding::sha256(input);
  digest[6] = static_cast<std::uint8_t>(0x80 | (digest[6] & 0x0F));  // version 8
  digest[8] = static_cast<std::uint8_t>(0x80 | (digest[8] & 0x3F));  // variant of RFC 9562
  return format_uuid(std::span<const std::uint8_t, 16>(digest.data(), 16));
}

// Whether a field is content, by which a repeated event is known.
bool counts(std::string_view field) {
  return field != "event_id" && field != "parent_event_date";
}

}  // namespace

std::optional<FieldError> check_idempotency_key(std::string_view key) {
  if (!key.empty() && key.size() <= kLongestKey && std::all_of(key.begin(), key.end(), printable))
    return std::nullopt;
  return FieldError{"Idempotency-Key",
                    "got " + quoted(key) + "; allowed: 1 to 255 printable ASCII characters"};
}

std::string idempotent_event_id(Call call, std::string_view workspace, std::string_view subject,
                                std::string_view key, std::size_t index) {
  const std::string place = std::to_string(index);
  return call == Call::kBatch ? made_of({"batch", workspace, subject, key, place})
                              : made_of({workspace, subject, key, place});
}

std::string text_event_id(std::string_view subject, std::string_view text) {
  return made_of({"event_id", subject, text});
}

std::string content_digest(const Event& event) {
  std::string input;
  all_fields_by<&Places::checked>([&](const auto& field) {
    if (counts(field.name)) {
      append(input, field.name);
      append_value(input, value_of(field, event));
    }
    return true;
  });
  const encoding::Sha256 digest = encoding::sha256(input);
  std::string bytes(digest.begin(), digest.begin() + kDigestBytes);
  if (event.keyed_events > 0) {
    bytes += static_cast<char>(event.keyed_events >> 8 & 0xFF);
    bytes += static_cast<char>(event.keyed_events & 0xFF);
  }
  return bytes;
}

Likeness compare_digests(std::string_view stored, std::string_view given) {
  const std::size_t common = std::min(stored.size(), given.size());
  if (stored.substr(0, common) == given.substr(0, common)) return Likeness::kSame;
  const bool same_event = stored.substr(0, 2 * kDigestBytes) == given.substr(0, 2 * kDigestBytes);
  return same_event ? Likeness::kOtherNumber : Likeness::kOther;
}

}  // namespace storagepool::event
