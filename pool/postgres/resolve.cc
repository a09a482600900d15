#include "pool/postgres/resolve.h"

#include <memory>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace storagepool::postgres {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}
  asio::ip::tcp::resolver resolver;
  asio::steady_timer done;
  std::vector<std::string> addresses;
};

}  // namespace

asio::awaitable<std::vector<std::string>> resolve(asio::any_io_executor executor, std::string host,
                                                  Deadline deadline) {
  error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (!error) co_return std::vector<std::string>{address.to_string()};

  const auto lookup = std::make_shared<Lookup>(executor);
  lookup->done.expires_at(deadline);
  const asio::any_io_executor serial = co_await asio::this_coro::executor;
  lookup->resolver.async_resolve(
      host, "",
      asio::bind_executor(serial, [lookup](error_code, const asio::ip::tcp::resolver::results_type& results) {
        for (const auto& entry : results) {
          lookup->addresses.push_back(entry.endpoint().address().to_string());
        }
        lookup->done.cancel();
      }));
  co_await lookup->done.async_wait(asio::redirect_error(asio::use_awaitable, error));
  co_return lookup->addresses;
}

}  // namespace storagepool::postgres
