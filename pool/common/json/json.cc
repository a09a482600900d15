#include "pool/common/json/json.h"

#include <charconv>
#include <limits>

namespace storagepool::json {
namespace {

const Json& null() {
  static const Json instance;
  return instance;
}

}  // namespace

const Json& member(const Json& json, std::string_view key) {
  if (!json.is_object()) return null();
  const auto found = json.find(key);
  return found == json.end() ? null() : *found;
}

const Json& at(const Json& json, const char* pointer) {
  const Json::json_pointer path(pointer);
  return json.contains(path) ? json[path] : null();
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string text_at(const Json& json, const char* pointer) {
  return text_of(at(json, pointer));
}

std::int64_t integer_at(const Json& json, const char* pointer, std::int64_t fallback) {
  return integer_at(json, pointer).value_or(fallback);
}

std::optional<std::int64_t> integer_at(const Json& json, const char* pointer) {
  const Json& value = at(json, pointer);
  if (!value.is_number_integer()) return std::nullopt;
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > kLargest) return std::nullopt;
  return value.get<std::int64_t>();
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace storagepool::json
