#include "pool/service/routes/journal.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "pool/common/encoding/encoding.h"
#include "pool/common/http/message/problem.h"
#include "pool/common/json/json.h"
#include "pool/common/runtime/log.h"
#include "pool/event/serialize.h"
#include "pool/event/text.h"
#include "pool/service/routes/answers.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using http::ProblemKind;
using http::Request;
using http::Response;
using journal::Amount;
using journal::KeptUnit;
using journal::Part;
using nlohmann::ordered_json;

constexpr std::size_t kPageBytes = std::size_t{4} * 1024 * 1024;
constexpr std::size_t kMaxWorkspaces = 1000;

struct Query {
  journal::Page page;
  bool ndjson = false;
};

event::FieldErrors one_wrong(const char* field, std::string_view given, const std::string& allowed) {
  return {{field, "got " + event::quoted(given) + "; allowed: " + allowed}};
}

tl::expected<std::int64_t, event::FieldErrors> integer(const Request& request, const char* name,
                                                       std::int64_t absent, std::int64_t least,
                                                       std::int64_t most) {
  const auto given = request.query_value(name);
  if (!given) return absent;
  const auto value = json::parse_integer(*given);
  if (value && *value >= least && *value <= most) return *value;
  return tl::unexpected(
      one_wrong(name, *given, "an integer from " + std::to_string(least) + " to " + std::to_string(most)));
}

tl::expected<Query, event::FieldErrors> read_query(const Request& request) {
  Query query;
  const std::string_view part = request.query_value("part").value_or("set-aside");
  if (part != "set-aside" && part != "waiting") {
    return tl::unexpected(one_wrong("part", part, "set-aside, waiting"));
  }
  const std::string_view format = request.query_value("format").value_or("");
  if (!format.empty() && format != "json" && format != "ndjson") {
    return tl::unexpected(one_wrong("format", format, "json, ndjson"));
  }
  const auto after = integer(request, "after", 0, 0, std::numeric_limits<std::int64_t>::max());
  if (!after) return tl::unexpected(after.error());
  const auto limit = integer(request, "limit", kDefaultLimit, 1, kMaxLimit);
  if (!limit) return tl::unexpected(limit.error());
  query.page = {.part = part == "waiting" ? Part::kWaiting : Part::kSetAside,
                .after = *after,
                .max_units = static_cast<std::size_t>(*limit),
                .max_bytes = kPageBytes};
  query.ndjson =
      format == "ndjson" ||
      (format.empty() && request.header("Accept").value_or("").find(kNdjson) != std::string_view::npos);
  return query;
}

ordered_json to_json(const Amount& amount) {
  return {{"units", amount.units}, {"events", amount.events}, {"bytes", amount.bytes}};
}

ordered_json figures(const journal::Statistics& now) {
  ordered_json body = {{"durable", now.durable}};
  if (!now.durable) body["reason"] = now.not_durable_because;
  body["used"] = now.used;
  body["diskBytes"] = now.disk_bytes;
  body["maxBytes"] = now.max_bytes;
  body["waiting"] = to_json(now.waiting);
  if (now.oldest) body["waiting"]["oldest"] = runtime::format_timestamp(*now.oldest);
  body["setAside"] = to_json(now.aside);
  if (now.salvages > 0) {
    body["salvaged"] = to_json(now.salvaged);
    body["salvaged"]["times"] = now.salvages;
    body["salvaged"]["damagedUnits"] = now.damaged;
    body["salvaged"]["keptAs"] = now.kept_as;
  }
  return body;
}

ordered_json to_json(const journal::WaitingWorkspace& workspace) {
  ordered_json body = {{"workspace", workspace.workspace}};
  body.update(to_json(workspace.amount));
  body["oldest"] = runtime::format_timestamp(workspace.oldest);
  return body;
}

// What is said of a unit besides its events.
ordered_json about(const KeptUnit& unit) {
  ordered_json body = {{"sequence", unit.sequence},
                       {"workspace", unit.workspace},
                       {"incarnation", unit.incarnation},
                       {"appendedAt", runtime::format_timestamp(unit.appended_at)}};
  if (unit.set_aside_at) {
    body["setAsideAt"] = runtime::format_timestamp(*unit.set_aside_at);
    body["reason"] = unit.reason;
  }
  return body;
}

ordered_json listed(const KeptUnit& unit) {
  ordered_json body = about(unit);
  body["readable"] = unit.unreadable.empty();
  body["events"] = unit.events.size();
  body["eventIds"] = ordered_json::array();
  for (const event::Event& event : unit.events) body["eventIds"].push_back(event.event_id);
  return body;
}

// A line for each event, as the API lists it; one with the bytes for a unit that cannot be read.
std::string lines_of(const KeptUnit& unit) {
  const std::string head = dump(about(unit));
  const std::string open = head.substr(0, head.size() - 1);
  if (!unit.unreadable.empty()) {
    return open + ",\"unreadable\":\"" + encoding::encode_base64(unit.unreadable) + "\"}\n";
  }
  std::string lines;
  for (const event::Event& event : unit.events) lines += open + ",\"event\":" + event::to_json(event) + "}\n";
  return lines;
}

using Sequences = std::vector<std::int64_t>;

struct Wish {
  bool drop = false;
  std::optional<Sequences> sequences;  // none: all
  std::optional<std::int64_t> confirmed;
};

std::optional<Sequences> read_sequences(const ordered_json& given) {
  if (!given.is_array() || given.empty()) return std::nullopt;
  Sequences sequences;
  for (const ordered_json& element : given) {
    if (!element.is_number_integer() || element.get<std::int64_t>() < 1) return std::nullopt;
    sequences.push_back(element.get<std::int64_t>());
  }
  return sequences;
}

tl::expected<Wish, event::FieldErrors> read_wish(const std::string& text) {
  const ordered_json body = ordered_json::parse(text, nullptr, false);
  if (!body.is_object()) return tl::unexpected(one_wrong("body", text.substr(0, 100), "a JSON object"));
  Wish wish;
  const ordered_json action = body.value("action", ordered_json());
  if (action != "put-back" && action != "drop") {
    return tl::unexpected(one_wrong("action", dump(action), "put-back, drop"));
  }
  wish.drop = action == "drop";
  const ordered_json given = body.value("sequences", ordered_json());
  wish.sequences = read_sequences(given);
  if (!wish.sequences && (wish.drop || given != "all")) {
    return tl::unexpected(one_wrong(
        "sequences", dump(given).substr(0, 100),
        std::string("an array of the sequences that the list shows") + (wish.drop ? "" : ", or \"all\"")));
  }
  const ordered_json confirm = body.value("confirm", ordered_json());
  if (confirm.is_number_integer()) wish.confirmed = confirm.get<std::int64_t>();
  return wish;
}

Response failure(const journal::Error& error, const Request& request) {
  constexpr std::chrono::seconds kRetryAfter{5};
  return unavailable(error.detail, kRetryAfter, request);
}

struct JournalRoutes {
  std::function<journal::Journal*()> journal;

  static Response without_journal(const Request& request) {
    return http::problem(ProblemKind::kNotFound, "this pod has no journal (spec.journal.size is \"0\")",
                         request.path);
  }

  awaitable<Response> get(Request& request) const {
    journal::Journal* kept = journal();
    if (kept == nullptr) co_return without_journal(request);
    const auto query = read_query(request);
    if (!query) co_return invalid(query.error(), request);
    const auto units = co_await kept->read(query->page);
    if (query->ndjson) {
      if (!units) co_return failure(units.error(), request);
      Response response;
      response.content_type = kNdjson;
      for (const KeptUnit& unit : *units) response.body += lines_of(unit);
      co_return response;
    }
    ordered_json body = figures(kept->statistics());
    const auto workspaces = co_await kept->waiting();
    if (!units || !workspaces) {
      // The figures are what is asked for first when the disk fails.
      body["error"] = units ? workspaces.error().detail : units.error().detail;
      co_return service::json(200, dump(body));
    }
    describe(*workspaces, *units, body);
    co_return service::json(200, dump(body));
  }

  static void describe(const std::vector<journal::WaitingWorkspace>& workspaces,
                       const std::vector<KeptUnit>& units, ordered_json& body) {
    body["workspaces"] = ordered_json::array();
    const std::size_t shown = std::min(workspaces.size(), kMaxWorkspaces);
    for (std::size_t i = 0; i < shown; ++i) body["workspaces"].push_back(to_json(workspaces[i]));
    if (workspaces.size() > shown) body["workspacesNotShown"] = workspaces.size() - shown;
    body["units"] = ordered_json::array();
    for (const KeptUnit& unit : units) body["units"].push_back(listed(unit));
    if (!units.empty()) body["next"] = units.back().sequence;
  }

  awaitable<Response> post(Request& request) const {
    journal::Journal* kept = journal();
    if (kept == nullptr) co_return without_journal(request);
    auto wish = read_wish(request.body);
    if (!wish) co_return invalid(wish.error(), request);
    if (wish->drop) {
      auto dropped = co_await drop(*kept, request, *wish->sequences, wish->confirmed);
      co_return dropped;
    }
    auto putting = wish->sequences ? kept->put_back(std::move(*wish->sequences)) : put_back_all(*kept);
    const auto back = co_await std::move(putting);
    if (!back) co_return failure(back.error(), request);
    co_return answer("putBack", *back, request);
  }

  // What the replay sets aside again meanwhile keeps its sequence, and is not met twice.
  static awaitable<tl::expected<Amount, journal::Error>> put_back_all(journal::Journal& kept) {
    Amount sum;
    journal::Page page{
        .part = Part::kSetAside, .max_units = static_cast<std::size_t>(kMaxLimit), .max_bytes = kPageBytes};
    for (;;) {
      const auto units = co_await kept.read(page);
      if (!units) co_return tl::unexpected(units.error());
      if (units->empty()) co_return sum;
      Sequences sequences;
      for (const KeptUnit& unit : *units) sequences.push_back(unit.sequence);
      page.after = sequences.back();
      const auto back = co_await kept.put_back(std::move(sequences));
      if (!back) co_return tl::unexpected(back.error());
      sum += *back;
    }
  }

  static awaitable<Response> drop(journal::Journal& kept, const Request& request, Sequences sequences,
                                  std::optional<std::int64_t> confirmed) {
    const auto drop = co_await kept.drop(std::move(sequences), confirmed.value_or(-1));
    if (!drop) co_return failure(drop.error(), request);
    if (!drop->done) {
      const std::string events = std::to_string(drop->amount.events);
      co_return http::problem(ProblemKind::kConflict,
                              "nothing is dropped: this gives up " + events + " events of " +
                                  std::to_string(drop->amount.units) +
                                  " units set aside, for good; export them first, then repeat with "
                                  "\"confirm\": " +
                                  events,
                              request.path);
    }
    co_return answer("dropped", drop->amount, request);
  }

  static Response answer(const char* what, const Amount& amount, const Request& request) {
    log::warn("a person has changed what is set aside in the journal", {{"action", what},
                                                                        {"units", amount.units},
                                                                        {"events", amount.events},
                                                                        {"request", request.request_id}});
    return service::json(200, dump({{what, to_json(amount)}}));
  }
};

}  // namespace

void add_journal_routes(http::Router& router, std::function<journal::Journal*()> journal) {
  const auto routes = std::make_shared<const JournalRoutes>(JournalRoutes{std::move(journal)});
  router.add("GET", "/admin/journal", [routes](Request& request) { return routes->get(request); });
  router.add("POST", "/admin/journal", [routes](Request& request) { return routes->post(request); });
}

}  // namespace storagepool::service
