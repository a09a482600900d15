#include "pool/service/routes/audit.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pool/auth/tokens/bearer.h"
#include "pool/auth/tokens/scopes.h"
#include "pool/common/encoding/encoding.h"
#include "pool/common/http/message/problem.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/random.h"
#include "pool/event/address.h"
#include "pool/event/idempotency.h"
#include "pool/event/min_days.h"
#include "pool/event/serialize.h"
#include "pool/event/shared_events.h"
#include "pool/event/text.h"
#include "pool/event/uuid.h"
#include "pool/reading/query.h"
#include "pool/reading/redaction.h"
#include "pool/service/routes/answers.h"
#include "pool/service/routes/place.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using event::Event;
using event::FieldErrors;
using http::ProblemKind;
using http::Request;
using http::Response;
using tables::StoreError;
using Events = std::vector<Event>;

runtime::Timestamp wall_clock() {
  return runtime::wall_now();
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<Response> refuse_content(const Request& request) {
  const auto content_type = request.header("Content-Type");
  if (content_type && is_json_content(*content_type)) return std::nullopt;
  const std::string given = content_type ? std::string(*content_type) : "none";
  return http::problem(ProblemKind::kUnsupportedMediaType,
                       "Content-Type: got " + given + "; allowed: application/json", request.path);
}

// The id or key of an event is that of another one.
Response conflict(const Request& request, const StoreError& error, const Events& events, event::Call call) {
  const Event& event = events.at(error.index);
  const bool key_is_at_fault = event.keyed_events > 0;
  const std::string given_id = event.client_event_id.value_or(event.event_id);
  const std::string element =
      call == event::Call::kBatch ? "[" + std::to_string(error.index) + "]" : std::string();
  const std::string field = key_is_at_fault   ? "Idempotency-Key"
                            : element.empty() ? "event_id"
                                              : element + ".event_id";
  std::string message;
  if (key_is_at_fault) {
    message = "got " + event::quoted(request.header("Idempotency-Key").value_or("")) +
              ", which was used before with " +
              (error.other_number ? "more or fewer events" : "other content");
    if (!element.empty() && !error.other_number) message += " of " + element;
  } else {
    message = "got " + event::quoted(given_id) + ", which is the id of an event with other content";
  }
  const auto kind = key_is_at_fault ? ProblemKind::kIdempotencyKeyReused : ProblemKind::kConflict;
  return http::problem(kind, field + ": " + message, request.path, {{field, message}});
}

// As PostgreSQL takes it, which a token's subject need not be.
std::string principal_of(const std::string& subject) {
  return event::storable_text(subject) ? subject : "base64:" + encoding::encode_base64(subject);
}

std::string new_salt() {
  std::array<std::uint8_t, event::kSaltBytes> bytes{};
  runtime::fill_random(bytes);
  return encoding::encode_base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// What is known of how the events came.
void note_reception(const Request& request, Events& unit, runtime::Timestamp now) {
  const auto from = event::canonical_address(request.client);
  for (Event& event : unit) {
    if (!request.access.subject.empty()) event.principal = principal_of(request.access.subject);
    event.received_at = now;
    event.received_from = from;
    if (event.is_sensitive) event.salt = new_salt();
  }
}

Response acknowledge(event::Call call, const Events& events, const recording::Recorded& recorded) {
  if (call == event::Call::kBatch) return json(201, batch_json(events, recorded.journalled));
  const std::string& id = events.front().event_id;
  if (recorded.journalled) return json(202, accepted_json(id));
  return json(201, event::created_json(id, recorded.stored.front().event_timestamp));
}

struct AuditRoutes {
  AuditContext context;
  std::shared_ptr<Receipts> receipts = std::make_shared<Receipts>(context.log_key);

  awaitable<Response> create(Request& request, event::Call call) const {
    const auto began = runtime::steady_now();
    auto received = co_await receive(request, call);
    if (!received) co_return std::move(received.error());
    auto asked = receipts->asked(request, *received->unit);
    auto recorded =
        co_await context.recording.record(received->destination, received->unit, context.deadline());
    if (!recorded && recorded.error().kind == StoreError::Kind::kConflict) {
      co_return conflict(request, recorded.error(), *received->unit, call);
    }
    if (!recorded) {
      Response response = co_await failure(recorded.error(), received->destination, request);
      co_return response;
    }
    context.on_acknowledged(runtime::steady_now() - began);
    Response response = acknowledge(call, *received->unit, *recorded);
    if (!asked) co_return response;
    std::string place = workspace_of(request);
    if (place.empty()) place = auth::kSystemPlace;
    Response with_receipt = co_await receipts->add(std::move(*asked), std::move(*recorded), std::move(place),
                                                   std::move(response));
    co_return with_receipt;
  }

  awaitable<Response> list(Request& request) const {
    auto query = reading::parse_list_query(request.query, wall_clock());
    if (!query) co_return invalid(query.error(), request);
    query->sees_sensitive = request.access.sensitive;
    auto destination = co_await find_to_read(request);
    if (!destination) co_return std::move(destination.error());
    auto page = co_await context.reader.list(
        destination->database, std::move(*query), context.deadline(),
        [&request](std::int64_t bytes) { return request.reserve(static_cast<std::size_t>(bytes)); },
        request.gone);
    if (page) {
      if (!request.access.sensitive) std::for_each(page->events.begin(), page->events.end(), reading::redact);
      Response response = json(200, {});
      response.pieces = reading::to_json(std::move(*page));
      co_return response;
    }
    Response response = co_await failure(page.error(), *destination, request);
    co_return response;
  }

  awaitable<Response> get(Request& request) const {
    const std::string given = request.parameters["event_id"];
    const auto event_id = event::parse_uuid(given);
    if (!event_id)
      co_return invalid({{"event_id", "got " + event::quoted(given) + "; allowed: a UUID"}}, request);
    auto destination = co_await find_to_read(request);
    if (!destination) co_return std::move(destination.error());
    auto event =
        co_await context.reader.get(destination->database, *event_id, context.deadline(), request.gone);
    if (!event) {
      Response response = co_await failure(event.error(), *destination, request);
      co_return response;
    }
    std::optional<Event>& found = *event;
    if (!found) {
      co_return http::problem(ProblemKind::kNotFound, "there is no audit event " + *event_id, request.path);
    }
    if (!request.access.sensitive) reading::redact(*found);
    co_return json(200, event::to_json(*found));
  }

 private:
  std::optional<Response> refuse(const Request& request, bool allowed, std::string_view scope) const {
    return refuse_place(request, context.destinations.system_database(), allowed, scope);
  }

  // Where a request goes that its sender may make, else the answer to it.
  awaitable<tl::expected<recording::Destination, Response>> find_to_read(const Request& request) const {
    if (auto refusal = refuse(request, request.access.read, "read")) {
      co_return tl::unexpected(std::move(*refusal));
    }
    if (context.away()) co_return tl::unexpected(postgres_away(request));
    auto destination = co_await context.destinations.find(workspace_of(request), context.deadline());
    if (!destination) co_return tl::unexpected(failed(destination.error(), request));
    co_return std::move(*destination);
  }

  // A call that is to be recorded.
  struct Received {
    event::SharedEvents unit{};
    recording::Destination destination{};
  };

  // A call, else the answer to what is none. Nothing of this is held while the events are being stored.
  awaitable<tl::expected<Received, Response>> receive(Request& request, event::Call call) const {
    if (auto refusal = refuse_content(request)) co_return tl::unexpected(std::move(*refusal));
    const auto now = context.now();
    auto unit = co_await context.validation.read(call, std::move(request.body), now, context.event_times);
    if (!unit) co_return tl::unexpected(invalid(unit.error(), request));
    for (Event& event : *unit) {
      context.on_received(now - event.event_timestamp);
      event::keep_for_at_least(context.min_days, event);
    }
    if (auto refusal = identify(request, *unit, call)) co_return tl::unexpected(std::move(*refusal));
    note_reception(request, *unit, now);
    if (auto refusal = refuse(request, request.access.write, "write"))
      co_return tl::unexpected(std::move(*refusal));
    auto destination =
        co_await context.destinations.find_for_write(workspace_of(request), context.deadline());
    if (!destination) co_return tl::unexpected(failed(destination.error(), request));
    Received received;
    received.unit = std::move(*unit);
    received.destination = std::move(*destination);
    co_return std::move(received);
  }

  // Gives every event an id: its own, one made of its own text or from the Idempotency-Key, or a new one.
  std::optional<Response> identify(const Request& request, Events& unit, event::Call call) const {
    const auto key = request.header("Idempotency-Key");
    if (key) {
      if (auto error = event::check_idempotency_key(*key)) return invalid({std::move(*error)}, request);
    }
    for (std::size_t index = 0; index < unit.size(); ++index) {
      Event& event = unit[index];
      if (!event.event_id.empty()) continue;
      if (event.client_event_id) {
        event.event_id = event::text_event_id(request.access.subject, *event.client_event_id);
        continue;
      }
      event.id_from_client = key.has_value();
      event.keyed_events = key ? static_cast<std::int64_t>(unit.size()) : 0;
      event.event_id =
          key ? event::idempotent_event_id(call, workspace_of(request), request.access.subject, *key, index)
              : event::new_event_id(event.event_timestamp);
    }
    return std::nullopt;
  }

  awaitable<Response> failure(StoreError error, recording::Destination destination,
                              const Request& request) const {
    return failed_there(context.destinations, std::move(error), std::move(destination), request,
                        context.deadline());
  }
};

}  // namespace

bool is_json_content(std::string_view content_type) {
  const std::size_t end = content_type.find(';');
  if (!equal_ignoring_case(trimmed(content_type.substr(0, end)), "application/json")) return false;
  if (end == std::string_view::npos) return true;
  const std::string_view parameter = trimmed(content_type.substr(end + 1));
  return parameter.empty() || equal_ignoring_case(parameter, "charset=utf-8") ||
         equal_ignoring_case(parameter, "charset=\"utf-8\"");
}

void add_audit_routes(http::Router& router, AuditContext context) {
  const auto routes = std::make_shared<const AuditRoutes>(AuditRoutes{std::move(context)});
  for (const std::string base : {"/api/v1/audit/events", "/api/v1/workspaces/{workspace}/audit/events"}) {
    router.add("POST", base,
               [routes](Request& request) { return routes->create(request, event::Call::kSingle); });
    router.add("GET", base, [routes](Request& request) { return routes->list(request); });
    router.add("POST", base + "/batch",
               [routes](Request& request) { return routes->create(request, event::Call::kBatch); });
    router.add("GET", base + "/{event_id}", [routes](Request& request) { return routes->get(request); });
  }
}

}  // namespace storagepool::service
