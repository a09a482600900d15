#include "pool/postgres/connection_handle.h"

#include <array>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

namespace storagepool::postgres {
namespace asio = boost::asio;

namespace {

// A cancel takes a connection of its own and blocks, so that a thread beside the loop makes it.
void cancel_statement(PGconn* connection) {
  static auto* const worker = new asio::thread_pool(1);  // never joined: it may be busy when the program ends
  const std::shared_ptr<PGcancel> cancel(PQgetCancel(connection), &PQfreeCancel);
  if (!cancel) return;
  asio::post(*worker, [cancel] {
    std::array<char, 256> said{};  // dropped: most likely the statement has ended by itself
    PQcancel(cancel.get(), said.data(), static_cast<int>(said.size()));
  });
}

}  // namespace

void FinishConnection::operator()(PGconn* connection) const {
  if (PQtransactionStatus(connection) == PQTRANS_ACTIVE && PQserverVersion(connection) < kChecksClient)
    cancel_statement(connection);
  PQfinish(connection);
}

}  // namespace storagepool::postgres
