#include "e2e/support/http.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace storagepool::e2e {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

std::string default_token;

}  // namespace

void use_token(std::string token) {
  default_token = std::move(token);
}

struct HttpClient::Impl {
  asio::ip::tcp::endpoint endpoint;
  asio::io_context context;
  std::unique_ptr<beast::tcp_stream> stream;
  beast::flat_buffer buffer;

  explicit Impl(asio::ip::tcp::endpoint server) : endpoint(std::move(server)) {}

  // Runs one asynchronous operation to its end, so that the stream's deadline applies to it.
  template <typename Start>
  beast::error_code finish(Start&& start) {
    beast::error_code result;
    start([&](beast::error_code error, auto&&...) { result = error; });
    context.restart();
    context.run();
    return result;
  }
};

HttpClient::HttpClient(const std::string& ip_address, std::uint16_t port)
    : impl_(std::make_unique<Impl>(asio::ip::tcp::endpoint{asio::ip::make_address(ip_address), port})) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

tl::expected<HttpResponse, std::string> HttpClient::send(const HttpRequest& request,
                                                         std::chrono::milliseconds deadline) {
  http::request<http::string_body> message;
  message.method_string(request.method);
  message.target(request.target);
  message.version(11);
  message.set(http::field::host,
              impl_->endpoint.address().to_string() + ":" + std::to_string(impl_->endpoint.port()));
  if (!default_token.empty()) message.set(http::field::authorization, "Bearer " + default_token);
  for (const auto& [name, value] : request.headers) message.set(name, value);
  if (message[http::field::authorization].empty()) message.erase(http::field::authorization);
  if (!request.body.empty() && message.find(http::field::content_type) == message.end()) {
    message.set(http::field::content_type, "application/json");
  }
  message.body() = request.body;
  message.prepare_payload();

  http::response_parser<http::string_body> parser;
  parser.body_limit(std::uint64_t{16} * 1024 * 1024);

  const auto failed = [&](const char* step, const beast::error_code& error) {
    impl_->stream.reset();
    return tl::unexpected(std::string(step) + ": " + error.message());
  };
  const bool fresh = impl_->stream == nullptr;
  if (fresh) {
    impl_->stream = std::make_unique<beast::tcp_stream>(impl_->context);
    impl_->buffer.clear();
  }
  beast::tcp_stream& stream = *impl_->stream;
  stream.expires_after(deadline);
  if (fresh) {
    const auto error = impl_->finish([&](auto handler) { stream.async_connect(impl_->endpoint, handler); });
    if (error) return failed("connect", error);
  }
  auto error = impl_->finish([&](auto handler) { http::async_write(stream, message, handler); });
  if (error) return failed("write", error);
  error = impl_->finish([&](auto handler) { http::async_read(stream, impl_->buffer, parser, handler); });
  if (error) return failed("read", error);

  auto answer = parser.release();
  if (!answer.keep_alive()) impl_->stream.reset();
  return HttpResponse{static_cast<int>(answer.result_int()), std::string(answer[http::field::content_type]),
                      std::move(answer.body()), std::string(answer[http::field::date])};
}

}  // namespace storagepool::e2e
