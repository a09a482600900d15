// What is read from the journal: for the replay, and for people.
#include <algorithm>
#include <string>
#include <utility>

#include "pool/journal/file.h"
#include "pool/journal/record.h"

namespace storagepool::journal {
namespace {

using sqlite::Result;
using sqlite::Statement;

constexpr const char* kColumns = "sequence, workspace, incarnation, appended_at, events, checksum, record";

// The row that `statement` stands at, which selects kColumns. On an error `unit` has all but its events.
tl::expected<void, std::string> read_row(const Statement& statement, Unit& unit) {
  unit.sequence = statement.integer(0);
  unit.workspace = statement.bytes(1);
  unit.incarnation = statement.bytes(2);
  unit.appended_at = to_time(statement.integer(3));
  const std::string_view record = statement.bytes(6);
  auto events = decode_unit(record);
  if (!events) return tl::unexpected(std::move(events.error()));
  if (!statement.null(5) &&
      statement.integer(5) != unit_checksum(unit.workspace, unit.incarnation, unit.appended_at, record)) {
    return tl::unexpected(std::string("the checksum of what is kept beside the record is wrong"));
  }
  unit.events = std::move(*events);
  return {};
}

}  // namespace

Outcome<std::vector<WaitingWorkspace>> File::waiting() {
  Statement first(database_,
                  "SELECT sequence, appended_at FROM waiting WHERE workspace = ?1 ORDER BY sequence LIMIT 1");
  std::vector<WaitingWorkspace> workspaces;
  for (const auto& [workspace, amount] : waiting_) {
    auto row = first.bind_text(1, workspace).step();
    if (!row) return tl::unexpected(failed("read", row.error()));
    if (*row) workspaces.push_back({workspace, amount, first.integer(0), to_time(first.integer(1))});
    first.reset();
  }
  std::ranges::sort(workspaces, {}, &WaitingWorkspace::first);
  return workspaces;
}

struct File::Found {
  std::vector<Unit> units;
  std::vector<std::int64_t> unreadable;
  std::string damage;  // of the last one
};

Result<File::Found> File::find(const Take& take) {
  Statement statement(database_, std::string("SELECT ") + kColumns +
                                     ", bytes, length(record) FROM waiting"
                                     " WHERE workspace = ?1 AND sequence > ?2 ORDER BY sequence");
  statement.bind_text(1, take.workspace).bind(2, take.after);
  Found found;
  std::size_t events = 0;
  std::size_t bytes = 0;
  while (found.unreadable.size() < take.max_events) {
    auto row = statement.step();
    if (!row) return tl::unexpected(std::move(row.error()));
    if (!*row) break;
    if (take.passed_over.contains(statement.integer(0))) continue;
    events += static_cast<std::size_t>(statement.integer(4));
    bytes += static_cast<std::size_t>(statement.null(7) ? statement.integer(8) : statement.integer(7));
    if (!found.units.empty() && (events > take.max_events || bytes > take.max_bytes)) break;
    Unit unit;
    if (auto read = read_row(statement, unit); read) {
      found.units.push_back(std::move(unit));
    } else {
      found.unreadable.push_back(unit.sequence);
      found.damage = std::move(read.error());
    }
  }
  return found;
}

Outcome<std::vector<Unit>> File::next(const Take& take, runtime::Timestamp now) {
  for (;;) {
    auto found = find(take);
    if (!found) return tl::unexpected(failed("read", found.error()));
    if (found->unreadable.empty()) return std::move(found->units);
    if (auto aside = set_aside(found->unreadable, found->damage, now); !aside) {
      return tl::unexpected(std::move(aside.error()));
    }
    if (!found->units.empty()) return std::move(found->units);
  }
}

Outcome<std::vector<KeptUnit>> File::read(const Page& page) {
  const bool aside = page.part == Part::kSetAside;
  Statement statement(database_, std::string("SELECT ") + kColumns +
                                     (aside ? ", set_aside_at, reason FROM " : ", NULL, NULL FROM ") +
                                     table_of(page.part) + " WHERE sequence > ?1 ORDER BY sequence");
  statement.bind(1, page.after);
  std::vector<KeptUnit> units;
  std::size_t bytes = 0;
  while (units.size() < page.max_units) {
    auto row = statement.step();
    if (!row) return tl::unexpected(failed("read", row.error()));
    if (!*row) break;
    const std::string_view record = statement.bytes(6);
    bytes += record.size();
    if (!units.empty() && bytes > page.max_bytes) break;
    KeptUnit& unit = units.emplace_back();
    if (!read_row(statement, unit)) unit.unreadable = record;
    if (!aside) continue;
    unit.set_aside_at = to_time(statement.integer(7));
    unit.reason = statement.bytes(8);
  }
  return units;
}

}  // namespace storagepool::journal
