#include "pool/audit/store.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "pool/audit/row.h"

namespace storagepool::audit {
namespace {

using boost::asio::awaitable;
using postgres::ErrorClass;

constexpr std::chrono::milliseconds kRetryAfter{1000};

StoreError unavailable(const engine::AcquireError& error) {
  return {StoreError::Kind::kUnavailable, "no connection to PostgreSQL: " + error.detail,
          std::max(error.retry_after, kRetryAfter)};
}

StoreError internal(std::string detail) {
  return {StoreError::Kind::kInternal, std::move(detail), {}};
}

// Conditions of the server that pass: out of a resource, read-only after a failover, not migrated yet.
bool passing(const std::string& sqlstate) {
  return sqlstate.starts_with("53") || sqlstate == "25006" || sqlstate == "42P01";
}

StoreError failed(const postgres::Error& error) {
  switch (error.error_class) {
    case ErrorClass::kData:
      return {StoreError::Kind::kRejected, error.detail, {}};
    case ErrorClass::kConstraint:
      return internal(error.detail);
    case ErrorClass::kOther:
      if (!passing(error.sqlstate)) return internal(error.detail);
      break;
    default:
      break;
  }
  return {StoreError::Kind::kUnavailable, error.detail, kRetryAfter};
}

// The WHERE clause of a query and its parameters.
struct Filter {
  std::string where;
  std::vector<postgres::Parameter> parameters;

  std::string placeholder(std::string value) {
    parameters.emplace_back(std::move(value));
    return "$" + std::to_string(parameters.size());
  }
  void add(std::string_view condition, const std::string& placeholder) {
    where += where.empty() ? " WHERE " : " AND ";
    where += condition;
    where += placeholder;
  }
  void equals(std::string_view column, const std::optional<std::string>& value) {
    if (value) add(std::string(column) + " = ", placeholder(*value));
  }
};

Filter to_filter(const ListQuery& query) {
  Filter filter;
  filter.equals("event_type", query.event_type);
  filter.equals("event_category", query.event_category);
  filter.equals("event_outcome", query.event_outcome);
  filter.equals("severity", query.severity);
  filter.equals("correlation_id", query.correlation_id);
  if (query.since)
    filter.add("event_timestamp >= ", filter.placeholder(format_timestamp(*query.since)) + "::timestamptz");
  if (query.until)
    filter.add("event_timestamp <= ", filter.placeholder(format_timestamp(*query.until)) + "::timestamptz");
  if (query.detail) {
    const std::string key = filter.placeholder(query.detail->key);
    filter.add("event_data ->> " + key + "::text = ", filter.placeholder(query.detail->value));
  }
  return filter;
}

// One snapshot for the page and the total. The first row is always there: whether the page fits, the total,
// and the first event or NULLs when there is none or the page does not fit.
std::string page_sql(const std::string& where, const std::string& limit, const std::string& offset) {
  return "WITH page AS MATERIALIZED (SELECT * FROM audit_events" + where +
         " ORDER BY event_timestamp DESC, event_id DESC LIMIT " + limit + "::bigint OFFSET " + offset +
         "::bigint), size AS (SELECT coalesce(sum(octet_length(event_data::text)::bigint + "
         "coalesce(octet_length(error_message), 0)), 0) <= " +
         std::to_string(kMaxPageBytes) +
         " AS fits FROM page) SELECT fits::int, (SELECT count(*) FROM audit_events" + where + "), " +
         kEventColumns +
         ", event_data FROM size LEFT JOIN page ON fits ORDER BY event_timestamp DESC, event_id DESC";
}

StoreError too_large(const ListQuery& query) {
  return {StoreError::Kind::kPageTooLarge,
          "got " + std::to_string(query.limit) + ", and the events of this page hold more than " +
              std::to_string(kMaxPageBytes >> 20) + " MiB; allowed: a smaller limit",
          {}};
}

}  // namespace

Store::Store(engine::Engine& engine, std::string database)
    : engine_(engine), database_(std::move(database)) {}

awaitable<tl::expected<postgres::Result, StoreError>> Store::run(std::string sql,
                                                                 std::vector<postgres::Parameter> parameters,
                                                                 Deadline deadline) {
  constexpr int kTries = 2;
  for (int attempt = 1;; ++attempt) {
    auto lease = co_await engine_.acquire(database_, deadline);
    if (!lease) co_return tl::unexpected(unavailable(lease.error()));
    auto result = co_await (*lease)->query(sql, parameters, deadline);
    if (result) co_return std::move(*result);
    const ErrorClass cause = result.error().error_class;
    const bool again = cause == ErrorClass::kConnectionLost || cause == ErrorClass::kRetryable;
    if (!again || attempt == kTries) co_return tl::unexpected(failed(result.error()));
  }
}

awaitable<tl::expected<Stored, StoreError>> Store::insert(Event event, Deadline deadline) {
  const std::string event_id = event.event_id;
  const Timestamp time = event.event_timestamp;
  const bool has_parent = event.parent_event_id.has_value();
  auto inserted = co_await run(kInsertEvent, to_parameters(std::move(event)), deadline);
  if (!inserted) co_return tl::unexpected(std::move(inserted.error()));
  if (!inserted->rows.empty()) co_return Stored{.event_timestamp = time, .created = true};
  // Another statement, so that it sees a row that was committed while the first one ran.
  auto found = co_await get(event_id, deadline);
  if (!found) co_return tl::unexpected(std::move(found.error()));
  if (const std::optional<Event>& stored = *found)
    co_return Stored{.event_timestamp = stored->event_timestamp, .created = false};
  if (has_parent)
    co_return tl::unexpected(StoreError{StoreError::Kind::kParentMissing, "parent event does not exist", {}});
  co_return tl::unexpected(
      StoreError{StoreError::Kind::kUnavailable, "the event was deleted meanwhile", kRetryAfter});
}

awaitable<tl::expected<std::optional<Event>, StoreError>> Store::get(std::string event_id,
                                                                     Deadline deadline) {
  std::vector<postgres::Parameter> parameters{std::move(event_id)};
  auto result =
      co_await run("SELECT" + kEventColumns + ", event_data FROM audit_events WHERE event_id = $1::uuid",
                   std::move(parameters), deadline);
  if (!result) co_return tl::unexpected(std::move(result.error()));
  if (result->rows.empty()) co_return std::nullopt;
  auto event = read_event(std::move(result->rows[0]));
  if (!event) co_return tl::unexpected(internal("a stored event cannot be read"));
  co_return std::move(event);
}

awaitable<tl::expected<Page, StoreError>> Store::list(ListQuery query, Deadline deadline) {
  Filter filter = to_filter(query);
  const std::string limit = filter.placeholder(std::to_string(query.limit));
  const std::string offset = filter.placeholder(std::to_string(query.offset));
  auto result = co_await run(page_sql(filter.where, limit, offset), std::move(filter.parameters), deadline);
  if (!result) co_return tl::unexpected(std::move(result.error()));
  Page page{.events = {}, .pagination = {.limit = query.limit, .offset = query.offset}};
  for (auto& row : result->rows) {
    constexpr std::size_t kBeforeEvent = 2;
    if (row.size() <= kBeforeEvent) co_return tl::unexpected(internal("a page cannot be read"));
    const std::string fits = row[0].value_or("");
    const std::string total = row[1].value_or("");
    if (fits.empty() || total.empty()) co_return tl::unexpected(internal("a page cannot be read"));
    if (fits == "0") co_return tl::unexpected(too_large(query));
    std::from_chars(total.data(), total.data() + total.size(), page.pagination.total);
    if (!row[kBeforeEvent]) break;  // no event on this page
    row.erase(row.begin(), row.begin() + kBeforeEvent);
    auto event = read_event(std::move(row));
    if (!event) co_return tl::unexpected(internal("a stored event cannot be read"));
    page.events.push_back(std::move(*event));
  }
  const auto shown = static_cast<std::int64_t>(page.events.size());
  page.pagination.has_more = shown > 0 && query.offset + shown < page.pagination.total;
  co_return page;
}

}  // namespace storagepool::audit
