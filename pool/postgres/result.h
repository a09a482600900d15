// What libpq's result holds, private to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <libpq-fe.h>

#include "pool/postgres/connection.h"

namespace storagepool::postgres {

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultHandle = std::unique_ptr<PGresult, ClearResult>;

std::string field(const PGresult* result, int code);
// Its columns, without rows.
Result header_of(const PGresult* from);
// Appends the rows of `from`; returns how many bytes they hold.
std::size_t append_rows(const PGresult* from, Result& to);
std::int64_t affected_rows(PGresult* result);

}  // namespace storagepool::postgres
