#include "operator/kube/transport/cpprest_transport.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <cpprest/http_client.h>
#include <pplx/threadpool.h>

#include "operator/kube/transport/exchange.h"
#include "operator/kube/transport/line_framer.h"
#include "operator/kube/transport/request_body.h"
#include "operator/kube/transport/tls.h"
#include "operator/kube/transport/unpack.h"
#include "operator/kube/transport/url.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::kube {
namespace {

using web::http::http_request;
using web::http::client::http_client;
using web::http::client::http_client_config;

constexpr std::chrono::minutes kMaxDeadline{1};
constexpr std::chrono::minutes kMaxSilence{10};
constexpr int kOk = 200;
constexpr std::size_t kPieceBytes = 64u << 10;

std::string target_of(const std::string& prefix, const std::string& path, const Query& query) {
  std::string target = prefix + path;
  char separator = '?';
  for (const auto& [name, value] : query) {
    target += separator + escape_url(name) + "=" + escape_url(value);
    separator = '&';
  }
  return target;
}

http_client_config client_config(const ClientConfig& config, std::chrono::milliseconds silence) {
  http_client_config settings;
  settings.set_timeout(silence);
  settings.set_max_redirects(0);
  settings.set_chunksize(kPieceBytes);
  settings.set_validate_certificates(!config.insecure_skip_tls_verify);
  settings.set_ssl_context_callback([config](boost::asio::ssl::context& context) {
    // make_transport has tried the same configuration; what fails here is memory.
    if (auto done = configure_tls(context.native_handle(), config); !done)
      throw std::runtime_error(done.error());
  });
  return settings;
}

// With its port, as the configuration has it.
std::string host_of(const std::string& server) {
  const std::size_t scheme = server.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  return server.substr(begin, server.find('/', begin) - begin);
}

Concurrency::streams::istream body_of(const ApiRequest& request,
                                      std::chrono::steady_clock::time_point deadline) {
  using Concurrency::streams::streambuf;
  return streambuf<std::uint8_t>(std::make_shared<RequestBody>(request.body, deadline)).create_istream();
}

// client-go's counter of answers.
class RequestCounter {
 public:
  RequestCounter(const std::string& server, runtime::Metrics* metrics)
      : host_(host_of(server)),
        requests_(metrics ? &prometheus::BuildCounter()
                                 .Name("rest_client_requests_total")
                                 .Help("Requests to the API server, by status, method and host")
                                 .Register(metrics->registry())
                          : nullptr) {}

  // `status` 0: there was no answer.
  void count(int status, std::string_view method) const {
    if (!requests_) return;
    requests_
        ->Add({{"code", status == 0 ? "<error>" : std::to_string(status)},
               {"method", std::string(method)},
               {"host", host_}})
        .Increment();
  }

 private:
  const std::string host_;
  prometheus::Family<prometheus::Counter>* const requests_;
};

class CpprestTransport final : public Transport {
 public:
  CpprestTransport(const ClientConfig& config, runtime::Metrics* metrics)
      : config_(config),
        counter_(config.server, metrics),
        token_(config.token, config.token_file, read_config_file),
        requests_(config.server, client_config(config, kMaxDeadline)),
        streams_(config.server, client_config(config, kMaxSilence)) {}

  tl::expected<std::string, ApiError> request(const ApiRequest& request) override {
    auto message = prepare(to_string(request.method),
                           target_of(config_.path_prefix, request.path, request.query), request.accept);
    if (!message) return tl::unexpected(message.error());
    const auto deadline =
        runtime::steady_now() + std::min<std::chrono::milliseconds>(request.deadline, kMaxDeadline);
    if (!request.content_type.empty()) {
      message->set_body(body_of(request, deadline), request.body.size(), request.content_type);
    }
    message->headers().add("Accept-Encoding", "gzip");
    auto response = exchange(requests_, *message, deadline, kMaxResponseBytes, request.stop);
    counter_.count(response ? response->head.status : 0, to_string(request.method));
    if (!response) return tl::unexpected(name_server(response.error()));
    if (response->head.gzip) {
      auto unpacked = unpack(response->body, kMaxResponseBytes);
      if (!unpacked) return tl::unexpected(name_server(std::move(unpacked.error())));
      response->body = std::move(*unpacked);
    }
    if (response->head.status < 200 || response->head.status > 299) {
      return tl::unexpected(
          refused(error_from_response(response->head.status, response->body, response->head.retry_after)));
    }
    return std::move(response->body);
  }

  tl::expected<void, ApiError> stream(const StreamRequest& request, const LineHandler& on_line,
                                      std::stop_token stop) override {
    auto message = prepare("GET", target_of(config_.path_prefix, request.path, request.query));
    if (!message) return tl::unexpected(message.error());
    LineFramer framer(kMaxWatchLineBytes);
    LineFramer::Result framed = LineFramer::Result::kMore;
    bool answered = false;
    auto done = exchange_stream(
        streams_, *message, std::min<std::chrono::milliseconds>(request.silence, kMaxSilence),
        [&](std::string_view piece) {
          if (!std::exchange(answered, true)) counter_.count(kOk, "GET");
          framed = framer.feed(piece, on_line);
          return framed == LineFramer::Result::kMore;
        },
        stop);
    if (!answered) counter_.count(done ? kOk : done.error().status, "GET");
    if (framed == LineFramer::Result::kTooLong) {
      return tl::unexpected(ApiError{
          .reason = std::string(kReasonTooLarge),
          .message = "a line of the stream is longer than " + std::to_string(kMaxWatchLineBytes) + " bytes"});
    }
    if (!done) return tl::unexpected(refused(name_server(done.error())));
    return {};
  }

 private:
  tl::expected<http_request, ApiError> prepare(std::string_view method, const std::string& target,
                                               const std::string& accept = "application/json") {
    auto token = token_.token(runtime::steady_now());
    if (!token) {
      return tl::unexpected(ApiError{.status = 401, .reason = "Unauthorized", .message = token.error()});
    }
    http_request message{std::string(method)};
    message.set_request_uri(web::uri(target));
    message.headers().add("Accept", accept);
    message.headers().add("User-Agent", "storagepool-operator/" STORAGEPOOL_VERSION);
    if (!token->empty()) message.headers().add("Authorization", "Bearer " + *token);
    // The library takes the name to find in the certificate from this header.
    if (!config_.tls_server_name.empty()) message.headers().add("Host", config_.tls_server_name);
    return message;
  }

  ApiError name_server(ApiError error) const {
    if (error.status != 0) return error;
    // The library says no more than this about a certificate it does not trust.
    if (error.message.find("SSL handshake") != std::string::npos) {
      error.message +=
          " (is the server's certificate signed by the configured certificate-authority, for this name?)";
    }
    error.message = config_.server + ": " + error.message;
    return error;
  }

  ApiError refused(ApiError error) {
    if (error.status == 401) token_.expire();
    return error;
  }

  ClientConfig config_;
  RequestCounter counter_;
  TokenSource token_;
  http_client requests_;
  http_client streams_;
};

}  // namespace

std::string_view to_string(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
  }
  return "GET";
}

void initialize_http_threads() {
  crossplat::threadpool::initialize_with_threads(2);
}

tl::expected<std::unique_ptr<Transport>, std::string> make_transport(const ClientConfig& config,
                                                                     runtime::Metrics* metrics) {
  if (auto usable = check_tls(config); !usable) return tl::unexpected(usable.error());
  try {
    return std::make_unique<CpprestTransport>(config, metrics);
  } catch (const std::exception& error) {
    return tl::unexpected("server: \"" + config.server + "\": " + error.what());
  }
}

}  // namespace storagepool::kube
