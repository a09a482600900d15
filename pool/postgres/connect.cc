#include "pool/postgres/connect.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include <boost/asio/this_coro.hpp>
#include <libpq-fe.h>

#include "pool/common/runtime/clock.h"
#include "pool/postgres/resolve.h"
#include "pool/postgres/session.h"
#include "pool/postgres/socket.h"

namespace storagepool::postgres {
namespace asio = boost::asio;

namespace {

// A path that cannot exist, for the files libpq would else look for in the home folder.
constexpr const char* kNoFile = "/dev/null/none";

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

std::string target_of(const ConnectOptions& options) {
  return options.host + ":" + std::to_string(options.port) + "/" + options.database;
}

Error failure(const ConnectOptions& options, ErrorClass error_class, std::string_view reason,
              const std::string& sqlstate = "") {
  std::string detail = "connecting to " + target_of(options) + ": " + std::string(reason);
  if (!sqlstate.empty()) detail += " (" + sqlstate + ")";
  return {error_class, sqlstate, "", std::move(detail), true};
}

// The SQLSTATE at the end of "... FATAL:  28P01\n", the form that PQERRORS_SQLSTATE gives to what the server
// sends.
std::string trailing_sqlstate(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (text.size() < 8) return "";
  const auto code = text.substr(text.size() - 5);
  if (text.substr(text.size() - 8, 3) != ":  ") return "";
  if (!std::all_of(code.begin(), code.end(),
                   [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); })) {
    return "";
  }
  return std::string(code);
}

std::string_view reason_of(ErrorClass error_class, const std::string& sqlstate) {
  switch (error_class) {
    case ErrorClass::kCredentialsRejected:
      return sqlstate == "28P01" ? "the server refused the user name or password"
                                 : "the server does not let this user in from here with this sslMode";
    case ErrorClass::kDatabaseMissing:
      return "the database does not exist";
    case ErrorClass::kReadOnly:
      return "the server takes no writes: it is a standby, or default_transaction_read_only is on";
    case ErrorClass::kUnreachable:
      return "the server is not ready for connections";
    default:
      return "the server refused the session";
  }
}

// What of the server's words says which limit it is; the names in them are the role's and the database's own.
std::string_view which_limit(std::string_view text) {
  const auto says = [&](std::string_view words) { return text.find(words) != std::string_view::npos; };
  if (says("too many connections for role")) return "too many connections for this role";
  if (says("too many connections for database")) return "too many connections for this database";
  if (says("remaining connection slots are reserved")) return "remaining connection slots are reserved";
  if (says("too many clients already")) return "sorry, too many clients already";
  return "the server has no connection left for this user";
}

// Reads libpq's text for its cause and forgets it: it may hold what nobody else should read.
Error diagnose(const ConnectOptions& options, std::string_view text, ConnStatusType phase, bool expired) {
  if (expired) return failure(options, ErrorClass::kUnreachable, "no answer in time");
  const std::string sqlstate = trailing_sqlstate(text);
  if (!sqlstate.empty()) {
    auto error_class = classify(sqlstate);
    if (error_class == ErrorClass::kConnectionLost) error_class = ErrorClass::kUnreachable;
    const bool full = error_class == ErrorClass::kServerFull;
    return failure(options, error_class, full ? which_limit(text) : reason_of(error_class, sqlstate),
                   sqlstate);
  }
  const auto says = [&](std::string_view words) { return text.find(words) != std::string_view::npos; };
  if (says("no password supplied")) {
    return failure(options, ErrorClass::kCredentialsMissing,
                   "the server asks for a password and there is none");
  }
  if (says("does not support SSL")) {
    return failure(options, ErrorClass::kTls, "the server does not offer TLS, which sslMode asks for");
  }
  if (says("certificate verify failed")) {
    return failure(options, ErrorClass::kTls,
                   "the server's certificate is not signed by the given CA, or not valid now");
  }
  if (says("does not match host name")) {
    return failure(options, ErrorClass::kTls, "the server's certificate is for another host name");
  }
  if (says("root certificate file")) {
    return failure(options, ErrorClass::kTls, "the CA file is missing or holds no certificate");
  }
  const bool network =
      says("SSL SYSCALL error") || says("server closed the connection") || says("could not receive");
  if (phase == CONNECTION_SSL_STARTUP && !network) {
    return failure(options, ErrorClass::kTls, "the TLS handshake failed");
  }
  if (phase == CONNECTION_STARTED || phase == CONNECTION_NEEDED) {
    return failure(options, ErrorClass::kUnreachable, "no connection to the server's address");
  }
  return failure(options, ErrorClass::kUnreachable, "the server closed the connection");
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
  // What a result looks like as text must not depend on the server's settings. The server, too, notices a
  // peer that vanishes within half a minute, and with it lets its connection go.
  add("options",
      "-c TimeZone=UTC -c DateStyle=ISO -c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 "
      "-c tcp_keepalives_count=3 -c tcp_user_timeout=30000");
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

struct Attempt {
  tl::expected<std::unique_ptr<Session>, Error> result;
  std::optional<Socket> leftover;  // of a failed attempt that the server may know of
};

asio::awaitable<Attempt> attempt(asio::any_io_executor executor, const ConnectOptions& options,
                                 const std::string& address, Deadline deadline) {
  ConnectionHandle connection = start(options, address);
  if (!connection)
    co_return Attempt{tl::unexpected(failure(options, ErrorClass::kOther, "out of memory")), {}};
  PQsetErrorVerbosity(connection.get(), PQERRORS_SQLSTATE);
  PQsetNoticeReceiver(
      connection.get(), [](void*, const PGresult*) {}, nullptr);
  if (PQstatus(connection.get()) == CONNECTION_BAD || PQsocket(connection.get()) < 0) {
    auto error = diagnose(options, PQerrorMessage(connection.get()), CONNECTION_NEEDED, false);
    co_return Attempt{tl::unexpected(std::move(error)), {}};
  }
  Socket socket(executor, PQsocket(connection.get()));
  socket.arm(co_await asio::this_coro::executor, deadline);
  auto phase = PQstatus(connection.get());
  auto wish = PGRES_POLLING_WRITING;
  bool in_time = true;
  while (in_time && (wish == PGRES_POLLING_READING || wish == PGRES_POLLING_WRITING)) {
    in_time = co_await socket.wait(wish == PGRES_POLLING_READING ? Socket::Wait::wait_read
                                                                 : Socket::Wait::wait_write);
    phase = PQstatus(connection.get());
    if (in_time) wish = PQconnectPoll(connection.get());
  }
  socket.disarm();
  if (!in_time || wish != PGRES_POLLING_OK || PQsetnonblocking(connection.get(), 1) != 0) {
    auto error = diagnose(options, PQerrorMessage(connection.get()), phase, !in_time);
    connection.reset();
    Attempt failed{tl::unexpected(std::move(error)), {}};
    if (phase != CONNECTION_STARTED) failed.leftover = std::move(socket);
    co_return failed;
  }
  auto session = std::make_unique<LibpqSession>(std::move(connection), socket, target_of(options), options);
  auto trouble = co_await session->initialize(deadline);
  if (trouble) {
    session.reset();
    auto error_class = trouble->error_class;
    if (error_class == ErrorClass::kConnectionLost || error_class == ErrorClass::kTimeout) {
      error_class = ErrorClass::kUnreachable;
    }
    const auto reason = error_class == ErrorClass::kReadOnly ? reason_of(error_class, trouble->sqlstate)
                                                             : "setting the session up failed";
    auto error = failure(options, error_class, reason, trouble->sqlstate);
    co_return Attempt{tl::unexpected(std::move(error)), std::move(socket)};
  }
  co_return Attempt{std::unique_ptr<Session>(std::move(session)), {}};
}

// Why these options cannot be tried at all.
std::optional<Error> refuse(const ConnectOptions& options) {
  if (options.user.empty()) return failure(options, ErrorClass::kCredentialsMissing, "there is no user name");
  // libpq takes C strings and would silently use what stands before the NUL.
  for (const auto* text : {&options.host, &options.database, &options.user, &options.password,
                           &options.ca_file, &options.application_name}) {
    if (text->find('\0') == std::string::npos) continue;
    const bool secret = text == &options.user || text == &options.password;
    return failure(options, secret ? ErrorClass::kCredentialsRejected : ErrorClass::kOther,
                   secret ? "user name or password contain a NUL byte" : "an option contains a NUL byte");
  }
  return std::nullopt;
}

}  // namespace

asio::awaitable<tl::expected<std::unique_ptr<Session>, Error>> connect(asio::any_io_executor executor,
                                                                       const ConnectOptions& given,
                                                                       Deadline deadline) {
  const ConnectOptions options = given;
  if (auto refused = refuse(options)) co_return tl::unexpected(std::move(*refused));
  const auto addresses = co_await resolve(executor, options.host, deadline);
  tl::expected<std::unique_ptr<Session>, Error> result =
      tl::unexpected(failure(options, ErrorClass::kUnreachable, "the host name does not resolve"));
  std::vector<Socket> leftovers;
  for (std::size_t i = 0; i < addresses.size() && !result; ++i) {
    const auto now = runtime::steady_now();
    const auto share = (deadline - now) / static_cast<int>(addresses.size() - i);
    Attempt tried = co_await attempt(executor, options, addresses[i], now + share);
    if (tried.leftover) leftovers.push_back(std::move(*tried.leftover));
    // An answer of PostgreSQL says more than a silent address tried after it.
    const bool known = i > 0 && result.error().error_class != ErrorClass::kUnreachable;
    if (tried.result || !known) result = std::move(tried.result);
  }
  const auto give_up = runtime::steady_now() + kLetGoTimeout;
  for (auto& leftover : leftovers) co_await leftover.await_end(give_up);
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
