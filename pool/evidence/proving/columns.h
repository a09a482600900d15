// Values of columns as PostgreSQL writes them in text, and arrays as it reads them. Pure; nothing of a column
// is trusted.
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
#include "pool/evidence/entry.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

using Column = std::optional<std::string>;  // no value: NULL
using Row = std::vector<Column>;

// False for what is not such a number and nothing else; `number` is of no use then. So do the others.
template <typename Number>
bool read_number(const Column& column, Number& number) {
  if (!column) return false;
  const char* const end = column->data() + column->size();
  const auto parsed = std::from_chars(column->data(), end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end;
}

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

// `write` makes the text of an element, which needs no quotes.
template <typename Range, typename Write>
std::string array_of(const Range& range, Write write) {
  std::string text = "{";
  for (const auto& one : range) {
    if (text.size() > 1) text += ',';
    text += write(one);
  }
  return text + "}";
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
