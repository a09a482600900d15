#include "pool/service/routes/evidence/legal_hold.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "pool/auth/tokens/bearer.h"
#include "pool/common/http/message/problem.h"
#include "pool/common/json/json.h"
#include "pool/event/text.h"
#include "pool/event/uuid.h"
#include "pool/evidence/holds/holds.h"
#include "pool/service/routes/answers.h"
#include "pool/service/routes/evidence/at_place.h"
#include "pool/service/routes/evidence/own_act.h"
#include "pool/service/routes/evidence/text_members.h"
#include "pool/service/routes/place.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using evidence::Hold;
using http::Request;
using http::Response;
using nlohmann::ordered_json;

ordered_json to_object(const Hold& hold) {
  return {{"correlation_id", hold.correlation_id},
          {"events_affected", hold.events},
          {"placed_by", hold.placed_by},
          {"placed_at", runtime::format_timestamp(hold.placed_at)},
          {"reason", hold.reason},
          {"hold_id", hold.id}};
}

Response not_placed(evidence::NotPlaced why, const std::string& correlation_id, const Request& request) {
  if (why == evidence::NotPlaced::kNoEvents)
    return http::problem(http::ProblemKind::kNotFound,
                         "there are no audit events with correlation_id " + event::quoted(correlation_id),
                         request.path);
  return http::problem(
      http::ProblemKind::kConflict,
      "as many legal holds stand as may: " + std::to_string(evidence::kMaxHolds) + "; release one first",
      request.path);
}

std::int64_t integer(const Request& request, const char* name, std::int64_t otherwise, std::int64_t least,
                     std::int64_t most, event::FieldErrors& errors) {
  const auto given = request.query_value(name);
  if (!given || given->empty()) return otherwise;
  const auto number = json::parse_integer(*given);
  if (number && *number >= least && *number <= most) return *number;
  errors.push_back({name, "got " + event::quoted(*given) + "; allowed: an integer from " +
                              std::to_string(least) + " to " + std::to_string(most)});
  return otherwise;
}

struct LegalHoldRoutes : AtPlace {
  awaitable<Response> place(Request& request) const {
    if (auto refusal = TextMembers::refuse(request)) co_return std::move(*refusal);
    TextMembers given(request.body);
    evidence::NewHold wanted{.correlation_id = given.take("correlation_id", kMaxCorrelationId),
                             .reason = given.take("reason", kMaxReason)};
    if (!given.errors().empty()) co_return invalid(given.errors(), request);
    auto there = co_await find(request, request.access.hold, "hold");
    if (!there) co_return std::move(there.error());
    wanted.placed_by = actor_of(request);
    if (wanted.placed_by.empty()) co_return nobody(request);
    auto placed = co_await at<evidence::PlacedHold>(*there, [&](postgres::Connection& connection) {
      return evidence::place_hold(connection, wanted, context.deadline());
    });
    if (!placed) co_return co_await failed_at(placed.error(), *there, request);
    const evidence::PlacedHold& hold = *placed;
    if (!hold) co_return not_placed(hold.error(), wanted.correlation_id, request);
    OwnAct act = act_of("storagepool.hold.placed", "place-hold", hold->correlation_id, request);
    act.data.update({{"hold_id", hold->id}, {"reason", hold->reason}, {"events", hold->events}});
    auto refusal = co_await record_act(context, request, hold->placed_by, std::move(act));
    co_return refusal ? std::move(*refusal) : json(200, dump(to_object(*hold)));
  }

  awaitable<Response> list(Request& request) const {
    event::FieldErrors errors;
    const std::int64_t limit = integer(request, "limit", kDefaultLimit, 1, kMaxLimit, errors);
    const std::int64_t offset = integer(request, "offset", 0, 0, evidence::kMaxHolds, errors);
    if (!errors.empty()) co_return invalid(errors, request);
    const bool allowed = request.access.read || request.access.hold;
    auto there = co_await find(request, allowed, "read");
    if (!there) co_return std::move(there.error());
    const auto found = co_await at<evidence::Holds>(*there, [&](postgres::Connection& connection) {
      return evidence::list_holds(connection, limit, offset, context.deadline());
    });
    if (!found) co_return co_await failed_at(found.error(), *there, request);
    ordered_json body = {{"holds", ordered_json::array()}, {"total", found->total}};
    for (const Hold& hold : found->holds) body["holds"].push_back(to_object(hold));
    co_return json(200, dump(body));
  }

  awaitable<Response> release(Request& request) const {
    if (auto refusal = TextMembers::refuse(request)) co_return std::move(*refusal);
    TextMembers given(request.body);
    evidence::Release wanted{.correlation_id = request.parameters["correlation_id"],
                             .reason = given.take("release_reason", kMaxReason)};
    event::FieldErrors errors = given.errors();
    if (const auto id = request.query_value("hold_id")) {
      wanted.hold_id = event::parse_uuid(*id);
      if (!wanted.hold_id) errors.push_back({"hold_id", "got " + event::quoted(*id) + "; allowed: a UUID"});
    }
    if (!event::storable_text(wanted.correlation_id))
      errors.push_back({"correlation_id", "allowed: UTF-8 without U+0000"});
    if (!errors.empty()) co_return invalid(errors, request);
    auto there = co_await find(request, request.access.hold, "hold");
    if (!there) co_return std::move(there.error());
    wanted.released_by = actor_of(request);
    if (wanted.released_by.empty()) co_return nobody(request);
    auto done = co_await at<std::optional<evidence::Released>>(*there, [&](postgres::Connection& connection) {
      return evidence::release_holds(connection, wanted, context.deadline());
    });
    if (!done) co_return co_await failed_at(done.error(), *there, request);
    const std::optional<evidence::Released>& released = *done;
    if (!released)
      co_return http::problem(
          http::ProblemKind::kNotFound,
          "no such legal hold stands for correlation_id " + event::quoted(wanted.correlation_id),
          request.path);
    OwnAct act = act_of("storagepool.hold.released", "release-hold", wanted.correlation_id, request);
    act.data.update(
        {{"hold_ids", released->hold_ids}, {"reason", wanted.reason}, {"events", released->events}});
    auto refusal = co_await record_act(context, request, wanted.released_by, std::move(act));
    if (refusal) co_return std::move(*refusal);
    const ordered_json body = {{"correlation_id", wanted.correlation_id},
                               {"events_released", released->events},
                               {"released_by", wanted.released_by},
                               {"released_at", runtime::format_timestamp(released->released_at)},
                               {"hold_ids", released->hold_ids}};
    co_return json(200, dump(body));
  }

 private:
  static OwnAct act_of(std::string type, std::string action, std::string correlation_id,
                       const Request& request) {
    OwnAct act{.type = std::move(type),
               .action = std::move(action),
               .resource_type = "correlation",
               .resource_id = std::move(correlation_id)};
    act.data = ordered_json::object();
    if (const std::string workspace = workspace_of(request); !workspace.empty())
      act.data["workspace"] = workspace;
    return act;
  }
};

}  // namespace

void add_legal_hold_routes(http::Router& router, EvidenceContext context) {
  const auto routes = std::make_shared<const LegalHoldRoutes>(LegalHoldRoutes{{std::move(context)}});
  for (const std::string base :
       {"/api/v1/audit/legal-hold", "/api/v1/workspaces/{workspace}/audit/legal-hold"}) {
    router.add("POST", base, [routes](Request& request) { return routes->place(request); });
    router.add("GET", base, [routes](Request& request) { return routes->list(request); });
    router.add("DELETE", base + "/{correlation_id}",
               [routes](Request& request) { return routes->release(request); });
  }
}

}  // namespace storagepool::service
