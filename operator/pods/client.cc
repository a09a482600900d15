#include "operator/pods/client.h"

#include <optional>
#include <string_view>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include "pool/common/runtime/clock.h"

namespace storagepool::pods {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr const char* kRefusesSignature =
    "it refuses what the operator signs: it has not been told of the operator's key yet, or the clocks of "
    "the two "
    "differ by more than a minute";

std::string authority(const std::string& ip, std::uint16_t port) {
  const bool v6 = ip.find(':') != std::string::npos;
  return (v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
}

Answer failed(Outcome outcome, std::string failure) {
  return {.outcome = outcome, .failure = std::move(failure)};
}

Answer read_report(const Client::Result& response) {
  if (!response) {
    const std::string& reason = response.error().reason;
    const bool unreadable = reason == kube::kReasonMalformed || reason == kube::kReasonTooLarge;
    return failed(unreadable ? Outcome::kUnreadable : Outcome::kUnreachable,
                  "its administration port does not answer (" + reason + ")");
  }
  if (response->status == 401) return failed(Outcome::kUnauthorized, kRefusesSignature);
  if (response->status != 200) {
    return failed(Outcome::kRefused, "its administration port answered " + std::to_string(response->status));
  }
  auto report = settings::parse_settings_report(response->body);
  if (!report) return failed(Outcome::kUnreadable, "its report of the settings in force cannot be read");
  return {.outcome = Outcome::kAnswered, .report = std::move(*report)};
}

// A pod closes what was idle for long, and all when it ends.
bool is_of_closed_connection(const error_code& error) {
  return error == http::error::end_of_stream || error == asio::error::connection_reset ||
         error == asio::error::broken_pipe;
}

// Whether more can be asked of it.
bool answers(const Answer& answer) {
  return answer.outcome == Outcome::kNotAsked || answer.outcome == Outcome::kAnswered ||
         answer.outcome == Outcome::kRefused;
}

}  // namespace

Client::Client(const asio::any_io_executor& executor, std::string ip, std::uint16_t port, std::string pod_uid,
               const Signer& signer, std::chrono::milliseconds deadline)
    : ip_(std::move(ip)),
      port_(port),
      pod_uid_(std::move(pod_uid)),
      signer_(signer),
      deadline_(deadline),
      stream_(executor) {}

Client::Request Client::request(http::verb verb, const std::string& path) const {
  Request request(verb, path, 11);
  request.set(http::field::host, authority(ip_, port_));
  request.set(http::field::user_agent, "storagepool-operator/" STORAGEPOOL_VERSION);
  request.set(http::field::accept, "application/json");
  return request;
}

asio::awaitable<Client::Result> Client::get(std::string path) {
  return send(request(http::verb::get, path));
}

asio::awaitable<Client::Result> Client::put(std::string path, std::string body) {
  Request put = request(http::verb::put, path);
  put.set(http::field::content_type, "application/json");
  put.body() = std::move(body);
  return send(std::move(put));
}

std::string Client::token_of(const Request& request) {
  const SignedRequest to_sign{.pod_uid = pod_uid_,
                              .method = {request.method_string().data(), request.method_string().size()},
                              .path = {request.target().data(), request.target().size()},
                              .body = request.body()};
  const auto now = runtime::wall_now();
  return request.method() == http::verb::get ? tokens_.token(signer_, to_sign, now)
                                             : signer_.token(to_sign, now);
}

kube::ApiError Client::describe(const error_code& error) const {
  const std::string host = authority(ip_, port_);
  kube::ApiError described{.reason = std::string(kube::kReasonTransport),
                           .message = host + ": " + error.message()};
  if (error == beast::error::timeout) {
    described.reason = kube::kReasonTimeout;
    described.message = host + ": no complete answer before the deadline";
  } else if (error == http::error::body_limit || error == http::error::header_limit ||
             error == http::error::buffer_overflow) {
    described.reason = kube::kReasonTooLarge;
  } else if (error == http::error::end_of_stream) {
    described.message = host + ": the connection was closed without an answer";
  } else if (error.category() == make_error_code(http::error::bad_version).category()) {
    described.reason = kube::kReasonMalformed;
  }
  return described;
}

asio::awaitable<Client::Result> Client::send(Request request) {
  error_code error;
  const auto address = asio::ip::make_address(ip_, error);
  if (error) {
    co_return tl::unexpected(
        kube::ApiError{.reason = std::string(kube::kReasonMalformed), .message = "not a pod's address"});
  }
  request.set(http::field::authorization, "Bearer " + token_of(request));
  request.prepare_payload();
  // Never extended: it bounds all that follows together.
  stream_.expires_after(deadline_);
  const asio::ip::tcp::endpoint endpoint(address, port_);
  const bool kept = connected();
  std::optional<Parser> parser(std::in_place);
  error = co_await attempt(endpoint, request, *parser);
  if (kept && is_of_closed_connection(error) && !parser->got_some()) {
    parser.emplace();
    error = co_await attempt(endpoint, request, *parser);
  }
  if (error) co_return tl::unexpected(describe(error));
  co_return Response{static_cast<int>(parser->get().result_int()), std::move(parser->get().body())};
}

asio::awaitable<error_code> Client::attempt(const asio::ip::tcp::endpoint& endpoint, Request& request,
                                            Parser& parser) {
  error_code error;
  parser.header_limit(kMaxHeaderBytes);
  parser.body_limit(kMaxBodyBytes);
  beast::flat_buffer buffer(kMaxHeaderBytes + kMaxBodyBytes);
  if (!connected())
    co_await stream_.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
  if (!error) co_await http::async_write(stream_, request, asio::redirect_error(asio::use_awaitable, error));
  if (!error)
    co_await http::async_read(stream_, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
  const bool said_more = buffer.size() > 0;
  if (error || said_more || !parser.keep_alive()) stream_.close();
  co_return error;
}

asio::awaitable<Answer> exchange(Client& client, Task task) {
  Answer answer;
  if (const auto& change = task.settings) {
    const auto response = co_await client.put("/admin/settings", settings::to_json(*change));
    answer = read_report(response);
  }
  if (task.leaving && answers(answer)) {
    const settings::LeavingChange change{.leaving = *task.leaving};
    const auto response = co_await client.put("/admin/leaving", settings::to_json(change));
    answer = read_report(response);
  }
  if (!answer.report && answers(answer)) {
    const auto response = co_await client.get("/admin/settings");
    answer = read_report(response);
  }
  if (!answer.report) co_return answer;
  const auto facts = co_await client.get("/admin/facts");
  if (!facts || facts->status != 200) co_return answer;
  if (auto parsed = settings::parse_facts_report(facts->body)) answer.facts = std::move(*parsed);
  co_return answer;
}

}  // namespace storagepool::pods
