#include "pool/event/text.h"

#include <string>

#include <gtest/gtest.h>

namespace storagepool::event {
namespace {

TEST(Utf8Length, CountsCodePoints) {
  EXPECT_EQ(utf8_length(""), 0U);
  EXPECT_EQ(utf8_length("abc"), 3U);
  EXPECT_EQ(utf8_length("aé€𝄞"), 4U);
  EXPECT_EQ(utf8_length("\xF4\x8F\xBF\xBF"), 1U);  // U+10FFFF
}

TEST(Utf8Length, RefusesMalformedText) {
  for (const char* bad :
       {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xE2\x82", "\xE2\x82\x41", "\xC3"}) {
    EXPECT_FALSE(utf8_length(bad)) << bad;
  }
}

TEST(StorableText, RefusesWhatPostgresqlCannotStore) {
  EXPECT_TRUE(storable_text("tab\tand ünïcode"));
  EXPECT_FALSE(storable_text(std::string_view("a\0b", 3)));
  EXPECT_FALSE(storable_text("\xFF"));
}

TEST(Quoted, ShowsABoundedWellFormedText) {
  EXPECT_EQ(quoted("zzz"), "\"zzz\"");
  EXPECT_EQ(quoted("a\nb\xFF"),
            "\"a\uFFFD"
            "b\uFFFD\"");
  const std::string longer = event::quoted(std::string(1000, 'x'));
  EXPECT_EQ(longer, "\"" + std::string(64, 'x') + "…\"");
  EXPECT_TRUE(utf8_length(event::quoted("é" + std::string(63, 'x') + "€€")));
}

}  // namespace
}  // namespace storagepool::event
