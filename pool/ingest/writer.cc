#include "pool/ingest/writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <iterator>
#include <unordered_set>

#include "pool/common/encoding/encoding.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/random.h"
#include "pool/event/idempotency.h"
#include "pool/event/uuid.h"
#include "pool/ingest/rows.h"
#include "pool/postgres/disposition.h"
#include "pool/tables/row.h"

namespace storagepool::ingest {
namespace {

using boost::asio::awaitable;

constexpr std::chrono::milliseconds kDeletedRetryAfter{1000};

std::vector<const event::Event*> events_of(const std::vector<Unit>& units) {
  std::vector<const event::Event*> events;
  for (const Unit& unit : units) {
    for (const event::Event& event : *unit.events) events.push_back(&event);
  }
  return events;
}

// For each event the number of its unit, counted from 0.
std::vector<std::int64_t> numbers_of(const std::vector<Unit>& units) {
  std::vector<std::int64_t> numbers;
  std::int64_t number = 0;
  for (const Unit& unit : units) numbers.insert(numbers.end(), unit.events->size(), number++);
  return numbers;
}

// Both as `kClaimAndInsertRows` tells them.
std::unordered_set<std::string_view> claimed_ids(const postgres::Result& result) {
  std::unordered_set<std::string_view> ids;
  for (const auto& row : result.rows) {
    if (row.size() == 4 && row[2]) ids.insert(*row[2]);
  }
  return ids;
}

// The position that the server tells, or `end` when it is not before that.
std::size_t position_in(std::string_view text, std::size_t end) {
  std::size_t position = end;
  std::from_chars(text.data(), text.data() + text.size(), position);
  return std::min(position, end);
}

std::vector<bool> refused_units(const postgres::Result& result, std::size_t units) {
  std::vector<bool> refused(units);
  for (const auto& row : result.rows) {
    if (row.size() != 4 || !row[3]) continue;
    const std::size_t number = position_in(*row[3], units);
    if (number < units) refused[number] = true;
  }
  return refused;
}

// The parents that must be in the database: those of events whose parent does not come in the same unit.
struct Parents {
  std::vector<Reference> references{};
  std::vector<event::Event*> children{};  // of each
};

// Is stored with one.
bool has_parent(const event::Event& event) {
  return event.parent_event_id && !event.parent_missing;
}

// Those that do come in it tell their children their date.
Parents parents_of(std::vector<Unit>& units) {
  Parents parents;
  for (Unit& unit : units) {
    if (std::ranges::none_of(*unit.events, has_parent)) continue;
    std::unordered_map<std::string_view, runtime::Date> siblings;  // made when one is asked for
    std::vector<event::Event>& events = unit.events.own();
    for (event::Event& event : events) {
      if (!has_parent(event)) continue;
      if (siblings.empty()) {
        for (const event::Event& one : events)
          siblings.emplace(one.event_id, runtime::date_of(one.event_timestamp));
      }
      const auto sibling = siblings.find(*event.parent_event_id);
      auto& date = event.parent_event_date;
      const bool itself = *event.parent_event_id == event.event_id;
      if (!itself && sibling != siblings.end() && date.value_or(sibling->second) == sibling->second) {
        date = sibling->second;
        continue;
      }
      parents.references.push_back({*event.parent_event_id, date});
      parents.children.push_back(&event);
    }
  }
  return parents;
}

// The children of the parents that the server has not returned; the others are told their parent's date.
std::vector<const event::Event*> orphans_of(Parents& parents, const postgres::Result& found) {
  for (const auto& row : found.rows) {
    if (row.size() != 2 || !row[0] || !row[1]) continue;
    const std::size_t position = position_in(*row[0], parents.children.size());
    if (position == parents.children.size()) continue;
    event::Event*& child = parents.children[position];
    if (child != nullptr) child->parent_event_date = runtime::parse_date(*row[1]);
    child = nullptr;
  }
  std::vector<const event::Event*> orphans;
  std::ranges::copy_if(parents.children, std::back_inserter(orphans),
                       [](const event::Event* child) { return child != nullptr; });
  return orphans;
}

}  // namespace

awaitable<std::optional<engine::Lease>> Writer::write(engine::Lease lease, std::vector<Unit> units) {
  const auto began = runtime::steady_now();
  std::optional<engine::Lease> connection(std::move(lease));
  ++counters_.batches;
  std::size_t events = 0;
  for (const Unit& unit : units) events += unit.events->size();
  counters_.batch_events.observe(static_cast<double>(events));
  parts_.push_back({.units = std::move(units)});
  while (!parts_.empty()) {
    if (!connection) {
      auto acquired = co_await engine_.acquire(database_, deadline_);
      if (!acquired) {
        fail_all(tables::to_store_error(acquired.error()));
        break;
      }
      connection.emplace(std::move(*acquired));
    }
    Part part = std::move(parts_.back());
    parts_.pop_back();
    auto failure = co_await attempt(**connection, part.units);
    if (!(*connection)->usable()) connection.reset();
    if (failure) handle(*failure, std::move(part));
  }
  counters_.batch_seconds.observe(std::chrono::duration<double>(runtime::steady_now() - began).count());
  co_return connection;
}

void Writer::handle(const postgres::Error& error, Part part) {
  if (error.sqlstate == kRaced) {  // as often as others were faster
    ++counters_.repeats;
    parts_.push_back(std::move(part));
    return;
  }
  const postgres::Disposition disposition = postgres::disposition_of(error);
  // Rows that are there are left alone: what is there twice can only be the id of the batch.
  const bool repeat = disposition.repeat || error.sqlstate == kThere;
  if (repeat && !part.repeated) {
    ++counters_.repeats;
    part.repeated = true;
    parts_.push_back(std::move(part));
    return;
  }
  const bool of_a_row = disposition.cause == postgres::Disposition::Cause::kRow;
  if (of_a_row && part.units.size() > 1) {
    ++counters_.bisections;
    const auto middle = part.units.begin() + static_cast<std::ptrdiff_t>(part.units.size() / 2);
    Part second;
    second.units.assign(std::make_move_iterator(middle), std::make_move_iterator(part.units.end()));
    part.units.erase(middle, part.units.end());
    part.repeated = false;
    parts_.push_back(std::move(second));
    parts_.push_back(std::move(part));
    return;
  }
  const tables::StoreError reason = tables::to_store_error(error);
  for (const Unit& unit : part.units) refuse(unit, reason);
  // What keeps one part from being written keeps the others, unless it is in the data.
  if (!of_a_row) fail_all(reason);
}

awaitable<Writer::Failure> Writer::attempt(postgres::Connection& connection, std::vector<Unit>& units) {
  auto unchecked = co_await check_parents(connection, units);
  if (unchecked || units.empty()) co_return unchecked;

  const std::vector<const event::Event*> events = events_of(units);
  const bool claims = std::any_of(events.begin(), events.end(),
                                  [](const event::Event* event) { return event->id_from_client; });
  if (claims) {
    auto unclaimed = co_await claim_stored(connection, events);
    if (unclaimed) co_return unclaimed;
  }
  auto written = co_await store_rows(connection, events, units, claims);
  if (!written) co_return written.error();

  StoredIds before;
  std::vector<bool> refused(units.size());
  if (claims) {
    const auto claimed = claimed_ids(*written);
    std::vector<std::string_view> taken;
    for (const event::Event* event : events) {
      if (event->id_from_client && !claimed.contains(event->event_id)) taken.emplace_back(event->event_id);
    }
    // Another statement, so that it sees what was committed while the first one ran.
    auto found = co_await find_stored(connection, std::move(taken));
    if (!found) co_return found.error();
    before = std::move(*found);
    refused = refused_units(*written, units.size());
  }
  for (std::size_t i = 0; i < units.size(); ++i) answer(units[i], before, refused[i]);
  co_return std::nullopt;
}

awaitable<tl::expected<postgres::Result, postgres::Error>> Writer::store_rows(
    postgres::Connection& connection, const std::vector<const event::Event*>& events,
    const std::vector<Unit>& units, bool claims) {
  if (claims) {
    auto claimed = co_await record(connection, kClaimAndInsertRows, events, numbers_of(units));
    co_return claimed;
  }
  auto written = co_await record(connection, events.size() == 1 ? kInsertRow : kInsertRows, events, {});
  const bool there = !written && written.error().sqlstate == kThere;
  if (there) written = co_await record(connection, kInsertMissingRows, events, {});
  co_return written;
}

// `units`: of kClaimAndInsertRows.
awaitable<tl::expected<postgres::Result, postgres::Error>> Writer::record(
    postgres::Connection& connection, const std::string& sql, const std::vector<const event::Event*>& events,
    const std::vector<std::int64_t>& units) {
  const std::optional<evidence::NewBatch> batch = batch_of(events);
  const evidence::NewBatch* const given = batch ? &*batch : nullptr;
  auto parameters = &sql == &kInsertRow ? one_row_parameters(*events.front(), given)
                    : units.empty()     ? row_parameters(events, given)
                                        : claim_parameters(events, units, given);
  auto written = co_await connection.query(sql, std::move(parameters), deadline_);
  if (written && batch && on_recorded_) {
    const auto recorded = read_recorded(*written, batch->id, events.size());
    if (recorded) on_recorded_(*recorded);
  }
  co_return written;
}

std::optional<evidence::NewBatch> Writer::batch_of(const std::vector<const event::Event*>& events) const {
  if (entries_ == nullptr) return std::nullopt;
  std::array<std::uint8_t, 2> random{};
  runtime::fill_random(random);
  const auto bits = static_cast<std::uint16_t>(random[0] << 8 | random[1]);
  return entries_->batch(evidence::batch_id(runtime::wall_now(), bits), events);
}

awaitable<Writer::Failure> Writer::claim_stored(postgres::Connection& connection,
                                                const std::vector<const event::Event*>& events) {
  std::vector<Reference> references;
  for (const event::Event* event : events) {
    if (event->id_from_client && event::id_time_range(event->event_id)) {
      references.push_back({.event_id = event->event_id});
    }
  }
  if (references.empty()) co_return std::nullopt;
  auto found = co_await connection.query_once(find_unclaimed(), reference_parameters(references), deadline_);
  if (!found) co_return found.error();
  std::vector<event::Event> stored;
  for (auto& row : found->rows) {
    auto event = tables::read_event(std::move(row));
    if (!event) continue;
    for (const event::Event* repeated : events) {
      const bool is_kept_as_long =
          repeated->event_id == event->event_id && repeated->retention_days == event->retention_days;
      if (is_kept_as_long) event->asked_days = repeated->asked_days;
    }
    stored.push_back(std::move(*event));
  }
  if (stored.empty()) co_return std::nullopt;
  const auto claimed = co_await connection.query(kClaimStored, stored_parameters(stored), deadline_);
  if (!claimed) co_return claimed.error();
  co_return std::nullopt;
}

awaitable<Writer::Failure> Writer::check_parents(postgres::Connection& connection, std::vector<Unit>& units) {
  Parents parents = parents_of(units);
  if (parents.references.empty()) co_return std::nullopt;
  const auto found =
      co_await connection.query_once(kFindParents, reference_parameters(parents.references), deadline_);
  if (!found) co_return found.error();
  const std::vector<const event::Event*> orphans = orphans_of(parents, *found);

  // A repeated call is answered although its parent is gone.
  std::vector<std::string_view> repeatable;
  for (const event::Event* orphan : orphans) {
    if (orphan->id_from_client) repeatable.emplace_back(orphan->event_id);
  }
  const auto stored = co_await find_stored(connection, std::move(repeatable));
  if (!stored) co_return stored.error();
  std::unordered_set<const event::Event*> refused;
  for (const event::Event* orphan : orphans) {
    const auto known = stored->find(orphan->event_id);
    if (known == stored->end() || !known->second) refused.insert(orphan);
  }
  std::erase_if(units, [&](const Unit& unit) {
    const bool lacks_one = std::any_of(unit.events->begin(), unit.events->end(),
                                       [&](const event::Event& event) { return refused.contains(&event); });
    if (lacks_one)
      refuse(unit, {tables::StoreError::Kind::kParentMissing, "parent event does not exist", {}});
    return lacks_one;
  });
  co_return std::nullopt;
}

awaitable<Writer::FoundIds> Writer::find_stored(postgres::Connection& connection,
                                                std::vector<std::string_view> event_ids) {
  StoredIds stored;
  if (event_ids.empty()) co_return stored;
  for (const std::string_view id : event_ids) stored.emplace(id, std::nullopt);
  const auto found = co_await connection.query(kFindStored, id_parameters(event_ids), deadline_);
  if (!found) co_return tl::unexpected(found.error());
  for (const auto& row : found->rows) {
    if (row.size() != 3 || !row[0] || !row[1]) continue;
    const auto known = stored.find(*row[0]);
    if (known == stored.end()) continue;
    known->second = Known{runtime::parse_timestamp(*row[1]), row[2].value_or("")};
  }
  co_return stored;
}

void Writer::answer(const Unit& unit, const StoredIds& before, bool refused) {
  using Kind = tables::StoreError::Kind;
  std::vector<Stored> stored;
  stored.reserve(unit.events->size());
  std::size_t created = 0;
  bool deleted = refused;  // or there is a conflict
  for (const event::Event& event : *unit.events) {
    const auto found = before.find(event.event_id);
    if (found == before.end()) {
      ++created;
      stored.push_back({.event_timestamp = event.event_timestamp,
                        .created = true,
                        .parent_event_date = event.parent_event_date});
      continue;
    }
    const Known known = found->second.value_or(Known{});
    const event::Likeness likeness =
        event::compare_digests(known.content_digest, encoding::encode_hex(event::content_digest(event)));
    if (likeness != event::Likeness::kSame) {
      const bool other_number = likeness == event::Likeness::kOtherNumber;
      refuse(unit, {.kind = Kind::kConflict,
                    .detail = "the id " + event.event_id +
                              (other_number ? " is that of an event in a call with another number of events"
                                            : " is that of an event with other content"),
                    .index = stored.size(),
                    .other_number = other_number});
      return;
    }
    deleted |= !known.event_timestamp;
    stored.push_back(
        {.event_timestamp = known.event_timestamp.value_or(runtime::Timestamp{}), .created = false});
  }
  if (deleted) {
    refuse(unit, {Kind::kUnavailable, "the event was deleted meanwhile", kDeletedRetryAfter});
    return;
  }
  counters_.events += created;
  on_answer_(unit, std::move(stored));
}

void Writer::fail_all(const tables::StoreError& error) {
  for (const Part& part : parts_) {
    for (const Unit& unit : part.units) refuse(unit, error);
  }
  parts_.clear();
}

void Writer::refuse(const Unit& unit, const tables::StoreError& error) {
  using Kind = tables::StoreError::Kind;
  if (error.kind == Kind::kRejected || error.kind == Kind::kParentMissing || error.kind == Kind::kConflict) {
    ++counters_.rejected;
  }
  on_answer_(unit, tl::unexpected(error));
}

}  // namespace storagepool::ingest
