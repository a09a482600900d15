#include "pool/postgres/diagnosis.h"

#include <algorithm>
#include <array>

namespace storagepool::postgres {
namespace {

// What the server reports of an error: `FATAL:  53300: too many connections for database "x"`, and in the
// last line `LOCATION:  CheckMyDatabase, postinit.c:412`, whose words after the colon no locale translates.
struct Reported {
  std::string sqlstate;  // empty when the server sent none
  std::string_view routine;
};

constexpr std::string_view kSharedSession =
    "a pooler in between shares one server connection among sessions; it needs pool_mode = session and a "
    "server_reset_query, see docs/poolers.md";

constexpr std::string_view kNoServerConnection =
    "let in, and then no answer in time: a pooler in between may have no server connection left, see "
    "docs/poolers.md";

bool is_sqlstate(std::string_view code) {
  return std::all_of(code.begin(), code.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

Reported read_report(std::string_view text) {
  constexpr std::size_t kLength = 5;
  constexpr std::string_view kBefore = ":  ";
  Reported reported;
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  for (auto at = text.find(kBefore); at != std::string_view::npos; at = text.find(kBefore, at + 1)) {
    const auto code = text.substr(at + kBefore.size(), kLength);
    const auto after = text.substr(std::min(text.size(), at + kBefore.size() + kLength));
    if (code.size() < kLength || !is_sqlstate(code) || !after.starts_with(": ")) continue;
    reported.sqlstate = std::string(code);
    break;
  }
  const auto line = text.substr(text.rfind('\n') + 1);
  const auto colon = line.find(kBefore);
  if (colon != std::string_view::npos) {
    const auto location = line.substr(colon + kBefore.size());
    reported.routine = location.substr(0, location.find(','));
  }
  return reported;
}

// Whether other databases of the server may well be open to us. What is said to the role, or of the server,
// is not; nor what nobody knows.
bool of_database(std::string_view sqlstate, std::string_view routine) {
  if (sqlstate == "53300") return routine == "CheckMyDatabase";          // its CONNECTION LIMIT
  if (sqlstate == "28000") return routine != "InitializeSessionUserId";  // else a line of pg_hba.conf
  constexpr std::array<std::string_view, 7> kOfServer{"08", "28P", "53", "57", "58", "F0", "XX"};
  return std::none_of(kOfServer.begin(), kOfServer.end(),
                      [&](std::string_view prefix) { return sqlstate.starts_with(prefix); });
}

std::string_view reason_of(ErrorClass error_class, const std::string& sqlstate, bool database_only) {
  switch (error_class) {
    case ErrorClass::kCredentialsRejected:
      return sqlstate == "28P01" ? "the server refused the user name or password"
                                 : "the server does not let this user in from here with this sslMode";
    case ErrorClass::kServerFull:
      return database_only ? "the database has no connection left"
                           : "the server has no connection left for this user";
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

Error reported_failure(const ConnectOptions& options, const Reported& reported) {
  auto error_class = classify(reported.sqlstate);
  if (error_class == ErrorClass::kConnectionLost) error_class = ErrorClass::kUnreachable;
  const bool database_only = of_database(reported.sqlstate, reported.routine);
  return connect_failure(options, error_class, reason_of(error_class, reported.sqlstate, database_only),
                         reported.sqlstate, database_only);
}

}  // namespace

std::string target_of(const ConnectOptions& options) {
  return options.host + ":" + std::to_string(options.port) + "/" + options.database;
}

// What concerns the server is told to all who wait, and names nobody's database.
Error connect_failure(const ConnectOptions& options, ErrorClass error_class, std::string_view reason,
                      const std::string& sqlstate, bool database_only) {
  std::string detail = "connecting to " + options.host + ":" + std::to_string(options.port);
  if (database_only) detail += "/" + options.database;
  detail += ": " + std::string(reason);
  if (!sqlstate.empty()) detail += " (" + sqlstate + ")";
  return {.error_class = error_class,
          .sqlstate = sqlstate,
          .constraint = "",
          .detail = std::move(detail),
          .outside_statement = true,
          .database_only = database_only};
}

Error diagnose(const ConnectOptions& options, std::string_view text, ConnStatusType phase) {
  const Reported reported = read_report(text);
  if (!reported.sqlstate.empty()) return reported_failure(options, reported);
  const auto says = [&](std::string_view words) { return text.find(words) != std::string_view::npos; };
  const auto failure = [&](ErrorClass error_class, std::string_view reason) {
    return connect_failure(options, error_class, reason);
  };
  if (says("no password supplied"))
    return failure(ErrorClass::kCredentialsMissing, "the server asks for a password and there is none");
  if (says("does not support SSL"))
    return failure(ErrorClass::kTls, "the server does not offer TLS, which sslMode asks for");
  if (says("certificate verify failed")) {
    return failure(ErrorClass::kTls,
                   "the server's certificate is not signed by the given CA, or not valid now");
  }
  if (says("does not match host name"))
    return failure(ErrorClass::kTls, "the server's certificate is for another host name");
  if (says("root certificate file"))
    return failure(ErrorClass::kTls, "the CA file is missing or holds no certificate");
  const bool network =
      says("SSL SYSCALL error") || says("server closed the connection") || says("could not receive");
  if (phase == CONNECTION_SSL_STARTUP && !network)
    return failure(ErrorClass::kTls, "the TLS handshake failed");
  if (phase == CONNECTION_STARTED || phase == CONNECTION_NEEDED)
    return failure(ErrorClass::kUnreachable, "no connection to the server's address");
  return failure(ErrorClass::kUnreachable, "the server closed the connection");
}

bool another_address_may_do(const Error& error) {
  return error.error_class == ErrorClass::kUnreachable || error.error_class == ErrorClass::kReadOnly ||
         error.error_class == ErrorClass::kServerFull;
}

Error diagnose_setup(const ConnectOptions& options, const Error& error) {
  if (error.error_class == ErrorClass::kReadOnly) {
    return connect_failure(options, error.error_class, reason_of(error.error_class, error.sqlstate, false),
                           error.sqlstate, error.database_only);
  }
  const bool silent =
      error.error_class == ErrorClass::kConnectionLost || error.error_class == ErrorClass::kTimeout;
  const bool database_only = !silent && !error.sqlstate.empty() && of_database(error.sqlstate, "");
  std::string_view reason = "setting the session up failed";
  if (error.sqlstate == kUntranslatable)
    reason = "the encoding of the database is not UTF8, which events need";
  if (error.sqlstate == kNotSupported) reason = kSharedSession;
  if (error.error_class == ErrorClass::kTimeout && error.sqlstate.empty()) reason = kNoServerConnection;
  return connect_failure(options, silent ? ErrorClass::kUnreachable : error.error_class, reason,
                         error.sqlstate, database_only);
}

}  // namespace storagepool::postgres
