#include "pool/service/log/log_audit.h"

#include <vector>

#include <gtest/gtest.h>

namespace storagepool::service {
namespace {

bool spares(const engine::Statistics& pool, std::int64_t idle = 0) {
  const std::vector<engine::DatabaseStatistics> databases{{.name = "audit", .open = 1 + idle, .idle = idle},
                                                          {.name = "ws", .open = 3, .idle = 3}};
  return can_spare(pool, databases, "audit");
}

TEST(FullAuditConnection, IsTakenWhereOneIsIdleOrThereIsRoom) {
  EXPECT_TRUE(spares({.max_open = 5, .open = 5}, 1));
  EXPECT_TRUE(spares({.max_open = 5, .open = 3, .opening = 1}));
}

TEST(FullAuditConnection, IsNotTakenFromWhoWaits) {
  EXPECT_FALSE(spares({.max_open = 5, .open = 3, .waiting = 1}, 1));
}

TEST(FullAuditConnection, IsNotTakenFromAnotherDatabase) {
  EXPECT_FALSE(spares({.max_open = 5, .open = 5}));
  EXPECT_FALSE(spares({.max_open = 5, .open = 3, .opening = 1, .closing = 1}));
  EXPECT_FALSE(can_spare({.max_open = 1, .open = 1}, {}, "audit"));
}

}  // namespace
}  // namespace storagepool::service
