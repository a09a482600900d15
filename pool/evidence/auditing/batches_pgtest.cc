#include "pool/evidence/auditing/batches.h"

#include <set>

#include <gtest/gtest.h>

#include "pool/evidence/auditing/statements.h"
#include "pool/evidence/sealing/testing/log_database.h"

namespace storagepool::evidence {
namespace {

using testing::FaultyConnection;

class AuditedBatchesTest : public testing::LogDatabaseTest {};

TEST_F(AuditedBatchesTest, AreReadSomeAtATime) {
  constexpr std::int64_t kEvents = kStepBytes * 2 / 3 / std::int64_t{kEntryBytes};
  std::set<std::int64_t> ids;
  for (std::int64_t batch = 1; batch <= 5; ++batch) {
    commit(batch, static_cast<std::uint64_t>(batch * kEvents), kEvents);
    ids.insert(batch);
  }
  FaultyConnection connection(*session_, 0, FaultyConnection::Fault::kBefore, [] {});
  EntryWriter writer(make_keys(testing::kSeed));
  const auto batches =
      must(postgres::testing::run(context_, read_batches(connection, ids, writer, deadline())));
  EXPECT_EQ(batches.size(), 5U);
  EXPECT_EQ(connection.statements(), 3) << "two each, and the last";
}

}  // namespace
}  // namespace storagepool::evidence
