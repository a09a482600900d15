#include "pool/postgres/result.h"

#include <charconv>
#include <cstring>

namespace storagepool::postgres {

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string() : std::string(text);
}

std::size_t append_rows(const PGresult* from, Result& to) {
  std::size_t bytes = 0;
  const int columns = PQnfields(from);
  for (int row = 0; row < PQntuples(from); ++row) {
    auto& values = to.rows.emplace_back(columns);
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(from, row, column) != 0) continue;
      const auto length = static_cast<std::size_t>(PQgetlength(from, row, column));
      values[column].emplace(PQgetvalue(from, row, column), length);
      bytes += length;
    }
    bytes += columns * sizeof(values[0]);
  }
  return bytes;
}

Result header_of(const PGresult* from) {
  Result result;
  for (int column = 0; column < PQnfields(from); ++column) result.columns.emplace_back(PQfname(from, column));
  return result;
}

std::int64_t affected_rows(PGresult* result) {
  const char* text = PQcmdTuples(result);
  std::int64_t rows = 0;
  std::from_chars(text, text + std::strlen(text), rows);
  return rows;
}

}  // namespace storagepool::postgres
