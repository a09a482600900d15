#include "pool/event/uuid.h"

#include <set>

#include <gtest/gtest.h>

namespace storagepool::event {
namespace {

TEST(ParseUuid, GivesTheCanonicalForm) {
  EXPECT_EQ(parse_uuid("0190A6E2-9B7C-7DEF-8123-456789ABCDEF"), "0190a6e2-9b7c-7def-8123-456789abcdef");
  EXPECT_EQ(parse_uuid("ffffffff-ffff-ffff-ffff-ffffffffffff"), "ffffffff-ffff-ffff-ffff-ffffffffffff");
}

TEST(ParseUuid, RefusesAnythingElse) {
  for (const char* bad :
       {"", "zzz", "0190a6e29b7c7def8123456789abcdef", "{0190a6e2-9b7c-7def-8123-456789abcdef}",
        "0190a6e2-9b7c-7def-8123-456789abcdeg", "0190a6e2-9b7c-7def-8123-456789abcdef ",
        "0190a6e2-9b7c-7def-8123_456789abcdef", "0190a6e2-9b7c-7def-812-3456789abcdef"}) {
    EXPECT_FALSE(parse_uuid(bad)) << bad;
  }
}

TEST(UuidBytes, AreOfTheCanonicalForm) {
  const auto bytes = uuid_bytes("0190a6e2-9b7c-7def-8123-456789abcdef");
  ASSERT_TRUE(bytes);
  EXPECT_EQ(std::string(bytes->begin(), bytes->end()),
            "\x01\x90\xa6\xe2\x9b\x7c\x7d\xef\x81\x23\x45\x67\x89\xab\xcd\xef");
  for (const char* other :
       {"", "zzz", "0190a6e29b7c7def8123456789abcdef", "0190A6E2-9B7C-7DEF-8123-456789ABCDEF",
        "0190a6e2-9b7c-7def-8123-456789abcdeg", "0190a6e2-9b7c-7def-8123-456789abcdef ",
        "0190a6e2-9b7c-7def-8123_456789abcdef", "0190a6e2-9b7c-7def-812-3456789abcdef"}) {
    EXPECT_FALSE(uuid_bytes(other)) << other;
  }
}

// The example of RFC 9562, appendix A.6.
TEST(MakeUuid7, MatchesTheExampleOfTheStandard) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds{0x017F22E279B0}};
  const std::array<std::uint8_t, 10> random{0x0C, 0xC3, 0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F};
  EXPECT_EQ(make_uuid7(time, random), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

TEST(NewEventId, NeverRepeatsAndIsCanonical) {
  const runtime::Timestamp time = *runtime::parse_timestamp("2026-02-28T11:22:33.123456Z");
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = new_event_id(time);
    EXPECT_EQ(parse_uuid(id), id);
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(NewEventId, TellsTheMillisecondOfItsEvent) {
  for (const char* text : {"2026-02-28T11:22:33.123456Z", "2026-02-28T23:59:59.999999Z",
                           "2026-03-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"}) {
    const runtime::Timestamp time = *runtime::parse_timestamp(text);
    const auto range = id_time_range(new_event_id(time));
    ASSERT_TRUE(range) << text;
    EXPECT_LE(range->first, time) << text;
    EXPECT_LT(time, range->second) << text;
    EXPECT_EQ(range->second - range->first, std::chrono::milliseconds{1});
    // No millisecond lies in two months.
    EXPECT_EQ(runtime::date_of(range->first), runtime::date_of(range->second - std::chrono::microseconds{1}));
  }
}

TEST(IdTimeRange, IsOfVersion7Alone) {
  EXPECT_TRUE(id_time_range("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"));
  for (const char* other :
       {"017f22e2-79b0-4cc3-98c4-dc0c0c07398f", "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",
        "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "", "zzz",
        "ffffffff-ffff-7fff-bfff-ffffffffffff",     // the year 10889, which no event has
        "-1234567-89ab-7cc3-98c4-dc0c0c07398f"}) {  // not canonical
    EXPECT_FALSE(id_time_range(other)) << other;
  }
}

}  // namespace
}  // namespace storagepool::event
