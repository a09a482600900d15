#include "pool/service/routes/evidence/export.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "pool/auth/tokens/bearer.h"
#include "pool/common/encoding/encoding.h"
#include "pool/common/http/message/problem.h"
#include "pool/common/json/json.h"
#include "pool/common/runtime/clock.h"
#include "pool/event/personal_data.h"
#include "pool/event/serialize.h"
#include "pool/event/text.h"
#include "pool/evidence/holds/holds.h"
#include "pool/evidence/proving/proving.h"
#include "pool/reading/query.h"
#include "pool/reading/redaction.h"
#include "pool/service/routes/answers.h"
#include "pool/service/routes/evidence/at_once.h"
#include "pool/service/routes/evidence/at_place.h"
#include "pool/service/routes/evidence/own_act.h"
#include "pool/service/routes/evidence/turns.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using evidence::Logged;
using http::Request;
using http::Response;
using nlohmann::ordered_json;
using FieldError = event::FieldError;

constexpr std::int64_t kDefaultExport = 1000;
constexpr std::int64_t kMaxExport = 10'000;
constexpr std::int64_t kExportPage = 500;
constexpr int kExportsAtOnce = 2;
constexpr std::size_t kMaxBytes = std::size_t{32} * 1024 * 1024;  // of the events as they are sent
constexpr std::string_view kForm = "storagepool.dev/export/v1";

struct ExportQuery {
  reading::ListQuery events{.limit = kDefaultExport, .oldest_first = true};
  bool detached = false;
  bool masked = false;     // personal data is
  ordered_json filters{};  // as the answer repeats them
};

FieldError wrong(std::string field, std::string_view given, const std::string& allowed) {
  return {std::move(field), "got " + event::quoted(given) + "; allowed: " + allowed};
}

bool flag(const Request& request, const char* name, event::FieldErrors& errors) {
  const std::string_view given = request.query_value(name).value_or("");
  if (given.empty() || given == "false") return false;
  if (given != "true") errors.push_back(wrong(name, given, "true, false"));
  return true;
}

// The parameters that are those of a list, and their names there.
std::vector<std::pair<std::string_view, std::string_view>> shared_parameters() {
  std::vector<std::pair<std::string_view, std::string_view>> shared{{"start_time", "since"},
                                                                    {"end_time", "until"}};
  for (const reading::TextFilter& filter : reading::kTextFilters) {
    shared.emplace_back(filter.name, filter.name);
    shared.emplace_back(filter.plural, filter.plural);
  }
  for (const char* name : {"received_since", "received_until", "detail_key", "detail_value", "offset"})
    shared.emplace_back(name, name);
  return shared;
}

tl::expected<ExportQuery, event::FieldErrors> read_query(const Request& request, runtime::Timestamp now) {
  ExportQuery query;
  std::vector<std::pair<std::string, std::string>> parameters;
  const auto shared = shared_parameters();
  for (const auto& [name, of_list] : shared) {
    const auto given = request.query_value(name);
    if (!given) continue;
    parameters.emplace_back(of_list, *given);
    if (name != "offset" && (!given->empty() || name == "detail_value"))
      query.filters[std::string(name)] = *given;
  }
  auto events = reading::parse_list_query(parameters, now);
  event::FieldErrors errors = events ? event::FieldErrors() : events.error();
  for (FieldError& error : errors) {
    const auto found = std::ranges::find(shared, error.field, &decltype(shared)::value_type::second);
    if (found != shared.end()) error.field = found->first;
  }
  query.detached = flag(request, "include_detached_signature", errors);
  query.masked = flag(request, "redact_pii", errors);
  const std::string_view format = request.query_value("format").value_or("");
  if (!format.empty() && format != "json") errors.push_back(wrong("format", format, "json"));
  const std::string_view limit = request.query_value("limit").value_or("");
  const auto number = limit.empty() ? std::optional(kDefaultExport) : json::parse_integer(limit);
  if (!number || *number < 1) errors.push_back(wrong("limit", limit, "an integer from 1 to 10000"));
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  query.events = *std::move(events);
  query.events.oldest_first = true;
  query.events.sees_sensitive = request.access.sensitive;
  query.events.limit = *number;
  query.filters["offset"] = query.events.offset;
  query.filters["limit"] = query.events.limit;
  if (query.masked) query.filters["redact_pii"] = true;
  return query;
}

// The events as they are sent, and what was found of them.
struct Exported {
  std::vector<std::string> items{};  // JSON, one after the other with their commas
  std::size_t bytes = 0;
  std::int64_t total = 0;
  std::int64_t valid = 0;
  std::int64_t pending = 0;
  std::vector<std::string> tampered{};
};

class Export {
 public:
  Export(const EvidenceContext& context, const Request& request, recording::Destination place,
         ExportQuery query, ShownLog log)
      : context_(context),
        request_(request),
        place_(std::move(place)),
        query_(std::move(query)),
        log_(std::move(log)) {}

  awaitable<Response> run(std::string exporter) {
    of_events_.begin();
    of_events_.add("[");
    auto refusal = co_await take_events();
    if (refusal) co_return std::move(*refusal);
    const auto now = runtime::wall_now();
    if (!request_.reserve(exported_.bytes))
      co_return unavailable("too many large answers at once, try again", std::chrono::seconds{1}, request_);
    const tlog::Note signed_note = sign(now);
    OwnAct act{.type = "storagepool.export.created", .action = "export"};
    act.data = {{"filters", query_.filters}, {"total_events", exported_.total}};
    if (!place_.workspace.empty()) act.data["workspace"] = place_.workspace;
    refusal = co_await record_act(context_, request_, exporter, std::move(act));
    if (refusal) co_return std::move(*refusal);
    co_return answer(exporter, now, signed_note);
  }

 private:
  using Refusal = std::optional<Response>;

  awaitable<Response> failed_at(tables::StoreError error) const {
    return failed_there(context_.destinations, std::move(error), place_, request_, deadline_);
  }

  awaitable<Refusal> take_events() {
    reading::ListQuery page_of = query_.events;
    for (std::int64_t left = query_.events.limit; left > 0;) {
      page_of.limit = std::min({left, page_of.limit, kExportPage});
      auto page = co_await context_.reader.list(
          place_.database, page_of, deadline_,
          [this](std::int64_t bytes) { return request_.reserve(static_cast<std::size_t>(bytes)); },
          request_.gone);
      if (!page) {
        if (page.error().kind != tables::StoreError::Kind::kPageTooLarge || page_of.limit == 1)
          co_return co_await failed_at(page.error());
        page_of.limit /= 2;
        continue;
      }
      left -= static_cast<std::int64_t>(page->events.size());
      auto refusal = co_await take(std::move(page->events));
      if (refusal) co_return refusal;
      if (!page->pagination.next) break;
      page_of.offset = 0;
      page_of.cursor = reading::parse_cursor(*page->pagination.next);
    }
    co_return std::nullopt;
  }

  awaitable<Refusal> take(std::vector<event::Event> events) {
    auto leased = co_await context_.reader.lease(place_.database, deadline_, request_.gone);
    if (!leased) co_return co_await failed_at(leased.error());
    evidence::LogReader reader(*leased->connection, deadline_);
    const auto rows = co_await reader.look_at(events, log_.checkpoint, log_.note, writer_);
    if (!rows) co_return failed(rows.error(), request_);
    std::set<std::string> correlations;
    for (const event::Event& event : events) correlations.insert(event.correlation_id);
    const auto held = co_await evidence::holds_of(
        *leased->connection, std::vector(correlations.begin(), correlations.end()), deadline_);
    if (!held) co_return co_await failed_at(tables::to_store_error(held.error()));
    for (std::size_t i = 0; i < events.size(); ++i) {
      const std::size_t before = exported_.bytes;
      const auto hold = held->find(events[i].correlation_id);
      add(std::move(events[i]), (*rows)[i].logged, hold == held->end() ? nullptr : &hold->second);
      if (turns_.over(exported_.bytes - before)) co_await boost::asio::post(boost::asio::use_awaitable);
      if (exported_.bytes > kMaxBytes)
        co_return failed(tables::StoreError{.kind = tables::StoreError::Kind::kPageTooLarge,
                                            .detail = "the events of this export hold more than 32 MiB; "
                                                      "allowed: a smaller limit"},
                         request_);
    }
    co_return std::nullopt;
  }

  void add(event::Event event, const Logged& logged, const evidence::Hold* hold) {
    const bool is_valid = (logged.kind == Logged::Kind::kProven || logged.kind == Logged::Kind::kPending) &&
                          writer_.is_entry_of(logged.entry, event);
    const bool has_entry = logged.kind != Logged::Kind::kNone;
    const std::string hash = logged.entry.empty() ? "" : encoding::encode_hex(hasher_.leaf(logged.entry));
    ordered_json more = {{"event_hash", hash},
                         {"previous_event_hash", std::exchange(before_[event.correlation_id], hash)},
                         {"hash_chain_valid", is_valid},
                         {"legal_hold", hold != nullptr}};
    if (hold != nullptr) {
      more["legal_hold_reason"] = hold->reason;
      more["legal_hold_placed_by"] = hold->placed_by;
      more["legal_hold_placed_at"] = runtime::format_timestamp(hold->placed_at);
    }
    if (logged.seq) more["seq"] = *logged.seq;
    ++exported_.total;
    exported_.valid += is_valid ? 1 : 0;
    exported_.pending += is_valid && logged.kind == Logged::Kind::kPending ? 1 : 0;
    if (has_entry && !is_valid) exported_.tampered.push_back(event.event_id);
    if (!request_.access.sensitive) reading::redact(event);
    if (query_.masked) event::mask_personal_data(event);
    std::string item = exported_.items.empty() ? "" : ",";
    item += event::to_json(event);
    item.pop_back();
    item += "," + more.dump(-1, ' ', false, ordered_json::error_handler_t::replace).substr(1);
    exported_.bytes += item.size();
    of_events_.add(item);
    exported_.items.push_back(std::move(item));
  }

  // Of the bytes of `events` as they are sent.
  tlog::Note sign(runtime::Timestamp now) {
    of_events_.add("]");
    const encoding::Sha256 digest = of_events_.end();
    tlog::Note note{
        .text = std::string(kForm) + "\n" + log_.checkpoint.origin + "\n" + runtime::format_timestamp(now) +
                "\n" + std::to_string(exported_.total) + "\n" +
                encoding::encode_base64({reinterpret_cast<const char*>(digest.data()), digest.size()}) +
                "\n" + query_.filters.dump() + "\n"};
    log_.key->sign(note);
    return note;
  }

  Response answer(const std::string& exporter, runtime::Timestamp now, const tlog::Note& note) {
    const auto judged = exported_.valid + static_cast<std::int64_t>(exported_.tampered.size());
    const double share =
        judged == 0 ? 100.0 : 100.0 * static_cast<double>(exported_.valid) / static_cast<double>(judged);
    const ordered_json metadata = {
        {"export_timestamp", runtime::format_timestamp(now)},
        {"export_format", "json"},
        {"query_filters", query_.filters},
        {"total_events", exported_.total},
        {"signature", encoding::encode_base64(note.signatures[0].bytes)},
        {"signature_algorithm", "Ed25519"},
        {"certificate_fingerprint", encoding::sha256_hex(log_.key->signer.public_text())},
        {"exported_by", exporter}};
    const ordered_json verification = {{"total_events_verified", judged},
                                       {"valid_chain_events", exported_.valid},
                                       {"broken_chain_events", exported_.tampered.size()},
                                       {"pending_events", exported_.pending},
                                       {"chain_integrity_percentage", share},
                                       {"verification_timestamp", runtime::format_timestamp(now)},
                                       {"tampered_event_ids", exported_.tampered}};
    Response response = json(200, "{\"export_metadata\":" + dump(metadata) + ",\"events\":[");
    response.pieces = std::move(exported_.items);
    std::string end = "],\"hash_chain_verification\":" + dump(verification);
    end += ",\"checkpoint\":" + dump(log_.note.write());
    if (query_.detached) end += ",\"detached_signature\":" + dump(note.write());
    response.pieces.push_back(end + "}");
    return response;
  }

  const EvidenceContext& context_;
  const Request& request_;
  const recording::Destination place_;
  const ExportQuery query_;
  const reading::Reader::Deadline deadline_ = context_.deadline();
  const ShownLog log_;
  evidence::EntryWriter writer_{log_.key->keys};
  encoding::Digester of_events_;
  Turns turns_;
  tlog::Hasher hasher_;
  std::map<std::string, std::string> before_;  // hash of the last event, by correlation
  Exported exported_;
};

struct ExportRoute : AtPlace {
  AtOnce at_once{kExportsAtOnce};

  awaitable<Response> run(Request& request) const {
    auto query = read_query(request, runtime::wall_now());
    if (!query) co_return invalid(query.error(), request);
    if (query->events.limit > kMaxExport)
      co_return http::problem(http::ProblemKind::kRequestTooLarge,
                              "limit: got " + std::to_string(query->events.limit) +
                                  "; allowed: an integer from 1 to 10000: take the rest by `offset`",
                              request.path);
    auto there = co_await find(request, request.access.take_all, "export");
    if (!there) co_return std::move(there.error());
    const std::string exporter = actor_of(request);
    if (exporter.empty()) co_return auth::refused(request, auth::Refusal::kMissingHeader);
    const auto place = at_once.enter();
    if (!place) co_return AtOnce::full(request);
    auto log = co_await shown_log(context, *there);
    if (!log) co_return no_log(request);
    Export one(context, request, *there, *std::move(query), *std::move(log));
    Response response = co_await one.run(exporter);
    co_return response;
  }
};

}  // namespace

void add_export_route(http::Router& router, EvidenceContext context) {
  const auto route = std::make_shared<const ExportRoute>(ExportRoute{{std::move(context)}});
  for (const char* path : {"/api/v1/audit/export", "/api/v1/workspaces/{workspace}/audit/export"})
    router.add("GET", path, [route](Request& request) { return route->run(request); });
}

}  // namespace storagepool::service
