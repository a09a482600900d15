#include "pool/service/routes/evidence/feed.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "pool/common/http/message/problem.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/evidence/feed/feed.h"
#include "pool/evidence/feed/query.h"
#include "pool/service/routes/answers.h"
#include "pool/service/routes/evidence/at_place.h"

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

// Requests at once, each of which holds a connection of the server for as long as it waits. In a workspace it
// has PostgreSQL asked meanwhile.
constexpr std::int64_t kMostFollowers = 1000;
constexpr std::int64_t kMostInWorkspaces = 100;
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
  explicit FeedRoutes(EvidenceContext context) : at_{std::move(context)} {}

  awaitable<Response> read(Request& request) {
    auto query = evidence::parse_feed_query(request.query, runtime::wall_now());
    if (!query) co_return invalid(query.error(), request);
    auto there = co_await at_.find(request, request.access.take_all, "export");
    if (!there) co_return std::move(there.error());
    query->matching.sees_sensitive = request.access.sensitive;
    const bool in_workspace = !there->workspace.empty();
    std::int64_t& followers = in_workspace ? in_workspaces_ : followers_;
    const std::int64_t most = in_workspace ? kMostInWorkspaces : kMostFollowers;
    if (followers >= most)
      co_return unavailable(std::to_string(most) + " requests read the feed" +
                                (in_workspace ? " of workspaces" : "") + " already",
                            std::chrono::seconds{5}, request);
    ++followers;
    const std::shared_ptr<void> one(&followers, [self = shared_from_this()](std::int64_t* all) { --*all; });
    const bool streams = request.header("Accept").value_or("").find(kNdjson) != std::string_view::npos;
    auto first = co_await page(request, *there, *query, runtime::steady_now() + query->wait);
    if (!first) co_return std::move(first.error());
    if (!streams) co_return answer(*std::move(first));
    co_return stream(request, *std::move(there), *std::move(query), *std::move(first), one);
  }

 private:
  awaitable<std::optional<tlog::Checkpoint>> published_log(const recording::Destination& there) const {
    auto log = co_await shown_log(at_.context, there);
    if (!log) co_return std::nullopt;
    co_return std::move(log->checkpoint);
  }

  awaitable<Response> failed_with(FeedError error, const recording::Destination& there,
                                  const Request& request) const {
    if (const auto* fault = std::get_if<CursorFault>(&error)) co_return refused(*fault, request);
    if (const auto* broken = std::get_if<evidence::LogError>(&error)) co_return failed(*broken, request);
    co_return co_await at_.failed_at(std::get<tables::StoreError>(std::move(error)), there, request);
  }

  // From where on there is something to tell, or nothing for as long as is waited. Goes on in `query`.
  awaitable<tl::expected<FeedPage, Response>> page(Request& request, const recording::Destination& there,
                                                   evidence::FeedQuery& query, runtime::TimePoint until) {
    evidence::Feed feed(at_.context.reader, there.database);
    auto published = co_await published_log(there);
    if (!published) co_return tl::unexpected(no_log(request));
    if (!query.from) {
      const auto end = co_await feed.end(published->size, at_.context.deadline(), request.gone);
      if (!end) {
        Response refusal = co_await failed_with(end.error(), there, request);
        co_return tl::unexpected(std::move(refusal));
      }
      query.from = *end;
    }
    if (query.from->seq > published->size) {
      const auto told =
          co_await at_.context.grows(there, query.from->seq - 1, runtime::steady_now() + kBehindOthers);
      published.reset();
      if (told) published = co_await published_log(there);
    }
    while (published) {
      const evidence::Rendering rendering{query.format, published->origin};
      auto page = co_await feed.read(
          *query.from, published->size, query.matching, rendering, at_.context.deadline(),
          [&request](std::int64_t bytes) { return request.reserve(static_cast<std::size_t>(bytes)); },
          request.gone);
      if (!page) {
        Response refusal = co_await failed_with(page.error(), there, request);
        co_return tl::unexpected(std::move(refusal));
      }
      query.from = page->next;
      const bool told = !page->items.empty() || !page->at_end;
      if (told || runtime::steady_now() >= until) co_return *std::move(page);
      const auto more = co_await at_.context.grows(there, page->next.seq, until);
      if (!more.value_or(false)) co_return *std::move(page);
      published = co_await published_log(there);
    }
    co_return tl::unexpected(no_log(request));
  }

  // What keeps it from going on is told to the request that comes after it.
  Response stream(Request& request, recording::Destination there, evidence::FeedQuery query, FeedPage first,
                  std::shared_ptr<void> place) {
    struct State {
      recording::Destination there;
      evidence::FeedQuery query;
      std::optional<FeedPage> first;
      std::shared_ptr<void> place;
      const runtime::TimePoint ends = runtime::steady_now() + kStreamsFor;
    };
    const auto state = std::make_shared<State>(
        State{std::move(there), std::move(query), std::move(first), std::move(place)});
    Response response = json(200, {});
    response.content_type = kNdjson;
    response.headers.emplace_back("Cache-Control", "no-store");
    response.more = [self = shared_from_this(), state, &request]() -> awaitable<std::optional<std::string>> {
      if (auto before = std::exchange(state->first, std::nullopt)) co_return lines(*std::move(before));
      const auto now = runtime::steady_now();
      if (now >= state->ends) co_return std::nullopt;
      auto page = co_await self->page(request, state->there, state->query,
                                      std::min(now + kBookmarkEvery, state->ends));
      if (!page) co_return std::nullopt;
      co_return lines(*std::move(page));
    };
    return response;
  }

  AtPlace at_;
  std::int64_t followers_ = 0;      // of the system database
  std::int64_t in_workspaces_ = 0;  // of all of them
};

}  // namespace

void add_feed_route(http::Router& router, EvidenceContext context) {
  const auto routes = std::make_shared<FeedRoutes>(std::move(context));
  for (const char* path : {"/api/v1/audit/feed", "/api/v1/workspaces/{workspace}/audit/feed"})
    router.add("GET", path, [routes](Request& request) { return routes->read(request); });
}

}  // namespace storagepool::service
