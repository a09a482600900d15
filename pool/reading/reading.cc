#include "pool/reading/reading.h"

#include <algorithm>

#include "pool/common/runtime/timestamp.h"
#include "pool/event/uuid.h"
#include "pool/postgres/disposition.h"
#include "pool/reading/walk.h"
#include "pool/tables/partitions.h"
#include "pool/tables/stored_row.h"

namespace storagepool::reading {
namespace {

using boost::asio::awaitable;

constexpr std::chrono::minutes kMonthsKnownFor{10};
constexpr std::size_t kMonthsKnownOf = 10'000;  // databases

// A wait that no client gives up in.
constexpr std::chrono::milliseconds kShortWait{1};

tables::StoreError internal(std::string detail) {
  return {tables::StoreError::Kind::kInternal, std::move(detail), {}};
}

std::optional<Months> read_months(const postgres::Rows& rows) {
  const auto month = [&](std::size_t column) -> std::optional<std::chrono::year_month> {
    const auto first = runtime::parse_timestamp(rows.at(0, column).value_or(""));
    if (!first) return std::nullopt;
    return tables::month_of(*first);
  };
  const auto oldest = month(0);
  const auto newest = month(1);
  if (!oldest || !newest) return std::nullopt;
  return Months{*oldest, *newest};
}

// Of who has asked at that time, and would be served now.
bool has_gone(const Reader::Gone& gone, Reader::Deadline asked) {
  return gone && runtime::steady_now() - asked >= kShortWait && gone();
}

tables::StoreError nobody_waits() {
  return {tables::StoreError::Kind::kUnavailable, "the client closed its connection while it waited",
          std::chrono::seconds{1}};
}

}  // namespace

tables::StoreError no_memory() {
  return {tables::StoreError::Kind::kUnavailable, "too many large answers at once, try again",
          std::chrono::seconds{1}};
}

// The statements of one request, on one connection as long as it lasts.
class Reader::Session {
 public:
  Session(Reader& reader, const std::string& database, Deadline deadline, Gone gone)
      : engine_(reader.engine_),
        places_(*reader.places_),
        database_(database),
        deadline_(deadline),
        gone_(std::move(gone)) {}

  awaitable<tl::expected<postgres::Rows, tables::StoreError>> run(Statement statement);
  // Before the first statement by `run`, and after one whose connection was lost.
  awaitable<tl::expected<void, tables::StoreError>> acquire();
  // REQUIRES: it is acquired.
  Leased take() {
    return {std::move(*place_), std::move(*lease_)};  // NOLINT(bugprone-unchecked-optional-access): acquired
  }

 private:
  engine::Engine& engine_;
  ReadPlaces& places_;
  const std::string& database_;
  Deadline deadline_;
  Gone gone_;
  std::optional<ReadPlaces::Place> place_;
  std::optional<engine::Lease> lease_;  // given back first
};

awaitable<tl::expected<void, tables::StoreError>> Reader::Session::acquire() {
  const settings::Settings settings = engine_.in_force();
  const Deadline asked = runtime::steady_now();
  const Deadline until = std::min(deadline_, asked + settings.acquire_timeout);
  if (!place_) {
    auto place = co_await places_.enter(database_, settings, until);
    if (!place) co_return tl::unexpected(tables::to_store_error(place.error()));
    place_.emplace(std::move(*place));
    if (has_gone(gone_, asked)) co_return tl::unexpected(nobody_waits());
  }
  auto lease = co_await engine_.acquire(database_, until);
  if (!lease) co_return tl::unexpected(tables::to_store_error(lease.error()));
  if (has_gone(gone_, asked)) co_return tl::unexpected(nobody_waits());
  lease_.emplace(std::move(*lease));
  co_return tl::expected<void, tables::StoreError>();
}

awaitable<tl::expected<postgres::Rows, tables::StoreError>> Reader::Session::run(Statement statement) {
  constexpr int kTries = 2;
  for (int attempt = 1;; ++attempt) {
    if (!lease_) {
      auto acquired = co_await acquire();
      if (!acquired) co_return tl::unexpected(std::move(acquired.error()));
    }
    postgres::Connection& connection = **lease_;
    const postgres::Fetch how{.once = statement.names_times, .row_by_row = statement.large};
    auto rows = co_await connection.fetch(statement.sql, statement.parameters, deadline_, how);
    if (rows) co_return std::move(*rows);
    if (!connection.usable()) lease_.reset();
    if (!postgres::disposition_of(rows.error()).repeat || attempt == kTries)
      co_return tl::unexpected(tables::to_store_error(rows.error()));
  }
}

awaitable<tl::expected<std::optional<event::Event>, tables::StoreError>> Reader::read_one(
    Session& session, Statement statement) {
  const auto rows = co_await session.run(std::move(statement));
  if (!rows) co_return tl::unexpected(rows.error());
  if (rows->size() == 0) co_return std::nullopt;
  auto event = tables::read_stored(rows->from(0, 0));
  if (!event) co_return tl::unexpected(internal("a stored event cannot be read"));
  co_return std::move(event);
}

awaitable<tl::expected<Reader::Leased, tables::StoreError>> Reader::lease(std::string database,
                                                                          Deadline deadline, Gone gone) {
  Session session(*this, database, deadline, std::move(gone));
  auto acquired = co_await session.acquire();
  if (!acquired) co_return tl::unexpected(std::move(acquired.error()));
  co_return session.take();
}

awaitable<tl::expected<std::optional<event::Event>, tables::StoreError>> Reader::get(std::string database,
                                                                                     std::string event_id,
                                                                                     Deadline deadline,
                                                                                     Gone gone) {
  const runtime::Timestamp now = clock_.wall();
  Session session(*this, database, deadline, std::move(gone));
  if (const auto range = event::id_time_range(event_id)) {
    auto found = co_await read_one(session, select_event(event_id, *range, now));
    const bool missing = found && !found->has_value();
    if (!missing) co_return std::move(found);
  }
  const auto noted = co_await session.run(select_client_id(event_id));
  if (!noted) co_return tl::unexpected(noted.error());
  if (noted->size() == 0) co_return std::nullopt;
  const auto time = runtime::parse_timestamp(noted->at(0, 0).value_or(""));
  if (!time) co_return tl::unexpected(internal("the time of an event id cannot be read"));
  const std::pair range{*time, *time + std::chrono::microseconds{1}};
  auto found = co_await read_one(session, select_event(std::move(event_id), range, now));
  co_return std::move(found);
}

awaitable<tl::expected<std::optional<Months>, tables::StoreError>> Reader::months_of(
    Session& session, const std::string& database) {
  const auto known = months_.find(database);
  if (known != months_.end() && clock_.now() < known->second.read_at + kMonthsKnownFor)
    co_return known->second.months;
  const auto read = co_await session.run(select_months());
  if (!read) co_return tl::unexpected(read.error());
  const std::optional<Months> months = read_months(*read);
  if (months_.size() >= kMonthsKnownOf) months_.clear();
  months_[database] = {months, clock_.now()};
  co_return months;
}

awaitable<tl::expected<Page, tables::StoreError>> Reader::list(std::string database, ListQuery query,
                                                               Deadline deadline, Reserve reserve,
                                                               Gone gone) {
  Session session(*this, database, deadline, std::move(gone));
  const auto months = co_await months_of(session, database);
  if (!months) co_return tl::unexpected(months.error());
  Walk walk(std::move(query), *months, clock_.wall());
  for (auto statement = walk.next(); statement; statement = walk.next()) {
    auto answer = co_await session.run(std::move(*statement));
    if (!answer) co_return tl::unexpected(std::move(answer.error()));
    auto failure = walk.take(std::move(*answer));
    if (failure) co_return tl::unexpected(std::move(*failure));
    if (walk.wanted() > 0 && !reserve(walk.wanted())) co_return tl::unexpected(no_memory());
    walk.allow();
  }
  co_return walk.finish();
}

}  // namespace storagepool::reading
