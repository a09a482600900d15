// Makes sessions. A Session is a Connection as its owner (the engine) sees it: with what only the owner may
// do, which is looking at it while it is idle and ending it so that the server is known to have let go.
//
// libpq reads nothing but what is given here: the service file, the password file, the files under
// ~/.postgresql and GSSAPI are shut off by explicit options; `forget_libpq_environment` does the same for the
// PG* variables.
#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/postgres/connection.h"
#include "pool/postgres/error.h"

namespace storagepool::postgres {

// How long a failed or closed session is waited for until its server process is taken for gone.
inline constexpr std::chrono::seconds kLetGoTimeout{5};

class Session : public Connection {
 public:
  // False when the server has closed the session. Costs no round trip. Only while no statement runs.
  virtual bool alive() = 0;
  // True when the connection itself is gone, or the server has said that it ends it, which may come long
  // before its socket ends, or a statement had no answer by its deadline; not when it was only left in the
  // middle of one.
  virtual bool lost() const = 0;
  // The socket, for `poll` only: when it can be read while nothing was asked, the session has mostly ended,
  // which `alive` then tells.
  virtual int descriptor() const = 0;
  // The process that serves it at the server; 0: it is not known, or a pooler in between has it.
  virtual int backend() const = 0;
  // True when the connection is gone though the server has not ended it: something in between has reset it,
  // or it was given up after a time without a sign. The server may then still have it.
  virtual bool cut_off() const = 0;
  // Sends Terminate and waits for the server to close its end, which it does when the backend process exits;
  // true when that was seen by the deadline. A statement still running is given up by the server within half
  // a second. Nothing but the destructor may be called
  // afterwards.
  virtual boost::asio::awaitable<bool> close(Deadline deadline) = 0;
};

// Resolves the host, tries every address within its share of the time, and negotiates TLS and authentication.
// Must be awaited on a serial executor (a strand, or a context run by one thread), as must everything a
// Session does. Errors are never kConnectionLost: what breaks while connecting is kUnreachable. On failure it
// returns once the server has let go of the half-made session, at most kLetGoTimeout later. A session that
// cannot write (a standby's, or one with default_transaction_read_only) is not made: kReadOnly.
boost::asio::awaitable<tl::expected<std::unique_ptr<Session>, Error>> connect(
    boost::asio::any_io_executor executor, const ConnectOptions& options, Deadline deadline);

// Unsets every environment variable libpq would take a default from. Called once at the start of `main`,
// before threads exist.
void forget_libpq_environment();

}  // namespace storagepool::postgres
