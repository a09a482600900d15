#include "pool/event/json_plain.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <utility>

#include <simdjson.h>

#include "pool/event/json_scanner.h"

namespace storagepool::event {
namespace {

using Kind = JsonValue::Kind;

// Its buffers take some fourteen times the text.
constexpr std::size_t kMostBytes = std::size_t{64} * 1024;
// Some digits below what 64 bits hold.
constexpr std::size_t kMostDigits = 18;

bool valid(std::string_view text) {
  simdjson::dom::parser parser;
  // Its levels are those of arrays and objects; at the limit itself the exact reader decides.
  if (parser.allocate(text.size(), kMaxJsonDepth - 1) != simdjson::SUCCESS) return false;
  return parser.parse(text.data(), text.size()).error() == simdjson::SUCCESS;
}

// No value for a number that may need more care than its digits show.
std::optional<JsonValue> number(std::string_view token) {
  if (token.find_first_of(".eE") != std::string_view::npos)
    return JsonValue{.kind = Kind::kNumber, .text = std::string(token)};
  std::int64_t value = 0;
  if (token.size() > kMostDigits ||
      std::from_chars(token.data(), token.data() + token.size(), value).ec != std::errc{})
    return std::nullopt;
  return JsonValue{.kind = Kind::kInteger, .integer = value, .text = std::to_string(value)};
}

// Of a valid token.
std::optional<JsonValue> value_of(std::string_view token) {
  switch (token.front()) {
    case '"':
      return JsonValue{.kind = Kind::kString, .text = json_string(token)};
    case '{':
      return JsonValue{.kind = Kind::kObject, .text = std::string(token)};
    case '[':
      return JsonValue{.kind = Kind::kArray, .text = std::string(token)};
    case 't':
    case 'f':
      return JsonValue{.kind = Kind::kBoolean, .boolean = token.front() == 't'};
    case 'n':
      return JsonValue{};
    default:
      return number(token);
  }
}

}  // namespace

std::optional<JsonMembers> read_plain_members(std::string_view text,
                                              std::span<const std::string_view> wanted) {
  if (text.empty() || text.size() > kMostBytes || text.starts_with(kByteOrderMark) ||
      text.find('\0') != std::string_view::npos || text.find("\\u") != std::string_view::npos ||
      !valid(text) || JsonScanner(text).peek() != '{')
    return std::nullopt;
  JsonMembers members(wanted);
  bool plain = true;
  for_each_member(text, [&](std::string_view key, std::string_view token) {
    const auto index = members.index_of(json_string(key));
    if (!index) return;
    auto value = value_of(token);
    if (value) {
      members.put(*index, std::move(*value));
    } else {
      plain = false;
    }
  });
  if (!plain) return std::nullopt;
  return members;
}

}  // namespace storagepool::event
