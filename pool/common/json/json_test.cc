#include "pool/common/json/json.h"

#include <gtest/gtest.h>

namespace storagepool::json {
namespace {

const Json kObject = Json::parse(R"({"a": {"b/c": [1, "x"]}, "text": "t", "half": 1.5,
    "negative": -7, "huge": 9223372036854775808})");

TEST(Json, FindsWhatIsThere) {
  EXPECT_EQ(member(kObject, "text"), "t");
  EXPECT_EQ(at(kObject, "/a/b~1c/0"), 1);
  EXPECT_EQ(text_at(kObject, "/a/b~1c/1"), "x");
  EXPECT_EQ(text_of(member(kObject, "text")), "t");
  EXPECT_EQ(integer_at(kObject, "/a/b~1c/0"), 1);
  EXPECT_EQ(integer_at(kObject, "/negative", 3), -7);
}

TEST(Json, PointersAreThoseOfTheLibrary) {
  const Json json = Json::parse(R"({"": 1, "a": {"": 2, "b/c": [1, [2, 3], {"x~y": 4, "~1": 5}], "0": 6},
      "l": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "n": null, "t": "text"})");
  for (const char* pointer : {"",
                              "/",
                              "//",
                              "/a",
                              "/a/",
                              "/a//",
                              "/a/b~1c",
                              "/a/b~1c/",
                              "/a/b~1c/0",
                              "/a/b~1c/1/1",
                              "/a/b~1c/2/x~0y",
                              "/a/b~1c/2/~01",
                              "/a/b~1c/3",
                              "/a/b~1c/-",
                              "/a/b~1c/-1",
                              "/a/b~1c/+1",
                              "/a/b~1c/00",
                              "/a/b~1c/01",
                              "/a/b~1c/1x",
                              "/a/b~1c/1/",
                              "/a/0",
                              "/a/1",
                              "/l/9",
                              "/l/10",
                              "/l/11",
                              "/l/010",
                              "/l/99999999999999999999",
                              "/n",
                              "/n/a",
                              "/t",
                              "/t/0",
                              "/t/",
                              "/x",
                              "/x/y"}) {
    const Json::json_pointer path(pointer);
    bool is_there = false;
    try {
      is_there = json.contains(path);
    } catch (const Json::exception&) {  // an index that no number holds
    }
    EXPECT_EQ(at(json, pointer), is_there ? json[path] : Json()) << pointer;
  }
}

TEST(Json, WhatIsAbsentReadsAsTheFallback) {
  EXPECT_TRUE(member(kObject, "b").is_null());
  EXPECT_TRUE(at(kObject, "/a/b~1c/2").is_null());
  EXPECT_TRUE(at(kObject, "/text/b").is_null());
  EXPECT_TRUE(at(Json(), "/a").is_null());
  EXPECT_EQ(text_at(kObject, "/b"), "");
  EXPECT_FALSE(integer_at(kObject, "/b"));
  EXPECT_EQ(integer_at(kObject, "/b", 3), 3);
}

TEST(Json, AnotherTypeReadsAsTheFallback) {
  EXPECT_TRUE(member(Json::array(), "a").is_null());
  EXPECT_EQ(text_at(kObject, "/a"), "");
  for (const char* pointer : {"/text", "/half", "/huge", "/a"}) {
    EXPECT_FALSE(integer_at(kObject, pointer)) << pointer;
    EXPECT_EQ(integer_at(kObject, pointer, 3), 3) << pointer;
  }
}

TEST(ParseInteger, TakesWholeNumbersOnly) {
  EXPECT_EQ(parse_integer("12"), 12);
  EXPECT_EQ(parse_integer("-1"), -1);
  for (const char* bad : {"", "x", "1x", " 1", "+1", "1.0", "9223372036854775808"}) {
    EXPECT_FALSE(parse_integer(bad)) << bad;
  }
}

}  // namespace
}  // namespace storagepool::json
