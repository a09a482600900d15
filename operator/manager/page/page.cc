#include "operator/manager/page/page.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "operator/kube/kube.h"
#include "operator/kube/transport/cpprest_transport.h"
#include "operator/manager/page/assets.h"
#include "pool/common/http/message/problem.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/promise.h"

namespace storagepool::manager {
namespace {

using http::ProblemKind;
using http::Request;
using http::Response;

constexpr std::chrono::seconds kDeadline{30};
constexpr std::size_t kMostTokenBytes = std::size_t{8} * 1024;
constexpr std::string_view kBearer = "Bearer ";

// Nothing but the page's own files is loaded or asked, and nobody may frame it.
Response guarded(Response response) {
  response.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
      "form-action 'none'; frame-ancestors 'none'");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

void add_file(http::Router& router, std::string_view path, std::string_view type, std::string_view text) {
  router.add("GET", path, [type, text](Request&) -> boost::asio::awaitable<Response> {
    Response response;
    response.content_type = type;
    response.body = text;
    co_return guarded(std::move(response));
  });
}

boost::asio::awaitable<Response> to_the_page(Request&) {
  Response response;
  response.status = 302;
  response.headers.emplace_back("Location", "/ui");
  co_return guarded(std::move(response));
}

// Empty: none that could be sent on in a header.
std::string token_of(const Request& request) {
  const auto authorization = request.header("Authorization");
  if (!authorization || !authorization->starts_with(kBearer)) return {};
  const std::string_view token = authorization->substr(kBearer.size());
  const bool sane = token.size() <= kMostTokenBytes &&
                    std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
  return sane ? std::string(token) : std::string();
}

// The API server's own word where it refuses.
Response refused(const kube::ApiError& error, const std::string& path) {
  const auto kind = error.status == 401   ? ProblemKind::kUnauthorized
                    : error.status == 403 ? ProblemKind::kForbidden
                                          : ProblemKind::kUnavailable;
  return http::problem(kind, "the API server says: " + error.to_string(), path);
}

}  // namespace

StoragePools storage_pools_as(const Onlooker& who, const kube::ClientConfig& config,
                              const std::stop_token& stop) {
  kube::ClientConfig theirs = config;
  theirs.client_certificate_pem.clear();
  theirs.client_key_pem.clear();
  theirs.token_file.clear();
  theirs.token = who.token;
  const auto transport = kube::make_transport(theirs);
  if (!transport) {
    return tl::unexpected(
        kube::ApiError{.reason = std::string(kube::kReasonTransport), .message = transport.error()});
  }
  auto list = kube::Client(**transport, "storagepool-operator")
                  .list(kube::resources::kStoragePools, {.name_space = who.name_space, .stop = stop});
  if (!list) return tl::unexpected(std::move(list.error()));
  return std::move(list->items);
}

Page::Page(Read read, AnswersOf answers_of) : read_(std::move(read)), answers_of_(std::move(answers_of)) {}

Page::~Page() {
  stop_.request_stop();
  thread_.join();
}

void Page::add_routes(http::Router& router) {
  router.add("GET", "/", to_the_page);
  add_file(router, "/ui", "text/html; charset=utf-8", page_html());
  add_file(router, "/ui/page.css", "text/css; charset=utf-8", page_css());
  add_file(router, "/ui/page.js", "text/javascript; charset=utf-8", page_js());
  router.add("GET", "/ui/state", [this](Request& request) { return state(request); });
}

boost::asio::awaitable<Response> Page::state(Request& request) {
  std::string token = token_of(request);
  if (token.empty()) {
    Response response = http::problem(ProblemKind::kUnauthorized,
                                      "send a Kubernetes token: Authorization: Bearer ...", request.path);
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    co_return guarded(std::move(response));
  }
  if (waiting_ >= kMostWaiting) {
    Response response = http::problem(ProblemKind::kUnavailable, "others are being answered", request.path);
    response.headers.emplace_back("Retry-After", "1");
    co_return guarded(std::move(response));
  }
  ++waiting_;
  using Outcome = tl::expected<std::string, kube::ApiError>;
  runtime::Promise<Outcome> promise(co_await boost::asio::this_coro::executor);
  Onlooker who{std::move(token), std::string(request.query_value("namespace").value_or(""))};
  boost::asio::post(thread_, [this, giver = promise.giver(), who = std::move(who)]() mutable {
    if (!giver.wanted()) return;
    const StoragePools read = read_(who, stop_.get_token());
    if (!read) {
      giver.give(tl::unexpected(read.error()));
      return;
    }
    giver.give(page_state(*read, answers_of_).dump(-1, ' ', false, kube::Json::error_handler_t::replace));
  });
  const auto outcome = co_await promise.wait_until(runtime::steady_now() + kDeadline);
  --waiting_;
  if (!outcome) {
    co_return guarded(
        http::problem(ProblemKind::kUnavailable, "the API server did not answer in time", request.path));
  }
  if (!*outcome) co_return guarded(refused(outcome->error(), request.path));
  Response response;
  response.body = **outcome;
  co_return guarded(std::move(response));
}

}  // namespace storagepool::manager
