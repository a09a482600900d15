// Between the operator and the API server: a server of its own that speaks TLS with the API server's
// certificate, passes requests on, and lets each have the fate that its seed says. What the operator sees of
// the cluster is one namespace, so that several operators can be tried on one control plane.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>  // for Asio
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "operator/kube/resource.h"
#include "operator/manager/faulty_api/fates.h"
#include "operator/manager/faulty_api/journal.h"

namespace storagepool::manager::faulty_api {

// A write that the API server has carried out, in the order of the answers.
struct Written {
  std::string method;
  std::string path;
  kube::Json answer;
};

class FaultyApi {
 public:
  struct Setting {
    std::uint16_t target = 0;  // port of the API server
    std::string certificate;   // files of its pair
    std::string key;
    std::string name_space;
    std::uint64_t seed = 0;
    Faults faults;
    std::function<void()> kill;  // the operator; from the thread of this
  };

  // The journal outlives it.
  FaultyApi(Setting setting, Journal& journal);
  ~FaultyApi();

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  // From now on nothing is drawn; what is under way goes on as it was to.
  void heal() { healed_ = true; }
  // The operator has begun to watch.
  bool watched() const { return watched_; }
  // Writes that the API server was sent, but renewals of the lease.
  int writes() const { return writes_; }
  std::vector<Written> written() const;
  // Of writes that others had overtaken: those that have taken the place of something newer, for people;
  // empty: none.
  std::string overwritten() const;
  // How many requests have had another fate than to be served.
  int faults() const { return struck_; }

 private:
  template <typename T>
  using awaitable = boost::asio::awaitable<T>;
  using Stream = boost::asio::ssl::stream<boost::beast::tcp_stream>;
  using Request = boost::beast::http::request<boost::beast::http::string_body>;
  using Response = boost::beast::http::response<boost::beast::http::string_body>;
  using Buffer = boost::beast::flat_buffer;
  using Events = boost::beast::http::response_parser<boost::beast::http::buffer_body>;
  struct Connection;

  awaitable<void> accept();
  awaitable<void> serve(boost::asio::ip::tcp::socket socket);
  awaitable<bool> answer(Connection& connection, Request request);
  awaitable<std::unique_ptr<Stream>> connect();
  awaitable<Response> exchange(Connection& connection, const Request& request, const Asked& asked);
  awaitable<void> carry_out_late(Request request, Asked asked, std::chrono::milliseconds wait);
  awaitable<void> carry_out_overtaken(Request request, Asked asked, std::uint64_t by);
  void release(const Asked& asked, const kube::Json& answer);
  awaitable<bool> refuse(Connection& connection, const Request& request, int status);
  awaitable<void> truncate(Connection& connection, Response response);
  awaitable<void> watch(Connection& connection, Request request, Plan plan);
  awaitable<End> pass_on(Connection& connection, Stream& far, Buffer& buffer, Events& events,
                         const Plan& plan);
  static awaitable<void> end_watch(Connection& connection, End end);
  static awaitable<void> stay_silent(Connection& connection);
  Asked asked(const Request& request) const;
  Plan plan_of(const Asked& asked, const std::string& path);
  void rewrite(Request& request) const;

  Setting setting_;
  Journal& journal_;
  Fates fates_;
  std::atomic<bool> healed_ = false;
  std::atomic<bool> watched_ = false;
  std::atomic<int> writes_ = 0;
  std::atomic<int> struck_ = 0;
  mutable std::mutex mutex_;
  std::vector<Written> written_;
  std::string overwritten_;
  // Of the loop's thread:
  std::map<std::string, std::vector<Request>> held_;  // by Asked::what
  std::set<std::string> forgotten_;                   // paths of which watches are 410 until there is a list
  std::optional<std::chrono::milliseconds> first_watch_;  // came then
  boost::asio::ssl::context near_context_{boost::asio::ssl::context::tls_server};
  boost::asio::ssl::context far_context_{boost::asio::ssl::context::tls_client};
  boost::asio::io_context loop_{1};
  boost::asio::ip::tcp::acceptor acceptor_;
  std::jthread thread_;
};

}  // namespace storagepool::manager::faulty_api
