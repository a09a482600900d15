// A batch of entries as the statement that stored its rows has recorded it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "pool/postgres/connection.h"

namespace storagepool::ingest {

struct Recorded {
  std::int64_t batch = 0;
  std::int64_t events = 0;            // that it keeps
  std::optional<std::string> kept{};  // which, as PostgreSQL writes the array; no value: all
};

// Of what the statements of pool/ingest/rows.h say of the batch that they were offered, of so many events; no
// value when they recorded none. Those that store all or nothing return no row.
std::optional<Recorded> read_recorded(const postgres::Result& result, std::int64_t batch,
                                      std::size_t offered);

}  // namespace storagepool::ingest
