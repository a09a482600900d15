#include "operator/manager/check.h"

#include <chrono>
#include <optional>
#include <ostream>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "operator/kube/resource.h"
#include "operator/kube/transport/cpprest_transport.h"

namespace storagepool::manager {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kDeadline{10};
constexpr std::size_t kMaxPageBytes = 8u << 20;

// The status, or why there is none.
asio::awaitable<tl::expected<unsigned, std::string>> status_of(std::string host, std::uint16_t port) {
  error_code error;
  const auto answered = [&error] { return asio::redirect_error(asio::use_awaitable, error); };
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  const auto addresses = co_await resolver.async_resolve(host, std::to_string(port), answered());
  if (error) co_return tl::unexpected("no address: " + error.message());
  beast::tcp_stream stream(executor);
  stream.expires_after(kDeadline);
  co_await stream.async_connect(addresses, answered());
  if (error) co_return tl::unexpected("connect: " + error.message());
  http::request<http::empty_body> request(http::verb::get, "/metrics", 11);
  request.set(http::field::host, host);
  request.set(http::field::connection, "close");
  co_await http::async_write(stream, request, answered());
  if (error) co_return tl::unexpected("send: " + error.message());
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxPageBytes);
  co_await http::async_read(stream, buffer, parser, answered());
  if (error) co_return tl::unexpected("answer: " + error.message());
  co_return parser.get().result_int();
}

}  // namespace

tl::expected<void, std::string> check_storage_pools(kube::Transport& transport,
                                                    const std::string& name_space) {
  const auto listed = transport.request(
      {.path = kube::collection_path(kube::resources::kStoragePools, name_space), .query = {{"limit", "1"}}});
  if (listed) return {};
  if (listed.error().is_not_found()) {
    return tl::unexpected(
        "the CRD storagepools.storagepool.dev is not installed, or serves another version than " +
        kube::resources::kStoragePools.api_version());
  }
  return tl::unexpected(listed.error().to_string());
}

tl::expected<void, std::string> check_metrics(const std::string& host, std::uint16_t port) {
  asio::io_context loop;
  std::optional<tl::expected<unsigned, std::string>> status;
  asio::co_spawn(loop, status_of(host, port),
                 [&](const std::exception_ptr& thrown, tl::expected<unsigned, std::string> result) {
                   if (!thrown) status = std::move(result);
                 });
  loop.run_for(2 * kDeadline);  // the name's resolution has no deadline of its own
  if (!status) return tl::unexpected(std::string("no answer in time"));
  if (!*status) return tl::unexpected(status->error());
  if (**status != 200) return tl::unexpected("answered " + std::to_string(**status));
  return {};
}

int check(const Options& options, std::ostream& out, std::ostream& error) {
  kube::initialize_http_threads();
  const auto config = kube::load_config(options.kubeconfig);
  const auto transport = config ? kube::make_transport(*config) : tl::unexpected(config.error());
  if (!transport) {
    error << "no way to the Kubernetes API: " << transport.error() << "\n";
    return kUsageError;
  }
  bool well = true;
  const auto report = [&](const std::string& what, const tl::expected<void, std::string>& found) {
    well = well && found;
    out << (found ? "ok      " : "failed  ") << what << (found ? "" : ": " + found.error()) << "\n";
  };
  if (options.watch_namespaces.empty())
    report("StoragePools can be listed", check_storage_pools(**transport));
  for (const std::string& name_space : options.watch_namespaces)
    report("StoragePools of " + name_space + " can be listed", check_storage_pools(**transport, name_space));
  if (const auto& metrics = options.to_check->metrics) {
    report("an operator is ready behind " + metrics->host + ":" + std::to_string(metrics->port),
           check_metrics(metrics->host, metrics->port));
  }
  return well ? 0 : 1;
}

}  // namespace storagepool::manager
