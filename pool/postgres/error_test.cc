#include "pool/postgres/error.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace storagepool::postgres {
namespace {

TEST(Classify, GroupsSqlstatesByWhatToDoAboutThem) {
  const std::vector<std::pair<std::string, ErrorClass>> cases = {
      {"08006", ErrorClass::kConnectionLost},
      {"57P01", ErrorClass::kConnectionLost},
      {"57P03", ErrorClass::kConnectionLost},
      {"53300", ErrorClass::kServerFull},
      {"53400", ErrorClass::kServerFull},
      {"28P01", ErrorClass::kCredentialsRejected},
      {"28000", ErrorClass::kCredentialsRejected},
      {"3D000", ErrorClass::kDatabaseMissing},
      {"25006", ErrorClass::kReadOnly},
      {"57014", ErrorClass::kTimeout},
      {"55P03", ErrorClass::kTimeout},
      {"40001", ErrorClass::kOther},
      {"22P02", ErrorClass::kOther},
      {"42601", ErrorClass::kOther},
      {"53200", ErrorClass::kOther},
      {"", ErrorClass::kOther},
  };
  for (const auto& [sqlstate, expected] : cases) EXPECT_EQ(classify(sqlstate), expected) << sqlstate;
}

}  // namespace
}  // namespace storagepool::postgres
