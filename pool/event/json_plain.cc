#include "pool/event/json_plain.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <simdjson.h>

#include "pool/event/json_scanner.h"

namespace storagepool::event {
namespace {

namespace ondemand = simdjson::ondemand;
using Kind = JsonValue::Kind;

// The parsers' buffers take some fourteen times the text, and each thread keeps its own.
constexpr std::size_t kMostBytes = std::size_t{64} * 1024;
// Some digits below what 64 bits hold.
constexpr std::size_t kMostDigits = 18;

// Without the white space behind it.
std::string_view trimmed(std::string_view token) {
  while (!token.empty() &&
         (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' || token.back() == '\t'))
    token.remove_suffix(1);
  return token;
}

// Reads the members of one object; what it does not vouch for has no value. The outermost level is walked
// through where it is, so that only what nests is made a document, which checks it.
class PlainReader {
 public:
  std::optional<JsonMembers> read(std::string_view text, std::span<const std::string_view> wanted) {
    padded_.resize(std::max(padded_.size(), text.size() + simdjson::SIMDJSON_PADDING));
    std::copy(text.begin(), text.end(), padded_.begin());
    ondemand::document document;
    ondemand::object object;
    if (outer_.iterate(padded_.data(), text.size(), padded_.size()).get(document) != simdjson::SUCCESS ||
        document.get_object().get(object) != simdjson::SUCCESS)
      return std::nullopt;
    JsonMembers members(wanted);
    for (auto next : object) {
      ondemand::field field;
      if (std::move(next).get(field) != simdjson::SUCCESS) return std::nullopt;
      const auto key = key_of(field, text.size());
      auto value = key ? value_of(field.value()) : std::nullopt;
      if (!value) return std::nullopt;
      if (const auto index = members.index_of(*key)) members.put(*index, std::move(*value));
    }
    // Anything after the object?
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) return std::nullopt;
    return members;
  }

 private:
  std::optional<std::string_view> key_of(const ondemand::field& field, std::size_t size) const {
    const char* begin = field.key().raw();
    const std::string_view rest(begin, static_cast<std::size_t>(padded_.data() + size - begin));
    const std::string_view key = rest.substr(0, rest.find('"'));
    if (key.find('\\') != std::string_view::npos) return std::nullopt;
    return key;
  }

  std::optional<JsonValue> value_of(ondemand::value value) {
    ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return std::nullopt;
    switch (type) {
      case ondemand::json_type::string:
        return string(value);
      case ondemand::json_type::number:
        return number(value);
      case ondemand::json_type::object:
        return nested(Kind::kObject, value.get_object());
      case ondemand::json_type::array:
        return nested(Kind::kArray, value.get_array());
      case ondemand::json_type::boolean: {
        JsonValue boolean{.kind = Kind::kBoolean};
        if (value.get_bool().get(boolean.boolean) != simdjson::SUCCESS) return std::nullopt;
        return boolean;
      }
      case ondemand::json_type::null:
        return value.is_null().value_unsafe() ? std::optional(JsonValue{}) : std::nullopt;
    }
    return std::nullopt;
  }

  static std::optional<JsonValue> string(ondemand::value& value) {
    const std::string_view token = trimmed(value.raw_json_token());
    if (token.find('\\') == std::string_view::npos) {
      if (value.get_raw_json_string().error() != simdjson::SUCCESS) return std::nullopt;  // goes on behind it
      return JsonValue{.kind = Kind::kString, .text = std::string(token.substr(1, token.size() - 2))};
    }
    std::string_view decoded;
    if (value.get_string().get(decoded) != simdjson::SUCCESS) return std::nullopt;
    return JsonValue{.kind = Kind::kString, .text = std::string(decoded)};
  }

  // No value for a number that may need more care than its digits show.
  static std::optional<JsonValue> number(ondemand::value& value) {
    const std::string_view token = trimmed(value.raw_json_token());
    if (token.find_first_of(".eE") != std::string_view::npos) {
      double ignored = 0;
      if (value.get_double().get(ignored) != simdjson::SUCCESS) return std::nullopt;
      return JsonValue{.kind = Kind::kNumber, .text = std::string(token)};
    }
    std::int64_t integer = 0;
    if (token.size() > kMostDigits || value.get_int64().get(integer) != simdjson::SUCCESS)
      return std::nullopt;
    return JsonValue{.kind = Kind::kInteger, .integer = integer, .text = std::to_string(integer)};
  }

  template <typename Nested>
  std::optional<JsonValue> nested(Kind kind, simdjson::simdjson_result<Nested> found) {
    Nested container;
    std::string_view text;
    if (std::move(found).get(container) != simdjson::SUCCESS ||
        container.raw_json().get(text) != simdjson::SUCCESS)
      return std::nullopt;
    text = trimmed(text);
    // Its levels are those of arrays and objects, and one is around it; at the limit itself the exact reader
    // decides.
    if (inner_.capacity() < text.size() &&
        inner_.allocate(std::max(2 * inner_.capacity(), text.size()), kMaxJsonDepth - 2) != simdjson::SUCCESS)
      return std::nullopt;
    if (inner_.parse(text.data(), text.size(), false).error() != simdjson::SUCCESS) return std::nullopt;
    return JsonValue{.kind = kind, .text = std::string(text)};
  }

  ondemand::parser outer_;
  simdjson::dom::parser inner_;
  std::vector<char> padded_;  // the text, and what the parsers may look at behind it
};

}  // namespace

std::optional<JsonMembers> read_plain_members(std::string_view text,
                                              std::span<const std::string_view> wanted) {
  if (text.empty() || text.size() > kMostBytes || text.starts_with(kByteOrderMark) ||
      text.find('\0') != std::string_view::npos || text.find("\\u") != std::string_view::npos)
    return std::nullopt;
  thread_local PlainReader reader;
  return reader.read(text, wanted);
}

}  // namespace storagepool::event
