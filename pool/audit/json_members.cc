#include "pool/audit/json_members.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

namespace storagepool::audit {
namespace {

using Kind = JsonValue::Kind;

constexpr const char* kNulText = "it contains U+0000, which cannot be stored";

// Follows the parser; keeps the wanted members of the outermost object.
class Collector {
 public:
  explicit Collector(std::span<const std::string_view> wanted) : wanted_(wanted) {}

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
    if (depth_ == 1) {
      const auto found = std::find(wanted_.begin(), wanted_.end(), name);
      key_ = found == wanted_.end() ? std::nullopt : std::optional<std::string>(name);
    }
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
    if (depth_ == 1 && key_) members_[*key_] = std::move(value);
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

  std::span<const std::string_view> wanted_;
  std::size_t depth_ = 0;
  std::optional<std::string> key_;
  JsonMembers members_;
  std::string error_;
};

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kBlank = " \t\r\n";

// Positions in a valid JSON text; every step stays within it, whatever it holds.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  }

  char peek() {
    at_ = std::min(text_.find_first_not_of(kBlank, at_), text_.size());
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool done() {
    peek();
    return at_ == text_.size();
  }
  bool literal(char expected) {
    if (peek() != expected) return false;
    ++at_;
    return true;
  }
  // The value at the current position, with everything nested in it.
  std::string_view value() {
    const char first = peek();
    const std::size_t begin = at_;
    if (first == '"') {
      skip_string();
    } else if (first == '{' || first == '[') {
      skip_nested();
    } else {
      at_ = std::min(text_.find_first_of(" \t\r\n,}]", at_), text_.size());
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_ + 1, text_.size());
  }
  void skip_nested() {
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Calls `each(key as a string token, value)` for the members of the object `text`.
template <typename Each>
void for_each_member(std::string_view text, const Each& each) {
  Scanner scanner(text);
  if (!scanner.literal('{')) return;
  while (scanner.peek() == '"') {
    const std::string_view key_token = scanner.value();
    if (!scanner.literal(':')) return;
    each(key_token, scanner.value());
    if (!scanner.literal(',')) return;
  }
}

// What a string token says; empty when it is not valid.
std::string decoded(std::string_view token) {
  if (token.size() >= 2 && token.find('\\') == std::string_view::npos)
    return std::string(token.substr(1, token.size() - 2));
  const auto value = nlohmann::json::parse(token, nullptr, false);
  return value.is_string() ? value.get<std::string>() : std::string();
}

}  // namespace

std::string_view json_member_span(std::string_view text, std::string_view key) {
  std::string_view found;
  for_each_member(text, [&](std::string_view token, std::string_view value) {
    if (decoded(token) == key) found = value;
  });
  return found;
}

std::optional<std::vector<std::string_view>> json_elements(std::string_view text, std::size_t most) {
  Scanner scanner(text);
  if (!scanner.literal('[')) return std::nullopt;
  std::vector<std::string_view> elements;
  if (!scanner.literal(']')) {
    do {
      elements.push_back(scanner.value());
      if (elements.size() > most) return elements;
    } while (scanner.literal(','));
    if (!scanner.literal(']')) return std::nullopt;
  }
  if (!scanner.done()) return std::nullopt;
  return elements;
}

tl::expected<JsonMembers, std::string> read_json_members(std::string_view text,
                                                         std::span<const std::string_view> wanted) {
  // The parser would take a NUL byte for the end of its input.
  if (text.find('\0') != std::string_view::npos) return tl::unexpected(std::string(kNulText));
  Collector collector(wanted);
  if (!nlohmann::json::sax_parse(text, &collector)) return tl::unexpected(collector.error());
  JsonMembers members = collector.take();
  for_each_member(text, [&](std::string_view token, std::string_view value) {
    if (value.empty() || (value[0] != '{' && value[0] != '[')) return;
    const auto member = members.find(decoded(token));
    if (member == members.end()) return;
    JsonValue& kept = member->second;
    if (kept.kind == Kind::kObject || kept.kind == Kind::kArray) kept.text = value;
  });
  return members;
}

}  // namespace storagepool::audit
