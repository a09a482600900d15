// Units that PostgreSQL can never take, and their way back.
#include <string>
#include <utility>

#include "pool/journal/file.h"
#include "pool/journal/record.h"

namespace storagepool::journal {
namespace {

using sqlite::Database;
using sqlite::Result;
using sqlite::Statement;
using sqlite::Transaction;

constexpr std::size_t kMaxReasonBytes = 1000;

// The columns that both tables have.
struct Row {
  std::string workspace;
  std::string incarnation;
  std::int64_t appended_at = 0;
  std::int64_t events = 0;
  std::optional<std::int64_t> checksum;
  std::string record;
};

Statement removal_from(Part part, Database& database) {
  return {database,
          std::string("DELETE FROM ") + table_of(part) +
              " WHERE sequence = ?1 RETURNING workspace, incarnation, appended_at, events, checksum,"
              " record"};
}

Statement insertion_into(Part part, Database& database) {
  if (part == Part::kWaiting) {
    return {database,
            "INSERT INTO waiting (sequence, workspace, incarnation, appended_at, events, bytes, checksum,"
            " record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
  }
  return {database,
          "INSERT INTO set_aside (sequence, workspace, incarnation, appended_at, events, bytes, checksum,"
          " record, set_aside_at, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
}

Result<std::optional<Row>> take_out(Statement& removal, std::int64_t sequence) {
  auto found = removal.bind(1, sequence).step();
  if (!found) return tl::unexpected(std::move(found.error()));
  std::optional<Row> row;
  if (*found) {
    row = Row{.workspace = std::string(removal.bytes(0)),
              .incarnation = std::string(removal.bytes(1)),
              .appended_at = removal.integer(2),
              .events = removal.integer(3),
              .checksum = removal.null(4) ? std::nullopt : std::optional(removal.integer(4)),
              .record = std::string(removal.bytes(5))};
    if (auto done = removal.run(); !done) return tl::unexpected(std::move(done.error()));
  }
  removal.reset();
  return row;
}

void bind_row(Statement& insertion, std::int64_t sequence, const Row& row) {
  insertion.bind(1, sequence)
      .bind_text(2, row.workspace)
      .bind_text(3, row.incarnation)
      .bind(4, row.appended_at)
      .bind(5, row.events)
      .bind(6, static_cast<std::int64_t>(row.record.size()))
      .bind_blob(8, row.record);
  if (row.checksum) {
    insertion.bind(7, *row.checksum);
  } else {
    insertion.bind_null(7);
  }
}

}  // namespace

// As much as the log may take. A row is gone before it is written again, so that it needs no space of its
// own.
Result<File::Changes> File::move_some(Part to, std::span<const std::int64_t>& sequences,
                                      std::string_view reason, runtime::Timestamp now) {
  if (auto room = make_room_in_log(); !room) return tl::unexpected(std::move(room.error()));
  Transaction transaction(database_);
  if (!transaction.begun()) return tl::unexpected(transaction.begun().error());
  Statement removal = removal_from(to == Part::kWaiting ? Part::kSetAside : Part::kWaiting, database_);
  Statement insertion = insertion_into(to, database_);
  Changes moved;
  std::size_t bytes = 0;
  while (!sequences.empty() && bytes < kMaxGroupBytes) {
    const std::int64_t sequence = sequences.front();
    sequences = sequences.subspan(1);
    auto row = take_out(removal, sequence);
    if (!row) return tl::unexpected(std::move(row.error()));
    if (!*row) continue;
    bind_row(insertion, sequence, **row);
    if (to == Part::kSetAside) {
      insertion.bind(9, now.time_since_epoch().count()).bind_text(10, reason.substr(0, kMaxReasonBytes));
    }
    if (auto done = insertion.run(); !done) return tl::unexpected(std::move(done.error()));
    insertion.reset();
    bytes += (*row)->record.size();
    moved.push_back(
        {(*row)->workspace,
         {.units = 1, .events = (*row)->events, .bytes = static_cast<std::int64_t>((*row)->record.size())}});
  }
  if (auto committed = transaction.commit(); !committed) return tl::unexpected(std::move(committed.error()));
  return moved;
}

Outcome<Amount> File::move(Part to, std::span<const std::int64_t> sequences, std::string_view reason,
                           runtime::Timestamp now) {
  const bool aside = to == Part::kSetAside;
  Amount sum;
  while (!sequences.empty()) {
    auto moved = move_some(to, sequences, reason, now);
    if (!moved) return tl::unexpected(failed(aside ? "set aside in" : "put back in", moved.error()));
    taken_from(aside ? Part::kWaiting : Part::kSetAside, *moved);
    const Amount added = added_to(to, *moved);
    (aside ? statistics_.set_aside : statistics_.put_back) += added;
    sum += added;
  }
  succeeded();
  return sum;
}

Outcome<Amount> File::set_aside(std::span<const std::int64_t> sequences, std::string_view reason,
                                runtime::Timestamp now) {
  return move(Part::kSetAside, sequences, reason, now);
}

Outcome<Amount> File::put_back(std::span<const std::int64_t> sequences) {
  return move(Part::kWaiting, sequences, {}, {});
}

}  // namespace storagepool::journal
