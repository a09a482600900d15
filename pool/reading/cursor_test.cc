#include "pool/reading/cursor.h"

#include <set>

#include <gtest/gtest.h>

#include "pool/event/uuid.h"

namespace storagepool::reading {
namespace {

const Cursor kCursor{.event_timestamp = *runtime::parse_timestamp("2026-02-28T11:22:33.123456Z"),
                     .event_id = "0190a6e2-9b7c-7def-8123-456789abcdef"};

TEST(Cursor, ComesBackAsItWas) {
  for (const char* time : {"2026-02-28T11:22:33.123456Z", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
                           "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"}) {
    for (const char* id : {"0190a6e2-9b7c-7def-8123-456789abcdef", "ffffffff-ffff-ffff-ffff-ffffffffffff",
                           "00000000-0000-0000-0000-000000000000"}) {
      const Cursor cursor{.event_timestamp = *runtime::parse_timestamp(time), .event_id = id};
      const std::string text = format_cursor(cursor);
      EXPECT_EQ(text.size(), 32U);
      EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                std::string::npos);
      EXPECT_EQ(parse_cursor(text), cursor) << text;
    }
  }
}

TEST(Cursor, IsWrittenAsDocumented) {
  // 1 microsecond after 1970: seven bytes 0 and one 1, then the id.
  const Cursor cursor{.event_timestamp = runtime::Timestamp{std::chrono::microseconds{1}},
                      .event_id = "0190a6e2-9b7c-7def-8123-456789abcdef"};
  EXPECT_EQ(format_cursor(cursor), "AAAAAAAAAAEBkKbim3x974EjRWeJq83v");
}

TEST(Cursor, RefusesWhatItDidNotWrite) {
  const std::string good = format_cursor(kCursor);
  ASSERT_TRUE(parse_cursor(good));
  EXPECT_FALSE(parse_cursor(""));
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(parse_cursor(good.substr(0, length))) << length;
  }
  EXPECT_FALSE(parse_cursor(good + "A"));
  EXPECT_FALSE(parse_cursor(good + "=="));
  EXPECT_FALSE(parse_cursor(good + std::string(1, '\0')));
  EXPECT_FALSE(parse_cursor("gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));  // before the year 1
  EXPECT_FALSE(parse_cursor("f_______________________________"));  // after 9999
}

TEST(Cursor, TakesNoCharacterFromOutsideTheAlphabet) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (int c = 0; c < 256; ++c) {
    std::string text = format_cursor(kCursor);
    text.back() = static_cast<char>(c);
    const bool known = alphabet.find(static_cast<char>(c)) != std::string::npos;
    EXPECT_EQ(parse_cursor(text).has_value(), known) << c;
    if (known) {
      EXPECT_EQ(format_cursor(*parse_cursor(text)), text);
    }
  }
}

}  // namespace
}  // namespace storagepool::reading
