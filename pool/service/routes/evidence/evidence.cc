#include "pool/service/routes/evidence/evidence.h"

#include <algorithm>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "pool/common/http/message/problem.h"
#include "pool/common/runtime/log.h"
#include "pool/event/text.h"
#include "pool/event/uuid.h"
#include "pool/evidence/head.h"
#include "pool/evidence/proving/proving.h"
#include "pool/service/routes/answers.h"
#include "pool/service/routes/evidence/at_place.h"
#include "pool/service/routes/evidence/erase.h"
#include "pool/service/routes/evidence/export.h"
#include "pool/service/routes/evidence/feed.h"
#include "pool/service/routes/evidence/legal_hold.h"
#include "pool/service/routes/evidence/restart.h"
#include "pool/service/routes/evidence/verify_chain.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using evidence::LogError;
using http::ProblemKind;
using http::Request;
using http::Response;

constexpr const char* kText = "text/plain; charset=utf-8";
constexpr const char* kNow = "no-store";

Response text(std::string body) {
  Response response = json(200, std::move(body));
  response.content_type = kText;
  response.headers.emplace_back("Cache-Control", kNow);
  return response;
}

Response not_sealed(const Request& request) {
  Response response =
      http::problem(ProblemKind::kNotSealedYet, "the log does not have the event yet", request.path);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

Response no_tile(const Request& request, const std::string& why) {
  return http::problem(ProblemKind::kNotFound, "there is no such tile: " + why, request.path);
}

// The pass that has ended last, and the one that is under way.
void add_full_audit(nlohmann::ordered_json& body, const evidence::AuditProgress& progress) {
  if (const auto& last = progress.last) {
    const auto to = static_cast<std::uint64_t>(last->entries);
    body["last_full_audit"] = {{"from", std::min(body.value("min_index", std::uint64_t{0}), to)},
                               {"to", last->entries},
                               {"began_at", runtime::format_timestamp(last->began)},
                               {"at", runtime::format_timestamp(last->ended)},
                               {"missing", last->missing},
                               {"altered", last->altered},
                               {"unlogged", last->unlogged},
                               {"without_entry", last->without_batch}};
  }
  if (progress.phase == evidence::AuditProgress::Phase::kEnded) return;
  body["full_audit"] = {{"from", progress.at},
                        {"to", progress.size},
                        {"began_at", runtime::format_timestamp(progress.began)},
                        {"missing", progress.missing},
                        {"altered", progress.altered()},
                        {"unlogged", progress.unlogged}};
}

Response broken(const Request& request, const std::string& detail) {
  log::error("an event cannot be proven", {{"detail", detail}});
  return http::problem(ProblemKind::kNotProven, detail, request.path);
}

}  // namespace

Response no_log(const Request& request) {
  return unavailable("the log cannot be told now: it has no key, no entry yet, or is not as it was left",
                     std::chrono::seconds{1}, request);
}

Response failed(const LogError& error, const Request& request) {
  switch (error.kind) {
    case LogError::Kind::kNotSealed:
    case LogError::Kind::kNotIn:
      return not_sealed(request);
    case LogError::Kind::kPruned:
      return http::problem(ProblemKind::kPruned, error.detail, request.path);
    case LogError::Kind::kUnavailable:
      return failed(tables::to_store_error(error.postgres), request);
    case LogError::Kind::kNoEntry:
    case LogError::Kind::kBroken:
      break;
  }
  return broken(request, error.detail);
}

awaitable<std::optional<ShownLog>> shown_log(const EvidenceContext& context, recording::Destination place) {
  std::optional<SignedLog> log;
  if (!place.workspace.empty()) {
    log = co_await context.of_workspace(std::move(place), context.deadline());
  } else if (auto note = co_await context.checkpoint(context.deadline())) {
    log = {*std::move(note), context.key()};
  }
  if (!log || !log->key) co_return std::nullopt;
  auto checkpoint = tlog::Checkpoint::read(log->note.text);
  if (!checkpoint) co_return std::nullopt;
  co_return ShownLog{std::move(log->note), *std::move(checkpoint), std::move(log->key)};
}

namespace {

struct EvidenceRoutes : AtPlace {
  awaitable<Response> checkpoint(Request& request) const {
    auto there = co_await find(request, request.access.verify, "verify");
    if (!there) co_return std::move(there.error());
    const auto log = co_await shown_log(context, *there);
    co_return log ? text(log->note.write()) : no_log(request);
  }

  awaitable<Response> status(Request& request) const {
    auto there = co_await find(request, request.access.verify, "verify");
    if (!there) co_return std::move(there.error());
    const auto log = co_await shown_log(context, *there);
    if (!log) co_return no_log(request);
    nlohmann::ordered_json body = {{"origin", log->checkpoint.origin},
                                   {"vkeys", log->key->vkeys()},
                                   {"size", log->checkpoint.size},
                                   {"min_index", first_entry(*there)}};
    if (const auto cosigned = witnessed(*there)) body["witnessed"] = cosigned->write();
    const bool is_audited = there->workspace.empty();
    if (const auto audit = context.full_audit(); audit && is_audited) add_full_audit(body, *audit);
    co_return json(200, body.dump());
  }

  // What a checkpoint has shown once stays the same.
  awaitable<Response> tile(Request& request) const {
    auto there = co_await find(request, request.access.verify, "verify");
    if (!there) co_return std::move(there.error());
    const auto tile = tlog::Tile::read(request.parameters["tile"]);
    if (!tile) co_return no_tile(request, tile.error());
    const auto deadline = context.deadline();
    const auto log = co_await shown_log(context, *there);
    if (!log) co_return no_log(request);
    if (!tile->is_in(log->checkpoint.size))
      co_return no_tile(request, "the log has " + std::to_string(log->checkpoint.size) + " entries");
    auto leased = co_await context.reader.lease(there->database, deadline, request.gone);
    if (!leased) co_return co_await failed_at(leased.error(), *there, request);
    evidence::LogReader reader(*leased->connection, deadline);
    auto bytes = co_await reader.tile(*tile, log->checkpoint.size);
    if (!bytes) co_return failed(bytes.error(), request);
    Response response = json(200, std::move(*bytes));
    response.content_type = "application/octet-stream";
    response.headers.emplace_back("Cache-Control", "private, max-age=31536000, immutable");
    co_return response;
  }

  awaitable<Response> proof(Request& request) const {
    const std::string given = request.parameters["event_id"];
    const auto event_id = event::parse_uuid(given);
    if (!event_id)
      co_return invalid({{"event_id", "got " + event::quoted(given) + "; allowed: a UUID"}}, request);
    auto there = co_await find(request, request.access.verify, "verify");
    if (!there) co_return std::move(there.error());
    const auto deadline = context.deadline();
    const auto found = co_await context.reader.get(there->database, *event_id, deadline, request.gone);
    if (!found) co_return co_await failed_at(found.error(), *there, request);
    if (!*found)
      co_return http::problem(ProblemKind::kNotFound, "there is no audit event " + *event_id, request.path);
    const auto log = co_await shown_log(context, *there);
    if (!log) co_return no_log(request);
    Response response = co_await prove(request, *there, **found, *log, deadline);
    co_return response;
  }

 private:
  // Of the log of a workspace nothing is pruned.
  std::uint64_t first_entry(const recording::Destination& there) const {
    return there.workspace.empty() ? context.min_index() : 0;
  }
  // Nobody has cosigned a checkpoint of a workspace.
  std::optional<tlog::Note> witnessed(const recording::Destination& there) const {
    return there.workspace.empty() ? context.witnessed() : std::nullopt;
  }

  // By now the event may have been changed by who owns the database: its entry is made anew and compared.
  awaitable<Response> prove(const Request& request, const recording::Destination& there,
                            const event::Event& event, const ShownLog& log,
                            reading::Reader::Deadline deadline) const {
    const tlog::Checkpoint& checkpoint = log.checkpoint;
    auto leased = co_await context.reader.lease(there.database, deadline, request.gone);
    if (!leased) co_return failed(leased.error(), request);
    evidence::LogReader reader(*leased->connection, deadline);
    const auto batches = co_await reader.batches_of(std::span(&event, 1));
    if (!batches) co_return failed(batches.error(), request);
    const auto batch = batches->front();
    if (!batch)
      co_return http::problem(ProblemKind::kNotProven,
                              "the event has no entry: it was stored by an earlier release or without a key",
                              request.path);
    const auto place = co_await reader.find(event.event_id, *batch);
    if (!place) co_return failed(place.error(), request);
    if (place->seq >= checkpoint.size) co_return not_sealed(request);
    // What a witness has cosigned says more than what nobody else has seen yet.
    const auto cosigned = witnessed(there);
    const auto of_cosigned = cosigned ? tlog::Checkpoint::read(cosigned->text) : checkpoint;
    const bool vouched = cosigned && of_cosigned && place->seq < of_cosigned->size;
    if (!evidence::EntryWriter(log.key->keys).is_entry_of(place->entry, event))
      co_return broken(request, "event " + event.event_id + " is not as it was stored: its entry is another");
    auto proof =
        co_await reader.prove(*place, vouched ? *of_cosigned : checkpoint, vouched ? *cosigned : log.note);
    if (!proof) co_return failed(proof.error(), request);
    evidence::HeadWriter heads;
    proof->extra = place->entry;
    if (request.access.read && (request.access.sensitive || !event.is_sensitive))
      proof->extra += heads.write(event);
    co_return text(proof->write());
  }
};

}  // namespace

void add_evidence_routes(http::Router& router, EvidenceContext context) {
  add_verify_chain_route(router, context);
  add_export_route(router, context);
  add_feed_route(router, context);
  add_legal_hold_routes(router, context);
  add_erase_routes(router, context);
  add_restart_route(router, context);
  const auto routes = std::make_shared<const EvidenceRoutes>(EvidenceRoutes{{std::move(context)}});
  for (const std::string base : {"/api/v1/audit", "/api/v1/workspaces/{workspace}/audit"}) {
    router.add("GET", base + "/log/checkpoint",
               [routes](Request& request) { return routes->checkpoint(request); });
    router.add("GET", base + "/log/status", [routes](Request& request) { return routes->status(request); });
    router.add_below("GET", base + "/log/tile/{tile}",
                     [routes](Request& request) { return routes->tile(request); });
    router.add("GET", base + "/events/{event_id}/proof",
               [routes](Request& request) { return routes->proof(request); });
  }
}

}  // namespace storagepool::service
