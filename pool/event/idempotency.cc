#include "pool/event/idempotency.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "pool/common/encoding/sha256.h"
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

}  // namespace

std::optional<FieldError> check_idempotency_key(std::string_view key) {
  if (!key.empty() && key.size() <= kLongestKey && std::all_of(key.begin(), key.end(), printable))
    return std::nullopt;
  return FieldError{"Idempotency-Key",
                    "got " + quoted(key) + "; allowed: 1 to 255 printable ASCII characters"};
}

std::string idempotent_event_id(std::string_view workspace, std::string_view subject, std::string_view key,
                                std::size_t index) {
  std::string input;
  append(input, workspace);
  append(input, subject);
  append(input, key);
  append(input, std::to_string(index));
  encoding::Sha256 digest = encoding::sha256(input);
  digest[6] = static_cast<std::uint8_t>(0x80 | (digest[6] & 0x0F));  // version 8
  digest[8] = static_cast<std::uint8_t>(0x80 | (digest[8] & 0x3F));  // variant of RFC 9562
  return format_uuid(std::span<const std::uint8_t, 16>(digest.data(), 16));
}

}  // namespace storagepool::event
