#include "pool/postgres/connect.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <libpq-fe.h>
#include <openssl/ssl.h>

#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/promise.h"
#include "pool/postgres/diagnosis.h"
#include "pool/postgres/resolve.h"
#include "pool/postgres/session.h"
#include "pool/postgres/socket.h"

namespace storagepool::postgres {
namespace asio = boost::asio;

namespace {

// A path that cannot exist, for the files libpq would else look for in the home folder.
constexpr const char* kNoFile = "/dev/null/none";

// What an address may take of which nothing was heard the last time, when there are others: while a server
// that died without a word still has its address, one that is promoted is found within this.
constexpr std::chrono::seconds kShareOfTheSilent{1};

const char* to_libpq(SslMode mode) {
  switch (mode) {
    case SslMode::kDisable:
      return "disable";
    case SslMode::kRequire:
      return "require";
    case SslMode::kVerifyCa:
      return "verify-ca";
    case SslMode::kVerifyFull:
      return "verify-full";
  }
  return "verify-full";
}

bool verifies(SslMode mode) {
  return mode == SslMode::kVerifyCa || mode == SslMode::kVerifyFull;
}

ConnectionHandle start(const ConnectOptions& options, const std::string& address) {
  const std::string port = std::to_string(options.port);
  std::vector<const char*> keys;
  std::vector<const char*> values;
  const auto add = [&](const char* key, const char* value) {
    keys.push_back(key);
    values.push_back(value);
  };
  add("host", options.host.c_str());
  add("hostaddr", address.c_str());
  add("port", port.c_str());
  add("dbname", options.database.c_str());
  add("user", options.user.c_str());
  add("password", options.password.c_str());
  add("application_name", options.application_name.c_str());
  add("client_encoding", "UTF8");
  add("sslmode", to_libpq(options.ssl_mode));
  add("sslrootcert",
      verifies(options.ssl_mode) && !options.ca_file.empty() ? options.ca_file.c_str() : kNoFile);
  add("sslcert", kNoFile);
  add("sslkey", kNoFile);
  add("sslcrl", kNoFile);
  add("ssl_min_protocol_version", "TLSv1.2");
  add("gssencmode", "disable");
  add("channel_binding", "prefer");
  add("passfile", kNoFile);
  add("target_session_attrs", "any");
  // A peer that vanishes is noticed within half a minute, busy or idle.
  add("keepalives", "1");
  add("keepalives_idle", "15");
  add("keepalives_interval", "5");
  add("keepalives_count", "3");
  add("tcp_user_timeout", "30000");
  add(nullptr, nullptr);
  return ConnectionHandle(PQconnectStartParams(keys.data(), values.data(), 0));
}

// What one address came to.
struct Attempt {
  tl::expected<std::unique_ptr<LibpqSession>, Error> result;
  std::optional<Socket> leftover;  // of a failed attempt that the server may know of
  bool silent = false;             // nothing was heard in time
};

using SharedConnection = std::shared_ptr<ConnectionHandle>;

// The program waits for this thread when it ends, which has to be before OpenSSL's own end.
asio::thread_pool& authenticator() {
  OPENSSL_init_ssl(0, nullptr);  // what is there first ends last
  static asio::thread_pool thread(1);
  return thread;
}

// One step of the authentication, by a thread of its own: SCRAM's key takes scram_iterations (RFC 5802) of
// SHA-256, some milliseconds and up to minutes, in which the loop would serve nobody. Without an answer by
// the deadline the connection belongs to that thread.
asio::awaitable<std::optional<PostgresPollingStatusType>> authenticate(SharedConnection connection,
                                                                       Deadline deadline) {
  runtime::Promise<PostgresPollingStatusType> promise(co_await asio::this_coro::executor);
  asio::post(authenticator(), [connection = std::move(connection), giver = promise.giver()]() mutable {
    if (giver.wanted()) giver.give(PQconnectPoll(connection->get()));
  });
  const auto answer = co_await promise.wait_until(deadline);
  co_return answer;
}

asio::awaitable<Attempt> attempt(asio::any_io_executor executor, const ConnectOptions& options,
                                 const std::string& address, Deadline deadline) {
  const auto connection = std::make_shared<ConnectionHandle>(start(options, address));
  if (!*connection)
    co_return Attempt{tl::unexpected(connect_failure(options, ErrorClass::kOther, "out of memory")), {}};
  PGconn* const raw = connection->get();
  PQsetErrorVerbosity(raw, PQERRORS_VERBOSE);
  PQsetNoticeReceiver(
      raw, [](void*, const PGresult*) {}, nullptr);
  if (PQstatus(raw) == CONNECTION_BAD || PQsocket(raw) < 0) {
    auto error = diagnose(options, PQerrorMessage(raw), CONNECTION_NEEDED);
    co_return Attempt{tl::unexpected(std::move(error)), {}};
  }
  Socket socket(executor, PQsocket(raw));
  socket.arm(co_await asio::this_coro::executor, deadline);
  auto phase = PQstatus(raw);
  std::optional wish = PGRES_POLLING_WRITING;
  while (wish == PGRES_POLLING_READING || wish == PGRES_POLLING_WRITING) {
    const bool in_time = co_await socket.wait(wish == PGRES_POLLING_READING ? Socket::Wait::wait_read
                                                                            : Socket::Wait::wait_write);
    if (!in_time) {
      wish.reset();
      break;
    }
    phase = PQstatus(raw);
    if (phase == CONNECTION_AWAITING_RESPONSE) {
      wish = co_await authenticate(connection, deadline);
    } else {
      wish = PQconnectPoll(raw);
    }
  }
  socket.disarm();
  if (wish != PGRES_POLLING_OK || PQsetnonblocking(raw, 1) != 0) {
    auto error = wish ? diagnose(options, PQerrorMessage(raw), phase)
                      : connect_failure(options, ErrorClass::kUnreachable, "no answer in time");
    Attempt failed{tl::unexpected(std::move(error)), {}};
    if (phase != CONNECTION_STARTED) failed.leftover = std::move(socket);
    failed.silent = !wish;
    co_return failed;
  }
  auto session = std::make_unique<LibpqSession>(std::move(*connection), socket, target_of(options), options);
  auto trouble = co_await session->initialize(deadline);
  if (trouble) {
    session.reset();
    co_return Attempt{tl::unexpected(diagnose_setup(options, *trouble)), std::move(socket)};
  }
  co_return Attempt{std::move(session), {}};
}

// Behind a pooler the first session is given up and made again: a pooler that shares sessions hands out the
// one that was given up.
asio::awaitable<Attempt> attempt_through(asio::any_io_executor executor, const ConnectOptions& options,
                                         const std::string& address, Deadline deadline) {
  Attempt first = co_await attempt(executor, options, address, deadline);
  if (!first.result || !(*first.result)->pooler() || (*first.result)->pooler()->keeps) co_return first;
  const bool let_go = co_await (*first.result)->close(runtime::steady_now() + kLetGoTimeout);
  if (!let_go) {
    co_return Attempt{tl::unexpected(connect_failure(options, ErrorClass::kUnreachable, "no answer in time")),
                      {}};
  }
  Attempt second = co_await attempt(executor, options, address, deadline);
  if (second.result && (*second.result)->pooler()) (*second.result)->pooler()->keeps = true;
  co_return second;
}

// Why these options cannot be tried at all.
std::optional<Error> refuse(const ConnectOptions& options) {
  if (options.user.empty())
    return connect_failure(options, ErrorClass::kCredentialsMissing, "there is no user name");
  // libpq takes C strings and would silently use what stands before the NUL.
  for (const auto* text : {&options.host, &options.database, &options.user, &options.password,
                           &options.ca_file, &options.application_name}) {
    if (text->find('\0') == std::string::npos) continue;
    const bool secret = text == &options.user || text == &options.password;
    return connect_failure(
        options, secret ? ErrorClass::kCredentialsRejected : ErrorClass::kOther,
        secret ? "user name or password contain a NUL byte" : "an option contains a NUL byte");
  }
  return std::nullopt;
}

}  // namespace

// One address at a time, from the one on that did last, each with its share of the time; a second one only
// when the server has let go of the first, for one token is one socket (E1).
asio::awaitable<tl::expected<std::unique_ptr<Session>, Error>> connect(asio::any_io_executor executor,
                                                                       const ConnectOptions& given,
                                                                       Deadline deadline) {
  const ConnectOptions options = given;
  if (auto refused = refuse(options)) co_return tl::unexpected(std::move(*refused));
  const auto addresses = co_await resolve(options.host, deadline);
  tl::expected<std::unique_ptr<Session>, Error> result =
      tl::unexpected(connect_failure(options, ErrorClass::kUnreachable, "the host name does not resolve"));
  std::optional<Socket> leftover;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto now = runtime::steady_now();
    auto share = now + (deadline - now) / static_cast<int>(addresses.size() - i);
    if (addresses.size() > 1 && was_silent(addresses[i])) share = std::min(share, now + kShareOfTheSilent);
    Attempt tried = co_await attempt_through(executor, options, addresses[i], share);
    // An answer of PostgreSQL says more than a silent address tried after it.
    const bool known = i > 0 && result.error().error_class != ErrorClass::kUnreachable;
    if (tried.result || !known) result = std::move(tried.result);
    leftover = std::move(tried.leftover);
    note_silence(addresses[i], tried.silent);
    if (result) {
      prefer_address(options.host, addresses[i]);
      co_return result;
    }
    if (!another_address_may_do(result.error())) break;
    if (i + 1 < addresses.size()) prefer_address(options.host, addresses[i + 1]);
    if (leftover) {
      const bool let_go = co_await leftover->await_end(share);
      if (!let_go) break;
      leftover.reset();
    }
  }
  if (leftover) co_await leftover->await_end(runtime::steady_now() + kLetGoTimeout);
  co_return result;
}

void forget_libpq_environment() {
  for (const char* name : {"PGHOST",
                           "PGHOSTADDR",
                           "PGPORT",
                           "PGDATABASE",
                           "PGUSER",
                           "PGPASSWORD",
                           "PGPASSFILE",
                           "PGREQUIREAUTH",
                           "PGCHANNELBINDING",
                           "PGSERVICE",
                           "PGSERVICEFILE",
                           "PGSYSCONFDIR",
                           "PGOPTIONS",
                           "PGAPPNAME",
                           "PGSSLMODE",
                           "PGREQUIRESSL",
                           "PGSSLCOMPRESSION",
                           "PGSSLCERT",
                           "PGSSLKEY",
                           "PGSSLCERTMODE",
                           "PGSSLROOTCERT",
                           "PGSSLCRL",
                           "PGSSLCRLDIR",
                           "PGSSLSNI",
                           "PGREQUIREPEER",
                           "PGSSLMINPROTOCOLVERSION",
                           "PGSSLMAXPROTOCOLVERSION",
                           "PGGSSENCMODE",
                           "PGGSSDELEGATION",
                           "PGKRBSRVNAME",
                           "PGGSSLIB",
                           "PGCONNECT_TIMEOUT",
                           "PGCLIENTENCODING",
                           "PGTARGETSESSIONATTRS",
                           "PGLOADBALANCEHOSTS",
                           "PGDATESTYLE",
                           "PGTZ",
                           "PGGEQO",
                           "PGLOCALEDIR"}) {
    unsetenv(name);
  }
}

}  // namespace storagepool::postgres
