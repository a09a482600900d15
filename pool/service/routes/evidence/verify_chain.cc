#include "pool/service/routes/evidence/verify_chain.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "pool/common/encoding/encoding.h"
#include "pool/common/http/message/problem.h"
#include "pool/common/runtime/clock.h"
#include "pool/event/uuid.h"
#include "pool/evidence/holds/holds.h"
#include "pool/evidence/proving/chain.h"
#include "pool/evidence/proving/proving.h"
#include "pool/service/routes/answers.h"
#include "pool/service/routes/evidence/at_once.h"
#include "pool/service/routes/evidence/at_place.h"
#include "pool/service/routes/evidence/text_members.h"
#include "pool/service/routes/evidence/turns.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using evidence::Chain;
using evidence::ChainReport;
using http::Request;
using http::Response;
using nlohmann::ordered_json;

// An answer comes before clients and proxies usually give up.
constexpr std::chrono::seconds kLooksFor{20};
// Each reads what may be all of a correlation, and a part of the log.
constexpr int kAtOnce = 2;
constexpr std::int64_t kPage = 500;
constexpr std::int64_t kMaxEntries = 2'000'000;

void add_hash(ordered_json& object, const char* name, const std::optional<tlog::Hash>& hash) {
  if (hash) object[name] = encoding::encode_hex(*hash);
}

ordered_json to_object(const evidence::TamperedEvent& event) {
  ordered_json object = {{"event_id", event.event_id},
                         {"event_timestamp", runtime::format_timestamp(event.event_timestamp)}};
  add_hash(object, "expected_hash", event.expected);
  add_hash(object, "actual_hash", event.actual);
  add_hash(object, "previous_hash", event.previous);
  object["message"] = event.message;
  return object;
}

std::string message_of(const ChainReport& report, bool complete) {
  std::string text = report.total + report.missing == 0 ? "No events found for correlation_id"
                     : report.is_valid() ? "Hash chain verified successfully: no tampering detected"
                                         : "Hash chain verification FAILED: tampering detected";
  if (report.missing > 0) text += "; events of the log are missing: " + std::to_string(report.missing);
  if (report.more_tampered > 0)
    text += "; tampered events that are not listed: " + std::to_string(report.more_tampered);
  if (!complete) text += "; not all was looked at";
  return text;
}

std::string to_json(const std::string& correlation_id, const ChainReport& report, bool complete,
                    const tlog::Note& note) {
  ordered_json body = {{"correlation_id", correlation_id},
                       {"is_valid", report.is_valid()},
                       {"total_events", report.total},
                       {"verified_events", report.verified}};
  if (report.skipped > 0) body["skipped_null_hash"] = report.skipped;
  body["pending_events"] = report.pending;
  body["erased_events"] = report.erased;
  body["missing_events"] = report.missing;
  if (!report.tampered.empty()) {
    ordered_json& tampered = body["tampered_events"] = ordered_json::array();
    for (const auto& event : report.tampered) tampered.push_back(to_object(event));
  }
  body["complete"] = complete;
  body["checkpoint"] = note.write();
  body["verification_time"] = runtime::format_timestamp(runtime::wall_now());
  body["message"] = message_of(report, complete);
  return body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// One verification.
class Verification {
 public:
  Verification(const EvidenceContext& context, const Request& request, std::string database,
               std::string correlation_id, ShownLog log)
      : context_(context),
        request_(request),
        database_(std::move(database)),
        correlation_id_(std::move(correlation_id)),
        log_(std::move(log)),
        writer_(log_.key->keys),
        chain_(log_.key->keys, correlation_id_) {}

  awaitable<Response> run() {
    auto refusal = co_await take_events();
    if (!refusal && complete_) refusal = co_await look_for_others();
    co_return refusal ? std::move(*refusal)
                      : json(200, to_json(correlation_id_, chain_.report(), complete_, log_.note));
  }

 private:
  using Refusal = std::optional<Response>;  // no value: there is none
  using Tag = std::array<std::uint8_t, evidence::kTagBytes>;

  // Of what the largest page before held, `left` is not used again yet.
  bool reserve(std::int64_t bytes, std::int64_t& left) {
    const std::int64_t again = std::min(left, bytes);
    left -= again;
    if (!request_.reserve(static_cast<std::size_t>(bytes - again))) return false;
    held_ += bytes - again;
    return true;
  }

  bool goes_on() {
    complete_ = runtime::steady_now() < until_;
    return complete_;
  }

  awaitable<Refusal> take_events() {
    reading::ListQuery query{.correlation_id = correlation_id_, .limit = kPage};
    while (goes_on()) {
      auto page = co_await context_.reader.list(
          database_, query, deadline_,
          [this, left = held_](std::int64_t bytes) mutable { return reserve(bytes, left); }, request_.gone);
      if (!page) {
        if (page.error().kind != tables::StoreError::Kind::kPageTooLarge || query.limit == 1)
          co_return failed(page.error(), request_);
        query.limit /= 2;
        continue;
      }
      auto refusal = co_await take(page->events);
      if (refusal) co_return refusal;
      complete_ = !chain_.is_full();
      if (!page->pagination.next || !complete_) break;
      query.cursor = reading::parse_cursor(*page->pagination.next);
    }
    co_return std::nullopt;
  }

  awaitable<Refusal> take(const std::vector<event::Event>& events) {
    auto leased = co_await context_.reader.lease(database_, deadline_, request_.gone);
    if (!leased) co_return failed(leased.error(), request_);
    evidence::LogReader reader(*leased->connection, deadline_);
    const auto rows = co_await reader.look_at(events, log_.checkpoint, log_.note, writer_);
    if (!rows) co_return failed(rows.error(), request_);
    for (std::size_t i = 0; i < events.size(); ++i) {
      chain_.take(events[i], (*rows)[i].batch, (*rows)[i].logged);
      if (turns_.over(events[i].event_data.size())) co_await boost::asio::post(boost::asio::use_awaitable);
    }
    co_return std::nullopt;
  }

  // Entries whose events are gone or are of another correlation now: around its events, or in the newest part
  // of the log where nothing of it is left.
  awaitable<Refusal> look_for_others() {
    constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
    const auto range = chain_.batches().value_or(std::pair(std::int64_t{0}, kLast));
    auto judged_at = co_await when_expired_ones_went();
    if (!judged_at) co_return std::move(judged_at.error());
    for (const Tag& tag : chain_.tags()) {
      auto refusal = co_await look_for_others(range, tag, *judged_at);
      if (refusal || !complete_) co_return refusal;
    }
    co_return std::nullopt;
  }

  awaitable<Refusal> look_for_others(std::pair<std::int64_t, std::int64_t> range, Tag tag,
                                     runtime::Timestamp judged_at) {
    std::optional<std::int64_t> next = range.second;
    for (std::int64_t looked_at = 0; next && goes_on();) {
      range.second = *next;
      auto tagged = co_await tagged_in(range, tag);
      if (!tagged) co_return std::move(tagged.error());
      for (const evidence::TaggedEntry& one : tagged->found) {
        if (!chain_.is_wanted(one.entry, judged_at)) continue;
        if (!goes_on()) co_return std::nullopt;
        auto refusal = co_await find(one);
        if (refusal) co_return refusal;
      }
      next = tagged->next;
      looked_at += tagged->looked_at;
      complete_ = !next || looked_at < kMaxEntries;
      if (!complete_) break;
    }
    co_return std::nullopt;
  }

  // What had not expired by then is there: a legal hold has kept it since.
  awaitable<tl::expected<runtime::Timestamp, Response>> when_expired_ones_went() {
    auto leased = co_await context_.reader.lease(database_, deadline_, request_.gone);
    if (!leased) co_return tl::unexpected(failed(leased.error(), request_));
    const auto holds =
        co_await evidence::holds_of(*leased->connection, std::span(&correlation_id_, 1), deadline_);
    if (!holds) co_return tl::unexpected(failed(tables::to_store_error(holds.error()), request_));
    const runtime::Timestamp now = runtime::wall_now();
    co_return holds->empty() ? now : std::min(now, holds->begin()->second.placed_at);
  }

  awaitable<tl::expected<evidence::Tagged, Response>> tagged_in(std::pair<std::int64_t, std::int64_t> range,
                                                                Tag tag) {
    auto leased = co_await context_.reader.lease(database_, deadline_, request_.gone);
    if (!leased) co_return tl::unexpected(failed(leased.error(), request_));
    evidence::LogReader reader(*leased->connection, deadline_);
    auto tagged = co_await reader.tagged(range, tag);
    if (!tagged) co_return tl::unexpected(failed(tagged.error(), request_));
    co_return *std::move(tagged);
  }

  awaitable<Refusal> find(const evidence::TaggedEntry& tagged) {
    const std::string event_id = event::format_uuid(tagged.entry.event_id);
    const auto event = co_await context_.reader.get(database_, event_id, deadline_, request_.gone);
    if (!event) co_return failed(event.error(), request_);
    auto leased = co_await context_.reader.lease(database_, deadline_, request_.gone);
    if (!leased) co_return failed(leased.error(), request_);
    evidence::LogReader reader(*leased->connection, deadline_);
    if (*event) {
      const auto rows = co_await reader.look_at(std::span(&**event, 1), log_.checkpoint, log_.note, writer_);
      if (!rows) co_return failed(rows.error(), request_);
      chain_.found(tagged.entry, *event, rows->front().batch, rows->front().logged);
      co_return std::nullopt;
    }
    const auto logged = co_await reader.look(event_id, tagged.batch, log_.checkpoint, log_.note, writer_);
    if (!logged) co_return failed(logged.error(), request_);
    chain_.found(tagged.entry, std::nullopt, tagged.batch, *logged);
    co_return std::nullopt;
  }

  const EvidenceContext& context_;
  const Request& request_;
  const std::string database_;
  const std::string correlation_id_;
  const ShownLog log_;
  const runtime::TimePoint until_ = runtime::steady_now() + kLooksFor;
  const reading::Reader::Deadline deadline_ = context_.deadline();
  evidence::EntryWriter writer_;
  Chain chain_;
  Turns turns_;
  std::int64_t held_ = 0;  // reserved for pages, one at a time
  bool complete_ = true;
};

struct VerificationRoute : AtPlace {
  AtOnce at_once{kAtOnce};

  awaitable<Response> verify(Request& request) const {
    if (auto refusal = TextMembers::refuse(request)) co_return std::move(*refusal);
    TextMembers given(request.body);
    const std::string correlation_id = given.take("correlation_id", kMaxCorrelationId);
    if (!given.errors().empty()) co_return invalid(given.errors(), request);
    auto there = co_await find(request, request.access.verify, "verify");
    if (!there) co_return std::move(there.error());
    const auto place = at_once.enter();
    if (!place) co_return AtOnce::full(request);
    auto log = co_await shown_log(context, *there);
    if (!log) co_return no_log(request);
    Verification verification(context, request, there->database, correlation_id, *std::move(log));
    Response response = co_await verification.run();
    co_return response;
  }
};

}  // namespace

void add_verify_chain_route(http::Router& router, EvidenceContext context) {
  const auto route = std::make_shared<const VerificationRoute>(VerificationRoute{{std::move(context)}});
  for (const char* base : {"/api/v1/audit/verify-chain", "/api/v1/workspaces/{workspace}/audit/verify-chain"})
    router.add("POST", base, [route](Request& request) { return route->verify(request); });
}

}  // namespace storagepool::service
