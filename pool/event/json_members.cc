#include "pool/event/json_members.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "pool/event/json_plain.h"
#include "pool/event/json_scanner.h"

namespace storagepool::event {
namespace {

using Kind = JsonValue::Kind;

constexpr const char* kNulText = "it contains U+0000, which cannot be stored";

// Follows the parser; keeps the wanted members of the outermost object.
class Collector {
 public:
  explicit Collector(std::span<const std::string_view> wanted) : members_(wanted) {}

  const std::string& error() const { return error_; }
  JsonMembers take() { return std::move(members_); }

  bool null() { return keep({}); }
  bool boolean(bool value) { return keep({.kind = Kind::kBoolean, .boolean = value}); }
  bool number_integer(std::int64_t value) {
    return keep({.kind = Kind::kInteger, .integer = value, .text = std::to_string(value)});
  }
  bool number_unsigned(std::uint64_t value) {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return keep({.kind = Kind::kNumber, .text = std::to_string(value)});
    }
    return number_integer(static_cast<std::int64_t>(value));
  }
  bool number_float(double, const std::string& text) { return keep({.kind = Kind::kNumber, .text = text}); }
  bool string(std::string& value) {
    if (value.find('\0') != std::string::npos) return fail(kNulText);
    return keep({.kind = Kind::kString, .text = value});
  }
  bool binary(nlohmann::json::binary_t&) { return fail("binary values are not JSON"); }
  bool start_object(std::size_t) { return open(Kind::kObject); }
  bool start_array(std::size_t) { return open(Kind::kArray); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    if (name.find('\0') != std::string::npos) return fail(kNulText);
    if (depth_ == 1) key_ = members_.index_of(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) {
    constexpr int kNumberOverflow = 406;
    if (error.id == kNumberOverflow) return fail("it contains a number beyond the range of a double");
    return fail("it is not valid JSON in UTF-8, at byte " + std::to_string(position));
  }

 private:
  bool fail(std::string message) {
    error_ = std::move(message);
    return false;
  }
  bool keep(JsonValue value) {
    if (depth_ == 0) return fail("it must be a JSON object");
    if (depth_ == 1 && key_) members_.put(*key_, std::move(value));
    return true;
  }
  bool open(Kind kind) {
    if (depth_ == 0 && kind != Kind::kObject) return fail("it must be a JSON object");
    if (depth_ == kMaxJsonDepth) {
      return fail("it is nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
    }
    if (depth_ == 1) keep({.kind = kind});
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  std::size_t depth_ = 0;
  std::optional<std::size_t> key_;
  JsonMembers members_;
  std::string error_;
};

}  // namespace

std::string json_string(std::string_view token) {
  if (token.size() >= 2 && token.find('\\') == std::string_view::npos)
    return std::string(token.substr(1, token.size() - 2));
  const auto value = nlohmann::json::parse(token, nullptr, false);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::optional<JsonElements> json_elements(std::string_view text, std::size_t most) {
  JsonScanner scanner(text);
  if (!scanner.literal('[')) return std::nullopt;
  JsonElements elements;
  if (!scanner.literal(']')) {
    do {
      const std::string_view element = scanner.value();
      if (++elements.count <= most) elements.first.push_back(element);
    } while (scanner.literal(','));
    if (!scanner.literal(']')) return std::nullopt;
  }
  if (!scanner.done()) return std::nullopt;
  return elements;
}

JsonMembers::JsonMembers(std::span<const std::string_view> wanted)
    : wanted_(wanted), values_(wanted.size()) {}

std::optional<std::size_t> JsonMembers::index_of(std::string_view name) const {
  for (std::size_t left = wanted_.size(); left > 0; --left) {
    const std::size_t index = next_;
    next_ = index + 1 == wanted_.size() ? 0 : index + 1;
    if (wanted_[index] == name) return index;
  }
  return std::nullopt;
}

JsonValue* JsonMembers::at(std::size_t index) {
  std::optional<JsonValue>& value = values_[index];
  return value ? &*value : nullptr;
}

const JsonValue* JsonMembers::find(std::string_view name) const {
  const auto index = index_of(name);
  if (!index) return nullptr;
  const std::optional<JsonValue>& value = values_[*index];
  return value ? &*value : nullptr;
}

void JsonMembers::put(std::size_t index, JsonValue value) {
  values_[index] = std::move(value);
}

tl::expected<JsonMembers, std::string> parse_json_members(std::string_view text,
                                                          std::span<const std::string_view> wanted) {
  // The parser would take a NUL byte for the end of its input.
  if (text.find('\0') != std::string_view::npos) return tl::unexpected(std::string(kNulText));
  Collector collector(wanted);
  if (!nlohmann::json::sax_parse(text, &collector)) return tl::unexpected(collector.error());
  JsonMembers members = collector.take();
  for_each_member(text, [&](std::string_view token, std::string_view value) {
    if (value.empty() || (value[0] != '{' && value[0] != '[')) return;
    const std::string name = json_string(token);
    const JsonValue* member = members.find(name);
    if (member == nullptr || (member->kind != Kind::kObject && member->kind != Kind::kArray)) return;
    members.put(*members.index_of(name), {.kind = member->kind, .text = std::string(value)});
  });
  return members;
}

tl::expected<JsonMembers, std::string> read_json_members(std::string_view text,
                                                         std::span<const std::string_view> wanted) {
  auto plain = read_plain_members(text, wanted);
  if (plain) return std::move(*plain);
  return parse_json_members(text, wanted);
}

}  // namespace storagepool::event
