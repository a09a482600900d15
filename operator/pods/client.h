// Requests to the administration port of one pod: plain HTTP to its address, each signed for this pod alone,
// a short deadline, a small answer. A pod is not trusted: it may be any image a user named, so every limit
// here is enforced on the wire.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <tl/expected.hpp>

#include "operator/kube/transport/error.h"
#include "operator/pods/pods.h"
#include "operator/pods/schedule.h"
#include "operator/pods/signer.h"

namespace storagepool::pods {

inline constexpr std::size_t kMaxHeaderBytes = 8u << 10;
inline constexpr std::size_t kMaxBodyBytes = 64u << 10;
inline constexpr std::chrono::milliseconds kDeadline{1000};  // of each request, a connect included

struct Response {
  int status = 0;  // any HTTP status, 409 included: its meaning is the caller's
  std::string body = {};
};

// One request after the other, over one connection as long as the pod keeps it: where that was closed since
// the last answer, what is asked or told is so once more over another. Not thread-safe.
class Client {
 public:
  using Result = tl::expected<Response, kube::ApiError>;

  // `ip`: an address, never a name. The signer outlives the client.
  Client(const boost::asio::any_io_executor& executor, std::string ip, std::uint16_t port,
         std::string pod_uid, const Signer& signer, std::chrono::milliseconds deadline = kDeadline);

  // Redirects are answers, never followed.
  boost::asio::awaitable<Result> get(std::string path);
  // `body` is JSON.
  boost::asio::awaitable<Result> put(std::string path, std::string body);

  bool connected() const { return stream_.socket().is_open(); }

 private:
  using Request = boost::beast::http::request<boost::beast::http::string_body>;
  Request request(boost::beast::http::verb verb, const std::string& path) const;
  using Parser = boost::beast::http::response_parser<boost::beast::http::string_body>;
  boost::asio::awaitable<Result> send(Request request);
  boost::asio::awaitable<boost::system::error_code> attempt(const boost::asio::ip::tcp::endpoint& endpoint,
                                                            Request& request, Parser& parser);
  std::string token_of(const Request& request);
  kube::ApiError describe(const boost::system::error_code& error) const;

  std::string ip_;
  std::uint16_t port_;
  std::string pod_uid_;
  const Signer& signer_;
  std::chrono::milliseconds deadline_;
  RepeatedTokens tokens_;
  boost::beast::tcp_stream stream_;
};

// Tells the pod what is wanted of it, and asks for its report, unless one came as an answer, and its facts.
boost::asio::awaitable<Answer> exchange(Client& client, Task task);

}  // namespace storagepool::pods
