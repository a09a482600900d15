#include "pool/service/routes/evidence/restart.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "pool/common/encoding/encoding.h"
#include "pool/common/http/message/problem.h"
#include "pool/service/routes/answers.h"
#include "pool/service/routes/evidence/at_place.h"
#include "pool/service/routes/evidence/own_act.h"
#include "pool/service/routes/evidence/text_members.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using http::Request;
using http::Response;

Response not_told(const std::string& why, const Request& request) {
  return unavailable(why, std::chrono::seconds{1}, request);
}

Response told(const RestartedLog& log) {
  const nlohmann::ordered_json body = {
      {"restarted", log.restarted}, {"origin", log.from.origin}, {"size", log.from.size}};
  return json(200, body.dump());
}

OwnAct act_of(const RestartedLog& log, const std::string& workspace, const std::string& reason) {
  OwnAct act{.type = "storagepool.log.restarted",
             .action = "restart",
             .resource_type = "workspace",
             .resource_id = workspace};
  const std::string root(log.before.root.begin(), log.before.root.end());
  act.data = {{"origin", log.from.origin}, {"size", log.from.size}};
  act.data["before"] = {
      {"origin", log.before.origin}, {"size", log.before.size}, {"root", encoding::encode_base64(root)}};
  act.data["reason"] = reason;
  return act;
}

struct RestartRoute : AtPlace {
  awaitable<Response> restart(Request& request) const {
    if (auto refusal = TextMembers::refuse(request)) co_return std::move(*refusal);
    TextMembers given(request.body);
    const std::string reason = given.take("reason", kMaxReason);
    if (!given.errors().empty()) co_return invalid(given.errors(), request);
    auto there = co_await find(request, request.access.admin, "admin");
    if (!there) co_return std::move(there.error());
    const std::string actor = actor_of(request);
    if (actor.empty()) co_return nobody(request);
    const auto looked = co_await context.restart_of_workspace(*there, true, context.deadline());
    if (!looked) co_return not_told(looked.error(), request);
    if (!looked->refusal.empty())
      co_return http::problem(http::ProblemKind::kConflict, "the log cannot go on: " + looked->refusal,
                              request.path);
    if (!looked->restarted) co_return told(*looked);
    OwnAct act = act_of(*looked, workspace_of(request), reason);
    auto refusal = co_await record_act(context, request, actor, std::move(act));
    if (refusal) co_return std::move(*refusal);
    const auto done = co_await context.restart_of_workspace(*there, false, context.deadline());
    co_return done ? told(*looked) : not_told(done.error(), request);
  }
};

}  // namespace

void add_restart_route(http::Router& router, EvidenceContext context) {
  const auto route = std::make_shared<const RestartRoute>(RestartRoute{{std::move(context)}});
  router.add("POST", "/api/v1/workspaces/{workspace}/audit/log/restart",
             [route](Request& request) { return route->restart(request); });
}

}  // namespace storagepool::service
