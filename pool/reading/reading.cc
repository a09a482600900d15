#include "pool/reading/reading.h"

#include <charconv>

#include "pool/event/uuid.h"
#include "pool/postgres/disposition.h"
#include "pool/tables/row.h"

namespace storagepool::reading {
namespace {

using boost::asio::awaitable;
using Rows = std::vector<std::vector<std::optional<std::string>>>;

tables::StoreError internal(std::string detail) {
  return {tables::StoreError::Kind::kInternal, std::move(detail), {}};
}

tables::StoreError too_large(const ListQuery& query) {
  return {tables::StoreError::Kind::kPageTooLarge,
          "got " + std::to_string(query.limit) + ", and the events of this page hold more than " +
              std::to_string(kMaxPageBytes >> 20) + " MiB; allowed: a smaller limit",
          {}};
}

std::optional<std::int64_t> integer(const std::optional<std::string>& text) {
  std::int64_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

// The answer to `select_page`.
tl::expected<Page, tables::StoreError> read_page(Rows rows, const ListQuery& query) {
  const auto unreadable = [] { return tl::unexpected(internal("a page cannot be read")); };
  if (rows.empty() || rows[0].size() <= kPageColumns) return unreadable();
  const auto fits = integer(rows[0][0]);
  const auto found = integer(rows[0][1]);
  const auto total = integer(rows[0][2]);
  if (!fits || !found || total.has_value() == query.cursor.has_value()) return unreadable();
  if (*fits == 0) return tl::unexpected(too_large(query));
  Page page;
  page.pagination = {.limit = query.limit, .total = total, .has_more = *found > query.limit};
  if (!query.cursor) page.pagination.offset = query.offset;
  if (*found == 0) return page;
  for (auto& row : rows) {
    if (row.size() <= kPageColumns) return unreadable();
    row.erase(row.begin(), row.begin() + kPageColumns);
    auto event = tables::read_event(std::move(row));
    if (!event) return tl::unexpected(internal("a stored event cannot be read"));
    page.events.push_back(std::move(*event));
  }
  const event::Event& last = page.events.back();
  if (page.pagination.has_more) page.pagination.next = format_cursor({last.event_timestamp, last.event_id});
  return page;
}

}  // namespace

awaitable<tl::expected<postgres::Result, tables::StoreError>> Reader::run(const std::string& database,
                                                                          Statement statement,
                                                                          Deadline deadline) {
  constexpr int kTries = 2;
  for (int attempt = 1;; ++attempt) {
    auto lease = co_await engine_.acquire(database, deadline);
    if (!lease) co_return tl::unexpected(tables::to_store_error(lease.error()));
    auto answer = statement.names_times ? (*lease)->query_once(statement.sql, statement.parameters, deadline)
                                        : (*lease)->query(statement.sql, statement.parameters, deadline);
    auto result = co_await std::move(answer);
    if (result) co_return std::move(*result);
    if (!postgres::disposition_of(result.error()).repeat || attempt == kTries)
      co_return tl::unexpected(tables::to_store_error(result.error()));
  }
}

awaitable<tl::expected<std::optional<event::Event>, tables::StoreError>> Reader::read_one(
    const std::string& database, Statement statement, Deadline deadline) {
  auto result = co_await run(database, std::move(statement), deadline);
  if (!result) co_return tl::unexpected(std::move(result.error()));
  if (result->rows.empty()) co_return std::nullopt;
  auto event = tables::read_event(std::move(result->rows[0]));
  if (!event) co_return tl::unexpected(internal("a stored event cannot be read"));
  co_return std::move(event);
}

awaitable<tl::expected<std::optional<event::Event>, tables::StoreError>> Reader::get(std::string database,
                                                                                     std::string event_id,
                                                                                     Deadline deadline) {
  if (const auto range = event::id_time_range(event_id)) {
    auto found = co_await read_one(database, select_event(event_id, *range), deadline);
    const bool missing = found && !found->has_value();
    if (!missing) co_return std::move(found);
  }
  const auto noted = co_await run(database, select_client_id(event_id), deadline);
  if (!noted) co_return tl::unexpected(noted.error());
  if (noted->rows.empty()) co_return std::nullopt;
  const auto time = runtime::parse_timestamp(noted->rows[0].at(0).value_or(""));
  if (!time) co_return tl::unexpected(internal("the time of an event id cannot be read"));
  const std::pair range{*time, *time + std::chrono::microseconds{1}};
  co_return co_await read_one(database, select_event(std::move(event_id), range), deadline);
}

awaitable<tl::expected<Page, tables::StoreError>> Reader::list(std::string database, ListQuery query,
                                                               Deadline deadline) {
  auto result = co_await run(database, select_page(query), deadline);
  if (!result) co_return tl::unexpected(std::move(result.error()));
  co_return read_page(std::move(result->rows), query);
}

}  // namespace storagepool::reading
