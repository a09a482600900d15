// Reads the members of a JSON object (RFC 8259) from a hostile client without building a document: the whole
// text is checked, only the members asked for are kept, and a nested one is kept as the exact bytes the
// client sent.
//
// Refused, because PostgreSQL cannot store or later read it: malformed UTF-8, unpaired surrogates, U+0000
// anywhere (also as an escape), numbers beyond the range of a double. Of a repeated key the last counts, as
// in PostgreSQL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace storagepool::event {

struct JsonValue {
  enum class Kind { kNull, kBoolean, kInteger, kNumber, kString, kObject, kArray };
  Kind kind = Kind::kNull;
  bool boolean = false;
  std::int64_t integer = 0;
  std::string text{};  // of a string: decoded; of a number, object or array: as sent
  friend bool operator==(const JsonValue&, const JsonValue&) = default;
};

// Those members of an object that were asked for. `wanted` must outlive it.
class JsonMembers {
 public:
  explicit JsonMembers(std::span<const std::string_view> wanted);

  // Null when the object has none of that name.
  const JsonValue* find(std::string_view name) const;

  // By the place of a name in `wanted`, below its size.
  JsonValue* at(std::size_t index);
  // Quickest when asked in the order of `wanted`, as most clients send.
  std::optional<std::size_t> index_of(std::string_view name) const;
  void put(std::size_t index, JsonValue value);

  bool same_as(const JsonMembers& other) const { return values_ == other.values_; }

 private:
  std::span<const std::string_view> wanted_;
  std::vector<std::optional<JsonValue>> values_;  // as `wanted`
  mutable std::size_t next_ = 0;                  // where index_of begins
};

inline constexpr std::size_t kMaxJsonDepth = 128;

// The members named in `wanted` of the object that `text` is, or one sentence on what is wrong with it.
tl::expected<JsonMembers, std::string> read_json_members(std::string_view text,
                                                         std::span<const std::string_view> wanted);

// The same by the exact reader alone, which everything that is not plain goes to.
tl::expected<JsonMembers, std::string> parse_json_members(std::string_view text,
                                                          std::span<const std::string_view> wanted);

// What a string token, quotes included, says; empty when it is not valid.
std::string json_string(std::string_view token);

struct JsonElements {
  std::vector<std::string_view> first;  // each as sent
  std::size_t count = 0;                // of all
};
// The first `most` elements of the array `text`; no value when `text` is not an array. Of what an element
// holds nothing is checked, so that each must be read by `read_json_members` in turn, and then all of `text`
// is valid.
std::optional<JsonElements> json_elements(std::string_view text, std::size_t most);

}  // namespace storagepool::event
