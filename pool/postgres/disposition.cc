#include "pool/postgres/disposition.h"

#include <algorithm>
#include <array>

namespace storagepool::postgres {
namespace {

using Cause = Disposition::Cause;

constexpr Disposition kRow{.cause = Cause::kRow};
constexpr Disposition kWait{.cause = Cause::kPassing};
constexpr Disposition kAgain{.cause = Cause::kPassing, .repeat = true};
constexpr Disposition kElsewhere{.cause = Cause::kPassing, .retire = true, .repeat = true};
constexpr Disposition kTell{.cause = Cause::kPerson};
constexpr Disposition kTellAndRetire{.cause = Cause::kPerson, .retire = true};
constexpr Disposition kTellAndElsewhere{.cause = Cause::kPerson, .retire = true, .repeat = true};

struct Line {
  std::string_view sqlstate;  // or its beginning; the first line that fits counts
  Disposition disposition;
};

// SQLSTATEs: PostgreSQL, appendix A. What no line fits is for a person.
constexpr std::array kTable{
    Line{"08", kElsewhere},            // connection exception
    Line{"0A000", kTellAndElsewhere},  // "cached plan must not change result type", after DDL
    Line{"22", kRow},                  // data exception
    Line{"23", kRow},                  // constraint violation; but see `in_attachment`
    Line{"25006", kTellAndElsewhere},  // read-only: a standby, or a server that was switched over
    Line{"25P03", kElsewhere},         // idle in a transaction for too long: the session was ended
    Line{"25P04", kElsewhere},         // transaction_timeout, likewise
    Line{"26000", kElsewhere},         // prepared statement lost, as behind a pooler
    Line{"40", kAgain},                // serialisation failure, deadlock, completion unknown
    Line{"42P05", kTellAndElsewhere},  // prepared statement of another, as behind a pooler
    Line{"53200", kWait},              // out of memory
    Line{"53300", kWait},              // too many connections
    Line{"54001", kRow},               // statement too complex: values nested too deep for the server's stack
    Line{"55006", kWait},              // object in use
    Line{"55P03", kWait},              // lock not available
    Line{"57014", kWait},              // query cancelled: statement_timeout
    Line{"57P", kElsewhere},           // the server, or this session, is being shut down
    Line{"72000", kAgain},             // snapshot too old
    Line{"P0001", kRow},               // RAISE EXCEPTION: a trigger refuses the row
    Line{"P0004", kRow},               // ASSERT, likewise
    Line{"XX", kTellAndRetire},        // internal error, corruption
};

// A row on its way to the default partition meets 23514 while the partition it belongs to is attached. Unlike
// a check of somebody's, that has no name.
bool in_attachment(const Error& error) {
  return error.sqlstate == "23514" && error.constraint.empty();
}

Disposition of_class(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::kConnectionLost:
      return kElsewhere;
    case ErrorClass::kTimeout:  // ours, by which the session was left in the middle of a statement
      return {.cause = Cause::kPassing, .retire = true};
    case ErrorClass::kUnreachable:
    case ErrorClass::kServerFull:
    case ErrorClass::kOther:  // of this process: out of descriptors or memory
      return kWait;
    case ErrorClass::kTls:
    case ErrorClass::kCredentialsMissing:
    case ErrorClass::kCredentialsRejected:
    case ErrorClass::kDatabaseMissing:
    case ErrorClass::kReadOnly:
      break;
  }
  return kTell;
}

}  // namespace

Disposition disposition_of(const Error& error) {
  if (error.sqlstate.empty()) return of_class(error.error_class);
  if (in_attachment(error)) return kAgain;
  const auto* const line = std::find_if(kTable.begin(), kTable.end(), [&](const Line& one) {
    return std::string_view(error.sqlstate).starts_with(one.sqlstate);
  });
  const Disposition found = line == kTable.end() ? kTell : line->disposition;
  if (error.outside_statement && found.cause == Cause::kRow) return kTell;
  return found;
}

}  // namespace storagepool::postgres
