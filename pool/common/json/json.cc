#include "pool/common/json/json.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace storagepool::json {
namespace {

const Json& null() {
  static const Json instance;
  return instance;
}

// An index as RFC 6901 has it: no sign, no zero ahead.
const Json& element(const Json& array, std::string_view token) {
  const bool is_index = token == "0" || (!token.empty() && token.front() >= '1' && token.front() <= '9');
  const auto index = is_index ? parse_integer(token) : std::nullopt;
  return index && static_cast<std::uint64_t>(*index) < array.size() ? array[static_cast<std::size_t>(*index)]
                                                                    : null();
}

std::string unescaped(std::string_view token) {
  std::string text;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    text += !escape ? token[i] : token[++i] == '1' ? '/' : '~';
  }
  return text;
}

const Json& step(const Json& json, std::string_view token) {
  if (json.is_array()) return element(json, token);
  return token.find('~') == std::string_view::npos ? member(json, token) : member(json, unescaped(token));
}

}  // namespace

const Json& member(const Json& json, std::string_view key) {
  if (!json.is_object()) return null();
  const auto found = json.find(key);
  return found == json.end() ? null() : *found;
}

const Json& at(const Json& json, const char* pointer) {
  const Json* found = &json;
  for (std::string_view rest(pointer); !rest.empty() && !found->is_null();) {
    const std::size_t end = std::min(rest.find('/', 1), rest.size());
    found = &step(*found, rest.substr(1, end - 1));
    rest.remove_prefix(end);
  }
  return *found;
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
