#include "pool/postgres/error.h"

namespace storagepool::postgres {

ErrorClass classify(const std::string& sqlstate) {
  const auto in_class = [&](const char* prefix) { return sqlstate.compare(0, 2, prefix) == 0; };
  if (in_class("08") || sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P03" ||
      sqlstate == "57P04" || sqlstate == "57P05") {
    return ErrorClass::kConnectionLost;
  }
  if (sqlstate == "53300" || sqlstate == "53400") return ErrorClass::kServerFull;
  if (in_class("28")) return ErrorClass::kCredentialsRejected;
  if (sqlstate == "3D000") return ErrorClass::kDatabaseMissing;
  if (sqlstate == "25006") return ErrorClass::kReadOnly;
  if (sqlstate == "57014" || sqlstate == "55P03") return ErrorClass::kTimeout;
  return ErrorClass::kOther;
}

}  // namespace storagepool::postgres
