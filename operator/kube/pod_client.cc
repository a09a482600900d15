#include "operator/kube/pod_client.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace storagepool::kube {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Result = tl::expected<PodResponse, ApiError>;
using Request = http::request<http::string_body>;

constexpr std::size_t kMaxHeaderBytes = 8u << 10;

struct Target {
  asio::ip::tcp::endpoint endpoint;
  std::string host;  // with the port, as in the URL
  std::string path;
};

std::optional<Target> parse_url(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  const std::size_t slash = url.find('/');
  const std::string_view authority = url.substr(0, slash);
  const std::size_t colon = authority.rfind(':');
  if (slash == std::string_view::npos || colon == std::string_view::npos) return std::nullopt;
  std::string_view host = authority.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  if (error) return std::nullopt;
  unsigned port = 0;
  for (const char c : authority.substr(colon + 1)) {
    if (c < '0' || c > '9' || port > 65535) return std::nullopt;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (port < 1 || port > 65535) return std::nullopt;
  return Target{
      {address, static_cast<std::uint16_t>(port)}, std::string(authority), std::string(url.substr(slash))};
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
}

ApiError describe(const Target& target, const error_code& error) {
  ApiError described{.reason = std::string(kReasonTransport),
                     .message = target.host + ": " + error.message()};
  if (error == beast::error::timeout) {
    described.reason = kReasonTimeout;
    described.message = target.host + ": no complete answer before the deadline";
  } else if (error == http::error::body_limit || error == http::error::header_limit ||
             error == http::error::buffer_overflow) {
    described.reason = kReasonTooLarge;
  } else if (error.category() == make_error_code(http::error::bad_version).category()) {
    described.reason = kReasonMalformed;
  }
  return described;
}

asio::awaitable<void> call(const Target& target, const Request& request, std::chrono::milliseconds deadline,
                           Result& result) {
  error_code error;
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  // Never extended: it bounds the three steps together.
  stream.expires_after(deadline);
  http::response_parser<http::string_body> parser;
  parser.header_limit(kMaxHeaderBytes);
  parser.body_limit(kMaxPodResponseBytes);
  beast::flat_buffer buffer(kMaxHeaderBytes + kMaxPodResponseBytes);
  co_await stream.async_connect(target.endpoint, asio::redirect_error(asio::use_awaitable, error));
  if (!error) co_await http::async_write(stream, request, asio::redirect_error(asio::use_awaitable, error));
  if (!error)
    co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    result = tl::unexpected(describe(target, error));
    co_return;
  }
  result = PodResponse{static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
}

class BeastPodClient final : public PodClient {
 public:
  Result get(const std::string& url, const std::string& token, std::chrono::milliseconds deadline) override {
    return send(http::verb::get, url, token, {}, deadline);
  }
  Result put(const std::string& url, const std::string& token, const std::string& body,
             std::chrono::milliseconds deadline) override {
    return send(http::verb::put, url, token, body, deadline);
  }

 private:
  static Result send(http::verb verb, const std::string& url, const std::string& token,
                     const std::string& body, std::chrono::milliseconds deadline) {
    const auto target = parse_url(url);
    if (!target || has_control_character(url) || has_control_character(token)) {
      return tl::unexpected(ApiError{.reason = std::string(kReasonMalformed),
                                     .message = "not a pod's URL, or a token that no header can hold"});
    }
    Request request(verb, target->path, 11);
    request.set(http::field::host, target->host);
    request.set(http::field::user_agent, "storagepool-operator/" STORAGEPOOL_VERSION);
    request.set(http::field::accept, "application/json");
    if (!token.empty()) request.set(http::field::authorization, "Bearer " + token);
    if (verb == http::verb::put) {
      request.set(http::field::content_type, "application/json");
      request.body() = body;
    }
    request.keep_alive(false);
    request.prepare_payload();

    Result result = tl::unexpected(ApiError{.reason = std::string(kReasonTransport), .message = "not sent"});
    asio::io_context context(1);
    std::exception_ptr thrown;
    asio::co_spawn(context, call(*target, request, std::min(deadline, kMaxPodDeadline), result),
                   [&](std::exception_ptr exception) { thrown = std::move(exception); });
    context.run();
    if (thrown) std::rethrow_exception(thrown);
    return result;
  }
};

}  // namespace

std::unique_ptr<PodClient> make_pod_client() {
  return std::make_unique<BeastPodClient>();
}

}  // namespace storagepool::kube
