// What becomes of units that PostgreSQL refused.
#include <utility>

#include "pool/common/runtime/log.h"
#include "pool/journal/file.h"
#include "pool/journal/record.h"

namespace storagepool::journal {
namespace {

using sqlite::Result;
using sqlite::Statement;
using sqlite::Transaction;

constexpr std::int64_t kSetAsideShare = 4;  // what is set aside may take this part of the bound
constexpr std::size_t kMaxReasonBytes = 1000;

runtime::Timestamp to_time(std::int64_t microseconds) {
  return runtime::Timestamp(runtime::Timestamp::duration(microseconds));
}

}  // namespace

// One transaction each, so that the log stays within its bound. The row is gone before it is written again:
// so it needs no space of its own.
Result<Amount> File::set_one_aside(std::int64_t sequence, std::string_view reason, runtime::Timestamp now) {
  if (auto room = make_room_in_log(); !room) return tl::unexpected(std::move(room.error()));
  Transaction transaction(database_);
  if (!transaction.begun()) return tl::unexpected(transaction.begun().error());
  Statement removal(
      database_, "DELETE FROM entries WHERE sequence = ?1 RETURNING workspace, appended_at, events, record");
  auto row = removal.bind(1, sequence).step();
  if (!row) return tl::unexpected(std::move(row.error()));
  if (!*row) return Amount{};
  const std::string workspace(removal.bytes(0));
  const std::int64_t appended_at = removal.integer(1);
  const std::int64_t events = removal.integer(2);
  const std::string record(removal.bytes(3));
  if (auto done = removal.run(); !done) return tl::unexpected(std::move(done.error()));
  Statement insertion(
      database_,
      "INSERT INTO poison (sequence, workspace, appended_at, set_aside_at, reason, events, record)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  insertion.bind(1, sequence)
      .bind_text(2, workspace)
      .bind(3, appended_at)
      .bind(4, now.time_since_epoch().count())
      .bind_text(5, reason.substr(0, kMaxReasonBytes))
      .bind(6, events)
      .bind_blob(7, record);
  if (auto done = insertion.run(); !done) return tl::unexpected(std::move(done.error()));
  if (auto committed = transaction.commit(); !committed) return tl::unexpected(std::move(committed.error()));
  return Amount{.units = 1, .events = events, .bytes = static_cast<std::int64_t>(record.size())};
}

Result<Amount> File::discard_oldest_set_aside() {
  if (auto room = make_room_in_log(); !room) return tl::unexpected(std::move(room.error()));
  Statement statement(database_,
                      "DELETE FROM poison WHERE sequence = (SELECT min(sequence) FROM poison)"
                      " RETURNING events, length(record)");
  return sum_rows(statement);
}

// The oldest go while all together hold more than their share; the newest stays whatever its size.
Result<void> File::bound_set_aside() {
  Amount discarded;
  Result<void> outcome;
  while (outcome && statistics_.aside.units > 1 &&
         statistics_.aside.bytes > statistics_.max_bytes / kSetAsideShare) {
    auto amount = discard_oldest_set_aside();
    if (!amount) {
      outcome = tl::unexpected(std::move(amount.error()));
      continue;
    }
    statistics_.aside -= *amount;
    statistics_.discarded += *amount;
    discarded += *amount;
  }
  if (discarded.units > 0) {
    log::error("refused events are discarded: together they held more of the journal than is kept of them",
               {{"path", path_}, {"events", discarded.events}, {"bytes", discarded.bytes}});
  }
  return outcome;
}

Outcome<void> File::set_aside(std::span<const std::int64_t> sequences, std::string_view reason,
                              runtime::Timestamp now) {
  for (const std::int64_t sequence : sequences) {
    auto moved = set_one_aside(sequence, reason, now);
    if (!moved) return tl::unexpected(failed("set aside in", moved.error()));
    statistics_.waiting -= *moved;
    statistics_.set_aside += *moved;
    statistics_.aside += *moved;
    if (auto bounded = bound_set_aside(); !bounded)
      return tl::unexpected(failed("set aside in", bounded.error()));
  }
  succeeded();
  return {};
}

tl::expected<std::vector<SetAsideUnit>, Error> File::set_aside_units(std::size_t limit) {
  Statement statement(database_,
                      "SELECT sequence, workspace, reason, appended_at, set_aside_at, record FROM poison"
                      " ORDER BY set_aside_at DESC, sequence DESC LIMIT ?1");
  statement.bind(1, static_cast<std::int64_t>(limit));
  std::vector<SetAsideUnit> units;
  for (;;) {
    auto row = statement.step();
    if (!row) return tl::unexpected(failed("read", row.error()));
    if (!*row) return units;
    SetAsideUnit& aside = units.emplace_back(SetAsideUnit{.sequence = statement.integer(0),
                                                          .workspace = std::string(statement.bytes(1)),
                                                          .reason = std::string(statement.bytes(2)),
                                                          .appended_at = to_time(statement.integer(3)),
                                                          .set_aside_at = to_time(statement.integer(4)),
                                                          .event_ids = {}});
    const auto events = decode_unit(statement.bytes(5));
    if (!events) continue;
    for (const event::Event& event : *events) aside.event_ids.push_back(event.event_id);
  }
}

}  // namespace storagepool::journal
