// Opening the journal's database: made if it is absent, brought to the present format if it is of an earlier
// one. What is read of it is bounded, however long it is.
#pragma once

#include <cstdint>
#include <string>

#include <tl/expected.hpp>

#include "pool/journal/sqlite.h"

namespace storagepool::journal {

inline constexpr std::int64_t kFormat = 2;  // user_version in the file's header

struct Refusal {
  bool corrupt = false;
  std::string reason;  // and what to do where that is not plain
};

// How a failure of SQLite is told of.
Refusal refusal(const sqlite::Failure& failure);

// Holds the file locked against other processes.
tl::expected<sqlite::Database, Refusal> open_journal(const std::string& path);

}  // namespace storagepool::journal
