// Opening the journal's database: made if it is absent, checked from end to end, moved aside if it is
// corrupt.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "pool/common/runtime/timestamp.h"
#include "pool/journal/sqlite.h"

namespace storagepool::journal {

struct OpenedJournal {
  sqlite::Database database;
  std::string moved_aside;  // where the corrupt database is now; empty if there was none
};

// Holds the file locked against other processes. `now` names a database that is moved aside. The error names
// the path, the reason, and what to do where that is not plain.
tl::expected<OpenedJournal, std::string> open_journal(const std::string& path, runtime::Timestamp now);

}  // namespace storagepool::journal
