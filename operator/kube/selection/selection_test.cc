#include "operator/kube/selection/selection.h"

#include <gtest/gtest.h>

namespace storagepool::kube {
namespace {

using json::Json;

constexpr const char* kObject =
    R"({"kind":"Pod","metadata":{"name":"a","labels":{"a/b":"x","c~d":"y"},"managedFields":[{"f:a":{}}]},)"
    R"("spec":{"containers":[{"name":"c","image":"i"},7,null],"empty":{},"list":[]},)"
    R"("status":{"ready":true,"gone":false,"none":null,"n":-3,"m":18446744073709551615,"f":0.25,"e":1e3,)"
    R"("t":"\u00e9\n\"\\\/"}})";

// Both ways to the same: from the text, and from values.
Json read(const Selection& selection, const std::string& text) {
  Json result = selection.read(text);
  const Json whole = Json::parse(text, nullptr, false);
  EXPECT_EQ(result.is_discarded(), whole.is_discarded()) << text;
  EXPECT_TRUE(whole.is_discarded() || result == selection.pick(whole)) << text << " is read as " << result;
  return result;
}

TEST(SelectionTest, EverythingIsAllThatTheTextSays) {
  EXPECT_EQ(read(Selection(), kObject), Json::parse(kObject));
  EXPECT_EQ(Selection().read(kObject).dump(), Json::parse(kObject).dump());
}

TEST(SelectionTest, AllButSomePlaces) {
  const auto selection =
      Selection::all_but({"/metadata/managedFields", "/metadata/labels/a~1b", "/nowhere/at"});
  Json expected = Json::parse(kObject);
  expected["metadata"].erase("managedFields");
  expected["metadata"]["labels"].erase("a/b");
  EXPECT_EQ(read(selection, kObject), expected);
}

TEST(SelectionTest, OnlySomePlaces) {
  const auto selection = Selection::only(
      {"/metadata/labels/c~0d", "/spec/containers/*/name", "/spec/empty/x", "/spec/list", "/gone/x"});
  EXPECT_EQ(
      read(selection, kObject),
      Json::parse(
          R"({"metadata":{"labels":{"c~d":"y"}},"spec":{"containers":[{"name":"c"},7,null],"list":[]}})"));
  EXPECT_EQ(read(selection, R"({"kind":"Pod"})"), Json::object());
}

TEST(SelectionTest, OfWhatIsWithinSomethingGreater) {
  const auto named = Selection::only({"/name"});
  EXPECT_EQ(read(named.at("/object"), R"({"type":"ADDED","object":{"name":"a","x":1}})"),
            Json::parse(R"({"type":"ADDED","object":{"name":"a"}})"));
  EXPECT_EQ(read(named.at("/items/*"), R"({"kind":"List","items":[{"name":"a","x":1},{"x":1},3]})"),
            Json::parse(R"({"kind":"List","items":[{"name":"a"},{},3]})"));
}

TEST(SelectionTest, WhatHasAnotherShapeStaysAsItIs) {
  const auto selection = Selection::only({"/metadata/name", "/status/conditions/*/type"});
  for (const char* text :
       {R"({"metadata":7,"status":"s"})", R"({"metadata":[{"name":1,"x":2}]})",
        R"({"status":{"conditions":{"type":1,"x":2}}})", R"({"status":{"conditions":[[{"x":1}]]}})"})
    EXPECT_EQ(read(selection, text), Json::parse(text)) << text;
}

TEST(SelectionTest, RaritiesAreReadAsEver) {
  for (const char* text :
       {"[]", "7", "null", "\"a\"", " {} ", R"({"a":1,"a":2})", R"({"a":184467440737095516160})",
        R"({"a":-9223372036854775809})", R"({"a":"\ud83d\ude00"})", R"({"a":-0,"b":-0.0,"c":1E-3})",
        R"({"a":18446744.73709551614,"b":[-123456789012345678e-9]})", R"({"":{"":[]}})", R"({"a\u0062":1})",
        "\xEF\xBB\xBF{}"})
    EXPECT_FALSE(read(Selection(), text).is_discarded()) << text;
  const std::string deep(1500, '[');
  EXPECT_FALSE(read(Selection(), R"({"a":)" + deep + std::string(1500, ']') + "}").is_discarded());
}

TEST(SelectionTest, WhatIsNoJsonIsDiscarded) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "{]",
                           "{}{}",
                           "{},",
                           R"({"a":1}trailing)",
                           R"({"a"})",
                           R"({"a":})",
                           R"({"a":1,})",
                           R"({"a":01})",
                           R"({"a":1.})",
                           R"({"a":+1})",
                           R"({"a":tru})",
                           R"({"a":nul})",
                           R"({"a":truex})",
                           R"({"a":[1 2]})",
                           R"({"a":"\q"})",
                           R"({"a":"\ud800"})",
                           R"({"a":"\udc00"})",
                           R"({"a":"\uD800x"})",
                           R"({"a\udc00":1})",
                           "{\"a\":\"\n\"}",
                           "{\"a\":\"\xff\"}",
                           R"({"a":1e999})",
                           R"({a:1})",
                           R"({'a':1})",
                           R"({"a":1 "b":2})"})
    EXPECT_TRUE(read(Selection(), text).is_discarded()) << text;
}

TEST(SelectionTest, ATextThatIsCutOffIsDiscardedWhereverThatIs) {
  const std::string whole = kObject;
  const auto few = Selection::only({"/metadata/name"});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(read(Selection(), whole.substr(0, size)).is_discarded()) << size;
    EXPECT_TRUE(few.read(whole.substr(0, size)).is_discarded()) << size;
  }
}

TEST(SelectionTest, LargeTextsAndMany) {
  std::string text = R"({"items":[)";
  for (int i = 0; i < 5000; ++i) text += std::string(i == 0 ? "" : ",") + kObject;
  text += "]}";
  const auto names = Selection::only({"/metadata/name"}).at("/items/*");
  const Json list = names.read(text);
  ASSERT_EQ(list["items"].size(), 5000u);
  EXPECT_EQ(list["items"][4999], Json::parse(R"({"metadata":{"name":"a"}})"));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Selection().read(kObject), Json::parse(kObject));
}

}  // namespace
}  // namespace storagepool::kube
