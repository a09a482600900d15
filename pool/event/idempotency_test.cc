#include "pool/event/idempotency.h"

#include <set>

#include <gtest/gtest.h>

#include "pool/event/uuid.h"

namespace storagepool::event {
namespace {

TEST(Idempotency, TakesPrintableAsciiOnly) {
  EXPECT_EQ(check_idempotency_key("8e03978e-40d5-43e8-bc93-6894a57f9324"), std::nullopt);
  EXPECT_EQ(check_idempotency_key("a b~!"), std::nullopt);
  EXPECT_EQ(check_idempotency_key(std::string(255, 'k')), std::nullopt);
  for (const std::string& bad : {std::string(), std::string(256, 'k'), std::string("a\tb"), std::string("é"),
                                 std::string("\x7f"), std::string("a\0b", 3)}) {
    const auto refused = check_idempotency_key(bad);
    ASSERT_TRUE(refused) << bad;
    EXPECT_EQ(refused->field, "Idempotency-Key");
    EXPECT_NE(refused->message.find("allowed: 1 to 255 printable ASCII characters"), std::string::npos);
  }
}

TEST(Idempotency, MakesTheSameIdOfTheSameCallOnly) {
  const std::string id = idempotent_event_id("w", "alice", "key", 0);
  // SHA-256 of "1:w5:alice3:key1:0", cut to 16 bytes, with version 8 and the variant put in.
  EXPECT_EQ(id, "c45d3346-85bd-8d10-a8f5-26456a2d4948");
  EXPECT_EQ(parse_uuid(id), id);
  EXPECT_EQ(id[14], '8');
  EXPECT_EQ(idempotent_event_id("w", "alice", "key", 0), id);
  const std::set<std::string> all{
      id,
      idempotent_event_id("w", "alice", "key", 1),
      idempotent_event_id("w", "alice", "key2", 0),
      idempotent_event_id("w", "bob", "key", 0),
      idempotent_event_id("", "alice", "key", 0),
      idempotent_event_id("wa", "lice", "key", 0),
      idempotent_event_id("w", "alicek", "ey", 0),
      idempotent_event_id("w", "alice", "key:0", 0),
  };
  EXPECT_EQ(all.size(), 8U);
}

}  // namespace
}  // namespace storagepool::event
