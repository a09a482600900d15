// An answer as libpq would give it, for tests of who reads one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <libpq-fe.h>

#include "pool/postgres/rows.h"

namespace storagepool::postgres::testing {

// All have as many values as the first.
inline Rows rows_of(const std::vector<std::vector<std::optional<std::string>>>& rows) {
  PGresult* const result = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
  std::string name = "column";
  std::vector<PGresAttDesc> columns(rows.empty() ? 0 : rows[0].size(), {name.data(), 0, 0, 1, 17, -1, -1});
  PQsetResultAttrs(result, static_cast<int>(columns.size()), columns.data());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t column = 0; column < columns.size(); ++column) {
      std::optional<std::string> value = rows[row].at(column);
      PQsetvalue(result, static_cast<int>(row), static_cast<int>(column), value ? value->data() : nullptr,
                 value ? static_cast<int>(value->size()) : -1);
    }
  }
  Rows answer;
  answer.add(result);
  return answer;
}

}  // namespace storagepool::postgres::testing
