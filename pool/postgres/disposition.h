// What is to be done about an error of PostgreSQL: the one table of it, for those who write, read, replay,
// report on health or keep sessions. Pure.
//
// Only what certainly lies in the row is the row's: everything else, known here or not, is kept and tried
// again, so that nothing is refused or set aside for what its sender cannot mend.
#pragma once

#include <string_view>

#include "pool/postgres/error.h"

namespace storagepool::postgres {

struct Disposition {
  enum class Cause {
    kRow,      // this row can never be stored; the others may be
    kPassing,  // passes without anybody's doing
    kPerson,   // lasts until somebody changes something, at the server most likely
  };
  Cause cause = Cause::kPerson;
  bool retire = false;  // the session must not be used again
  bool repeat = false;  // the same statement may well succeed at once, on another session if this one retires
  friend bool operator==(const Disposition&, const Disposition&) = default;
};

Disposition disposition_of(const Error& error);

}  // namespace storagepool::postgres
