// How the journal finds out that its disk has failed before a unit is needed.
#include <sys/statvfs.h>

#include "pool/journal/file.h"

namespace storagepool::journal {
namespace {

using sqlite::Failure;
using sqlite::Result;
using sqlite::Statement;
using sqlite::Transaction;

// One step keeps appends from the disk for some milliseconds.
constexpr std::size_t kStepBytes = std::size_t{4} * 1024 * 1024;
constexpr std::int64_t kStepUnits = 5000;

}  // namespace

// Every row is read whole and must be in the index by which the replay finds it. A record whose checksum is
// wrong is not looked for: it is set aside when its turn comes, and costs nothing else.
Result<bool> File::inspect_some() {
  const std::string table = table_of(*inspected_part_);
  Statement rows(database_, "SELECT sequence, workspace, record FROM " + table +
                                " WHERE sequence > ?1 ORDER BY sequence");
  Statement indexed(database_, "SELECT 1 FROM " + table + " INDEXED BY " + table +
                                   "_by_workspace WHERE workspace = ?1 AND sequence = ?2");
  rows.bind(1, inspected_);
  std::size_t bytes = 0;
  for (std::int64_t units = 0; units < kStepUnits && bytes < kStepBytes; ++units) {
    auto row = rows.step();
    if (!row) return tl::unexpected(std::move(row.error()));
    if (!*row) return false;
    inspected_ = rows.integer(0);
    bytes += rows.bytes(2).size();
    auto found = indexed.bind_text(1, rows.bytes(1)).bind(2, inspected_).step();
    if (!found) return tl::unexpected(std::move(found.error()));
    if (!*found) return tl::unexpected(Failure::damage("a unit is missing in the index"));
    indexed.reset();
  }
  return true;
}

bool File::inspect() {
  if (!inspected_part_ || closed_ || !damage_.empty()) return false;
  auto more = inspect_some();
  if (!more) {
    failed("read", more.error());
    inspected_part_.reset();
  } else if (!*more) {
    inspected_ = 0;
    inspected_part_ = *inspected_part_ == Part::kWaiting ? std::optional(Part::kSetAside) : std::nullopt;
  }
  return inspected_part_.has_value();
}

void File::probe() {
  if (closed_ || !damage_.empty()) return;
  Result<void> written = reserve_working_space();
  if (written) {
    Transaction transaction(database_);
    written = transaction.begun();
    if (written) written = database_.execute("PRAGMA user_version = " + std::to_string(kFormat));
    if (written) written = transaction.commit();
  }
  if (written) {
    succeeded();
  } else {
    failed("write", written.error());
  }
}

void File::watch() {
  struct statvfs facts {};
  if (closed_ || ::statvfs(path_.c_str(), &facts) != 0 || (facts.f_flag & ST_RDONLY) == 0) return;
  failed("write", Failure{.code = 0, .reason = "its file system is mounted read-only"});
}

}  // namespace storagepool::journal
