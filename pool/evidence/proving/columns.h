// More of what columns hold (pool/postgres/columns.h): bytes and lists of numbers; false, too, for what is
// not such a value and nothing else.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "pool/common/encoding/encoding.h"
#include "pool/postgres/columns.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

using postgres::array_of;
using postgres::Column;
using postgres::read_number;
using postgres::Row;

// Of encode(…, 'hex').
inline bool read_bytes(const Column& column, std::string& bytes) {
  if (!column) return false;
  auto decoded = encoding::decode_hex(*column);
  if (decoded) bytes = *std::move(decoded);
  return decoded.has_value();
}

// Appends those of an array of one dimension, from 1, without NULL.
inline bool read_numbers(const Column& column, std::vector<std::int64_t>& numbers) {
  std::string_view text = column ? std::string_view(*column) : std::string_view();
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return false;
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
    numbers.push_back(number);
    if (text.empty()) return true;
    if (text.front() != ',' || text.size() == 1) return false;
    text.remove_prefix(1);
  }
  return true;
}

// As parameters, one after the other.
template <typename... Number>
std::vector<postgres::Parameter> numbers(Number... number) {
  return {std::to_string(number)...};
}

// Whether `kept` is what a batch of so many entries can keep: ordinals from 1, ascending.
inline bool is_kept_of(const std::vector<std::int64_t>& kept, std::int64_t offered) {
  std::int64_t before = 0;
  for (const std::int64_t ordinal : kept) {
    if (ordinal <= before || ordinal > offered) return false;
    before = ordinal;
  }
  return true;
}

}  // namespace storagepool::evidence
