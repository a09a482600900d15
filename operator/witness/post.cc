#include "operator/witness/post.h"

#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

namespace storagepool::witness {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::awaitable;
using asio::ip::tcp;
using boost::system::error_code;
using Result = tl::expected<WitnessAnswer, std::string>;
using Request = http::request<http::string_body>;
using Stream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<Stream>;

constexpr std::chrono::milliseconds kLookForStop{100};

Request request_of(const render::WitnessUrl& url, const std::string& path, const std::string& body) {
  Request request(http::verb::post, url.path + path, 11);
  request.set(http::field::host, url.authority());
  request.set(http::field::user_agent, "storagepool-operator/" STORAGEPOOL_VERSION);
  request.set(http::field::connection, "close");
  request.set(http::field::content_type, "text/plain; charset=utf-8");
  request.body() = body;
  request.prepare_payload();
  return request;
}

std::string why(const char* what, const error_code& error) {
  if (error == beast::error::timeout) return "it gives no answer in time";
  if (error == http::error::body_limit || error == http::error::header_limit ||
      error == http::error::buffer_overflow)
    return "its answer is too long";
  if (error.category() == make_error_code(http::error::bad_version).category())
    return "its answer is no HTTP, or is cut off";
  return std::string(what) + " (" + error.message() + ")";
}

template <typename AnyStream>
awaitable<Result> talk(AnyStream& stream, const Request& request) {
  error_code error;
  co_await http::async_write(stream, request, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return tl::unexpected(why("it takes no request", error));
  beast::flat_buffer buffer(2 * kMostAnswerBytes);
  http::response_parser<http::string_body> parser;
  parser.header_limit(kMostAnswerBytes);
  parser.body_limit(kMostAnswerBytes);
  co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return tl::unexpected(why("it gives no answer", error));
  const auto type = parser.get()[http::field::content_type];
  co_return WitnessAnswer{.status = static_cast<int>(parser.get().result_int()),
                          .content_type = std::string(type.data(), type.size()),
                          .body = std::move(parser.get().body())};
}

awaitable<Result> talk_over_tls(Stream plain, const render::WitnessUrl& url, const Request& request,
                                asio::ssl::context& tls) {
  TlsStream stream(std::move(plain), tls);
  stream.set_verify_mode(asio::ssl::verify_peer);
  stream.set_verify_callback(asio::ssl::host_name_verification(url.host));
  error_code error;
  const bool is_name =
      (asio::ip::make_address(url.host, error), error.failed());  // else it has no place there
  if (is_name) ::SSL_set_tlsext_host_name(stream.native_handle(), url.host.c_str());
  co_await stream.async_handshake(asio::ssl::stream_base::client,
                                  asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return tl::unexpected(why("there is no TLS with it", error));
  co_return co_await talk(stream, request);
}

awaitable<Result> send(const tcp::resolver::results_type& addresses, const render::WitnessUrl& url,
                       const Request& request, asio::ssl::context& tls, std::chrono::milliseconds deadline) {
  Stream stream(co_await asio::this_coro::executor);
  stream.expires_after(deadline);  // never extended: it bounds all that follows together
  error_code error;
  co_await stream.async_connect(addresses, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return tl::unexpected(why("it cannot be reached", error));
  if (url.tls) co_return co_await talk_over_tls(std::move(stream), url, request, tls);
  co_return co_await talk(stream, request);
}

}  // namespace

Result post(const render::WitnessUrl& url, const std::string& path, const std::string& body,
            asio::ssl::context& tls, std::chrono::milliseconds deadline, const std::stop_token& stop) {
  const Request request = request_of(url, path, body);
  asio::io_context loop;
  error_code error;
  const auto addresses = tcp::resolver(loop).resolve(url.host, url.port, error);
  if (error) return tl::unexpected("its name is not known (" + error.message() + ")");
  std::optional<Result> answer;
  std::exception_ptr failure;
  asio::co_spawn(loop, send(addresses, url, request, tls, deadline),
                 [&](std::exception_ptr thrown, Result result) {
                   failure = std::move(thrown);
                   answer = std::move(result);
                 });
  while (!answer && !stop.stop_requested()) loop.run_for(kLookForStop);
  if (failure) std::rethrow_exception(failure);
  if (!answer) return tl::unexpected(std::string("it is not asked any more"));
  return *std::move(answer);
}

}  // namespace storagepool::witness
