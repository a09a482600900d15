// Values of columns as PostgreSQL writes them in text (Result in connection.h), and arrays as it reads them.
// Pure; nothing of a column is trusted.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace storagepool::postgres {

using Column = std::optional<std::string>;  // no value: NULL
using Row = std::vector<Column>;

// False for what is not such a number and nothing else; `number` is of no use then.
template <typename Number>
bool read_number(const Column& column, Number& number) {
  if (!column) return false;
  const char* const end = column->data() + column->size();
  const auto parsed = std::from_chars(column->data(), end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end;
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

}  // namespace storagepool::postgres
