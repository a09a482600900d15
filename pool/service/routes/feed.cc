#include "pool/service/routes/feed.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
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
// A stream says where it is as often as this, and ends after so long: the client goes on by the last
// bookmark, at whatever pod it comes to.
constexpr std::chrono::seconds kBookmarkEvery{5};
constexpr std::chrono::minutes kStreamsFor{10};

std::pair<ProblemKind, const char*> describe(CursorFault fault) {
  switch (fault) {
    case CursorFault::kBeyond:
      return {ProblemKind::kBeyondLog,
              "the log does not have so many entries: the cursor is of another log, or entries were lost"};
    case CursorFault::kPruned:
      return {ProblemKind::kPruned,
              "the cursor is of entries that the log does not have any more: their events have expired"};
    case CursorFault::kRolledBack:
      break;
  }
  return {ProblemKind::kLogRolledBack,
          "the cursor is of another log, or of entries that were lost and whose places others have"};
}

Response refused(CursorFault fault, const Request& request) {
  const auto [kind, detail] = describe(fault);
  Response response = http::problem(kind, detail, request.path);
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

// The page as lines, and where it ends.
std::string lines(FeedPage page) {
  std::string text;
  for (std::string& item : page.items) {
    // Of JSON these are white space between its parts.
    std::ranges::replace(item, '\n', ' ');
    std::ranges::replace(item, '\r', ' ');
    text += std::exchange(item, {});
    text += '\n';
  }
  return text + "{\"bookmark\":\"" + page.next.write() + "\"}\n";
}

class FeedRoutes : public std::enable_shared_from_this<FeedRoutes> {
 public:
  explicit FeedRoutes(EvidenceContext context)
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
    const std::shared_ptr<void> one(&followers_,
                                    [self = shared_from_this()](std::int64_t* followers) { --*followers; });
    const bool streams = request.header("Accept").value_or("").find(kNdjson) != std::string_view::npos;
    auto first = co_await page(request, *query, runtime::steady_now() + query->wait);
    if (!first) co_return std::move(first.error());
    co_return streams ? stream(request, *std::move(query), *std::move(first), one)
                      : answer(*std::move(first));
  }

 private:
  awaitable<std::optional<tlog::Checkpoint>> published_log() const {
    const auto note = co_await context_.checkpoint(context_.deadline());
    if (!note) co_return std::nullopt;
    auto checkpoint = tlog::Checkpoint::read(note->text);
    if (!checkpoint) co_return std::nullopt;
    co_return *std::move(checkpoint);
  }

  // From where on there is something to tell, or nothing for as long as is waited. Goes on in `query`.
  awaitable<tl::expected<FeedPage, Response>> page(Request& request, evidence::FeedQuery& query,
                                                   runtime::TimePoint until) {
    auto published = co_await published_log();
    if (!published) co_return tl::unexpected(no_log(request));
    if (!query.from) {
      const auto end = co_await feed_.end(published->size, context_.deadline());
      if (!end) co_return tl::unexpected(failed_with(end.error(), request));
      query.from = *end;
    }
    if (query.from->seq > published->size) {
      const auto told = co_await context_.grows(query.from->seq - 1, runtime::steady_now() + kBehindOthers);
      published.reset();
      if (told) published = co_await published_log();
    }
    while (published) {
      const evidence::Rendering rendering{query.format, published->origin};
      auto page = co_await feed_.read(
          *query.from, published->size, query.matching, rendering, context_.deadline(),
          [&request](std::int64_t bytes) { return request.reserve(static_cast<std::size_t>(bytes)); });
      if (!page) co_return tl::unexpected(failed_with(page.error(), request));
      query.from = page->next;
      const bool told = !page->items.empty() || !page->at_end;
      if (told || runtime::steady_now() >= until) co_return *std::move(page);
      const auto more = co_await context_.grows(page->next.seq, until);
      if (!more.value_or(false)) co_return *std::move(page);
      published = co_await published_log();
    }
    co_return tl::unexpected(no_log(request));
  }

  // What keeps it from going on is told to the request that comes after it.
  Response stream(Request& request, evidence::FeedQuery query, FeedPage first, std::shared_ptr<void> place) {
    struct State {
      evidence::FeedQuery query;
      std::optional<FeedPage> first;
      std::shared_ptr<void> place;
      const runtime::TimePoint ends = runtime::steady_now() + kStreamsFor;
    };
    const auto state = std::make_shared<State>(State{std::move(query), std::move(first), std::move(place)});
    Response response = json(200, {});
    response.content_type = kNdjson;
    response.headers.emplace_back("Cache-Control", "no-store");
    response.more = [self = shared_from_this(), state, &request]() -> awaitable<std::optional<std::string>> {
      if (auto before = std::exchange(state->first, std::nullopt)) co_return lines(*std::move(before));
      const auto now = runtime::steady_now();
      if (now >= state->ends) co_return std::nullopt;
      auto page = co_await self->page(request, state->query, std::min(now + kBookmarkEvery, state->ends));
      if (!page) co_return std::nullopt;
      co_return lines(*std::move(page));
    };
    return response;
  }

  EvidenceContext context_;
  evidence::Feed feed_;
  std::int64_t followers_ = 0;
};

}  // namespace

void add_feed_route(http::Router& router, EvidenceContext context) {
  const auto routes = std::make_shared<FeedRoutes>(std::move(context));
  router.add("GET", "/api/v1/audit/feed", [routes](Request& request) { return routes->read(request); });
}

}  // namespace storagepool::service
