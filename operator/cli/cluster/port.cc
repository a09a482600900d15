#include "operator/cli/cluster/port.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

namespace storagepool::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::awaitable;
using PodResult = tl::expected<PodAnswer, std::string>;
using Stream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<Stream>;

http::request<http::string_body> request_of(const PodRequest& request) {
  http::request<http::string_body> made;
  made.method_string(request.method);
  made.target(request.path);
  made.version(11);
  made.set(http::field::host, "localhost");
  made.set(http::field::connection, "close");
  if (!request.token.empty()) made.set(http::field::authorization, "Bearer " + request.token);
  if (!request.body.empty()) made.set(http::field::content_type, "application/json");
  made.body() = request.body;
  made.prepare_payload();
  return made;
}

std::string why(const char* what, const beast::error_code& error) {
  if (error == beast::error::timeout) return std::string(what) + ": no answer in time";
  if (error == http::error::end_of_stream) return "the connection was closed without an answer";
  if (error == http::error::partial_message) return "the answer was cut off";
  if (error.category() == make_error_code(http::error::bad_version).category())
    return "the answer is not HTTP; does the port speak TLS?";
  return std::string(what) + ": " + error.message();
}

template <typename AnyStream>
awaitable<PodResult> exchange(AnyStream& stream, const PodRequest& asked, const HttpLimits& limits) {
  beast::error_code error;
  const auto request = request_of(asked);
  co_await http::async_write(stream, request, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return tl::unexpected(why("the request was not taken", error));
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // the limit is asked for below
  co_await http::async_read_header(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
  auto& answer = parser.get();
  while (!error && !parser.is_done()) {
    if (std::max<std::size_t>(parser.content_length().value_or(0), answer.body().size()) > limits.most_bytes)
      co_return tl::unexpected(std::string("the answer is too long"));
    co_await http::async_read_some(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
  }
  if (error) co_return tl::unexpected(why("the connection was lost", error));
  co_return PodAnswer{.status = static_cast<int>(answer.result_int()), .body = std::move(answer.body())};
}

awaitable<PodResult> exchange_over_tls(Stream plain, const PodRequest& asked, const Tls& tls,
                                       const HttpLimits& limits) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  beast::error_code error;
  context.add_certificate_authority(asio::buffer(tls.trusted), error);
  if (error) co_return tl::unexpected("the certificates to trust cannot be read: " + error.message());
  ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  ::X509_VERIFY_PARAM_set_flags(::SSL_CTX_get0_param(context.native_handle()), X509_V_FLAG_PARTIAL_CHAIN);
  context.set_verify_mode(asio::ssl::verify_peer);
  context.set_verify_callback(asio::ssl::host_name_verification(tls.server_name));
  TlsStream stream(std::move(plain), context);
  ::SSL_set_tlsext_host_name(stream.native_handle(), tls.server_name.c_str());
  co_await stream.async_handshake(asio::ssl::stream_base::client,
                                  asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return tl::unexpected(why(("no TLS with " + tls.server_name).c_str(), error));
  co_return co_await exchange(stream, asked, limits);
}

awaitable<PodResult> send(std::uint16_t port, const PodRequest& request, const std::optional<Tls>& tls,
                          const HttpLimits& limits) {
  Stream stream(co_await asio::this_coro::executor);
  stream.expires_after(limits.deadline);
  beast::error_code error;
  const asio::ip::tcp::endpoint here(asio::ip::address_v4::loopback(), port);
  co_await stream.async_connect(here, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return tl::unexpected(why("no connection", error));
  if (tls) co_return co_await exchange_over_tls(std::move(stream), request, *tls, limits);
  co_return co_await exchange(stream, request, limits);
}

}  // namespace

PodResult send_here(std::uint16_t port, const PodRequest& request, const std::optional<Tls>& tls,
                    const HttpLimits& limits) {
  asio::io_context loop;
  PodResult answer = tl::unexpected(std::string("it was not sent"));
  std::exception_ptr failure;
  asio::co_spawn(loop, send(port, request, tls, limits), [&](std::exception_ptr thrown, PodResult result) {
    failure = std::move(thrown);
    answer = std::move(result);
  });
  loop.run();
  if (failure) std::rethrow_exception(failure);
  return answer;
}

}  // namespace storagepool::cli
