#include "pool/service/routes/feed.h"

#include <chrono>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "pool/common/http/problem.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/evidence/feed/feed.h"
#include "pool/evidence/feed/query.h"
#include "pool/service/routes/answers.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using evidence::CursorFault;
using evidence::FeedCursor;
using evidence::FeedError;
using evidence::FeedPage;
using http::ProblemKind;
using http::Request;
using http::Response;

// Requests at once, each of which holds a connection of the server for as long as it waits.
constexpr std::int64_t kMostFollowers = 1000;
// For what another pod has shown and this one has not seen yet.
constexpr std::chrono::seconds kBehindOthers{3};
constexpr std::size_t kPieceBytes = std::size_t{256} * 1024;

Response refused(CursorFault fault, const Request& request) {
  const bool beyond = fault == CursorFault::kBeyond;
  Response response = http::problem(
      beyond ? ProblemKind::kBeyondLog : ProblemKind::kLogRolledBack,
      beyond ? "the log does not have so many entries: the cursor is of another log, or entries were lost"
             : "the cursor is of another log, or of entries that were lost and whose places others have",
      request.path);
  auto body = nlohmann::ordered_json::parse(response.body);
  body["resume_from"] = FeedCursor{}.write();
  response.body = body.dump();
  return response;
}

Response failed_with(const FeedError& error, const Request& request) {
  return std::visit(
      [&](const auto& one) {
        if constexpr (std::is_same_v<std::decay_t<decltype(one)>, CursorFault>)
          return refused(one, request);
        else
          return failed(one, request);
      },
      error);
}

Response answer(FeedPage page) {
  Response response = json(200, {});
  response.headers.emplace_back("Cache-Control", "no-store");
  std::vector<std::string>& pieces = response.pieces;
  pieces.emplace_back("{\"data\":[");
  bool first = true;
  for (std::string& item : page.items) {
    if (!std::exchange(first, false)) pieces.back() += ',';
    if (pieces.back().size() >= kPieceBytes) pieces.emplace_back();
    pieces.back() += std::exchange(item, {});
  }
  pieces.back() +=
      "],\"next\":\"" + page.next.write() + "\",\"at_end\":" + (page.at_end ? "true" : "false") + "}";
  return response;
}

class Routes {
 public:
  explicit Routes(EvidenceContext context)
      : context_(std::move(context)), feed_(context_.reader, context_.database) {}

  awaitable<Response> read(Request& request) {
    auto query = evidence::parse_feed_query(request.query, runtime::wall_now());
    if (!query) co_return invalid(query.error(), request);
    if (auto refusal = refuse(context_, request)) co_return std::move(*refusal);
    query->matching.sees_sensitive = request.access.sensitive;
    if (followers_ >= kMostFollowers)
      co_return unavailable(std::to_string(kMostFollowers) + " requests read the feed already",
                            std::chrono::seconds{5}, request);
    ++followers_;
    const std::unique_ptr<std::int64_t, void (*)(std::int64_t*)> one(
        &followers_, [](std::int64_t* followers) { --*followers; });
    Response response = co_await follow(request, *std::move(query));
    co_return response;
  }

 private:
  awaitable<std::optional<std::uint64_t>> size() const {
    const auto note = co_await context_.checkpoint(context_.deadline());
    if (!note) co_return std::nullopt;
    const auto checkpoint = tlog::Checkpoint::read(note->text);
    if (!checkpoint) co_return std::nullopt;
    co_return checkpoint->size;
  }

  // From where on there is something to tell, or nothing for as long as is waited.
  awaitable<Response> follow(Request& request, evidence::FeedQuery query) {
    const auto until = runtime::steady_now() + query.wait;
    auto published = co_await size();
    if (!published) co_return no_log(request);
    if (!query.from) {
      const auto end = co_await feed_.end(*published, context_.deadline());
      if (!end) co_return failed_with(end.error(), request);
      query.from = *end;
    }
    if (query.from->seq > *published) {
      const auto told = co_await context_.grows(query.from->seq - 1, runtime::steady_now() + kBehindOthers);
      published.reset();
      if (told) published = co_await size();
    }
    while (published) {
      auto page = co_await feed_.read(
          *query.from, *published, query.matching, context_.deadline(),
          [&request](std::int64_t bytes) { return request.reserve(static_cast<std::size_t>(bytes)); });
      if (!page) co_return failed_with(page.error(), request);
      const bool told = !page->items.empty() || !page->at_end;
      if (told || runtime::steady_now() >= until) co_return answer(*std::move(page));
      const auto more = co_await context_.grows(page->next.seq, until);
      if (!more.value_or(false)) co_return answer(*std::move(page));
      query.from = page->next;
      published = co_await size();
    }
    co_return no_log(request);
  }

  EvidenceContext context_;
  evidence::Feed feed_;
  std::int64_t followers_ = 0;
};

}  // namespace

void add_feed_route(http::Router& router, EvidenceContext context) {
  const auto routes = std::make_shared<Routes>(std::move(context));
  router.add("GET", "/api/v1/audit/feed", [routes](Request& request) { return routes->read(request); });
}

}  // namespace storagepool::service
