#include "pool/postgres/rows.h"

#include <libpq-fe.h>

namespace storagepool::postgres {

void Rows::Clear::operator()(pg_result* result) const {
  PQclear(result);
}

std::size_t Rows::size() const {
  return parts_.size() == 1 ? static_cast<std::size_t>(PQntuples(parts_[0].get())) : parts_.size();
}

const pg_result* Rows::part_of(std::size_t row) const {
  return row < size() ? parts_[parts_.size() == 1 ? 0 : row].get() : nullptr;
}

Rows::Value Rows::at(std::size_t row, std::size_t column) const {
  const pg_result* const part = part_of(row);
  if (column >= static_cast<std::size_t>(PQnfields(part))) return std::nullopt;
  const int at_row = parts_.size() == 1 ? static_cast<int>(row) : 0;
  const int at_column = static_cast<int>(column);
  if (PQgetisnull(part, at_row, at_column) != 0) return std::nullopt;
  return std::string_view(PQgetvalue(part, at_row, at_column),
                          static_cast<std::size_t>(PQgetlength(part, at_row, at_column)));
}

std::vector<Rows::Value> Rows::from(std::size_t row, std::size_t first) const {
  const auto columns = static_cast<std::size_t>(PQnfields(part_of(row)));
  std::vector<Value> values;
  values.reserve(columns);
  for (std::size_t column = first; column < columns; ++column) values.push_back(at(row, column));
  return values;
}

void Rows::add(pg_result* taken) {
  parts_.emplace_back(taken);
}

void Rows::drop(std::size_t row) {
  if (parts_.size() > 1) parts_.at(row).reset();
}

std::optional<std::int64_t> read_integer(std::string_view bytes) {
  if (bytes.size() != 2 && bytes.size() != 4 && bytes.size() != 8) return std::nullopt;
  auto value = static_cast<std::uint64_t>(std::int64_t{static_cast<signed char>(bytes.front())});
  for (const char byte : bytes.substr(1)) value = value << 8 | static_cast<unsigned char>(byte);
  return static_cast<std::int64_t>(value);
}

}  // namespace storagepool::postgres
