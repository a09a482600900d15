#include "pool/event/json_members.h"

#include <array>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/event/json_plain.h"
#include "pool/event/json_scanner.h"

namespace storagepool::event {
namespace {

using ::testing::HasSubstr;

constexpr std::array<std::string_view, 3> kWanted = {"event_data", "name", "count"};

std::string data_of(std::string_view text) {
  const auto members = read_json_members(text, kWanted);
  if (!members) return "refused: " + members.error();
  const JsonValue* found = members->find("event_data");
  return found == nullptr ? "absent" : found->text;
}

TEST(ReadJsonMembers, KeepsTheNestedTextByteForByte) {
  for (const char* data :
       {R"({})", R"({ "b" : 1.10 ,"a":1e2,	"b": 2})", "{\n  \"x\": [1,\r\n {\"event_data\": {}} ]\n}",
        R"({"quote":"\"}\\","brace":"{[}]","unicode":"\u00e9\ud834\udd1e","slash":"\/"})",
        R"({"big":123456789012345678901234567890,"small":0.1000000000000000055511151231257827,"minus":-0})",
        R"({"é€𝄞":"é€𝄞"})"}) {
    EXPECT_EQ(data_of(std::string(R"({"event_data":)") + data + "}"), data);
    EXPECT_EQ(data_of(std::string(" {\"other\" : [ {\"event_data\":7} ], \"event_data\" :\t") + data +
                      "\n, \"name\":\"}\" } "),
              data);
    EXPECT_EQ(data_of(std::string("\xEF\xBB\xBF{\"event_data\":") + data + "}"), data);
  }
}

TEST(ReadJsonMembers, FindsAKeyWrittenWithEscapes) {
  EXPECT_EQ(data_of(R"({"\u0065vent\u005fdata":{"a":1}})"), R"({"a":1})");
  EXPECT_EQ(data_of(R"({"event_data\"":{"no":1},"event_data":{"yes":1}})"), R"({"yes":1})");
  EXPECT_EQ(data_of(R"({"\\event_data":{"no":1}})"), "absent");
}

TEST(ReadJsonMembers, OfARepeatedKeyTheLastCounts) {
  EXPECT_EQ(data_of(R"({"event_data":{"first":1},"event_data":{"last":[2]}})"), R"({"last":[2]})");
  EXPECT_EQ(data_of(R"({"event_data":{"first":1},"\u0065vent_data":{"last":1}})"), R"({"last":1})");
  const auto members = read_json_members(R"({"name":{"a":1},"name":"text"})", kWanted);
  ASSERT_TRUE(members);
  ASSERT_NE(members->find("name"), nullptr);
  EXPECT_EQ(members->find("name")->kind, JsonValue::Kind::kString);
  EXPECT_EQ(members->find("name")->text, "text");
}

TEST(ReadJsonMembers, TellsKindsApart) {
  const auto kind = [](const std::string& json) {
    return read_json_members("{\"name\":" + json + "}", kWanted).value().find("name")->kind;
  };
  EXPECT_EQ(kind("null"), JsonValue::Kind::kNull);
  EXPECT_EQ(kind("true"), JsonValue::Kind::kBoolean);
  EXPECT_EQ(kind("-5"), JsonValue::Kind::kInteger);
  EXPECT_EQ(kind("9223372036854775807"), JsonValue::Kind::kInteger);
  EXPECT_EQ(kind("9223372036854775808"), JsonValue::Kind::kNumber);
  EXPECT_EQ(kind("5.0"), JsonValue::Kind::kNumber);
  EXPECT_EQ(kind("[]"), JsonValue::Kind::kArray);
}

TEST(ReadJsonMembers, RefusesWhatCannotBeStored) {
  EXPECT_THAT(data_of(R"({"event_data":{"a":"\u0000"}})"), HasSubstr("U+0000"));
  EXPECT_THAT(data_of(R"({"event_data":{"\u0000":1}})"), HasSubstr("U+0000"));
  EXPECT_THAT(data_of(R"({"unwanted":[["\u0000"]]})"), HasSubstr("U+0000"));
  EXPECT_THAT(data_of(std::string_view("{\"event_data\":{}}\0{", 19)), HasSubstr("U+0000"));
  EXPECT_THAT(data_of("{\"event_data\":{\"a\":\"\xFF\"}}"), HasSubstr("not valid JSON in UTF-8"));
  EXPECT_THAT(data_of("{\"event_data\":{\"a\":\"\xED\xA0\x80\"}}"), HasSubstr("not valid JSON in UTF-8"));
  EXPECT_THAT(data_of(R"({"event_data":{"a":"\ud834"}})"), HasSubstr("not valid JSON in UTF-8"));
  EXPECT_THAT(data_of(R"({"event_data":{"a":"\udd1e\ud834"}})"), HasSubstr("not valid JSON in UTF-8"));
  EXPECT_THAT(data_of(R"({"event_data":{"a":1e999}})"), HasSubstr("range of a double"));
}

TEST(ReadJsonMembers, RefusesWhatIsNotAnObject) {
  for (const char* bad : {"",
                          " ",
                          "null",
                          "1",
                          "\"text\"",
                          "[]",
                          "[{\"event_data\":{}}]",
                          "{",
                          "{\"event_data\":{}",
                          "{\"event_data\":{}}}",
                          "{\"event_data\":{}} x",
                          "{event_data:{}}",
                          "{'event_data':{}}",
                          "{\"event_data\":{},}",
                          "{\"event_data\":{\"a\":01}}",
                          "{\"a\":NaN}",
                          "{\"a\":+1}",
                          "{/* comment */}",
                          "{\"a\":\"\n\"}",
                          "{\"a\" 1}",
                          "{\"a\":\"\\x\"}"}) {
    EXPECT_THAT(data_of(bad), HasSubstr("refused")) << bad;
  }
}

TEST(ReadJsonMembers, BoundsTheNesting) {
  const auto nested = [](std::size_t levels) {
    return "{\"event_data\":{\"a\":" + std::string(levels, '[') + std::string(levels, ']') + "}}";
  };
  EXPECT_EQ(data_of(nested(kMaxJsonDepth - 2)).substr(0, 7), "{\"a\":[[");
  EXPECT_THAT(data_of(nested(kMaxJsonDepth - 1)), HasSubstr("deeper than 128"));
  EXPECT_THAT(data_of("{\"event_data\":" + std::string(4'000'000, '[')), HasSubstr("deeper than 128"));
  EXPECT_THAT(data_of(std::string(4'000'000, '{')), HasSubstr("refused"));
}

// Whether the quick way took the text; if it did, it must agree with the exact reader.
bool plain(std::string_view text) {
  const auto quick = read_plain_members(text, kWanted);
  if (!quick) return false;
  const auto exact = parse_json_members(text, kWanted);
  EXPECT_TRUE(exact && exact->same_as(*quick)) << text;
  return true;
}

TEST(ReadPlainMembers, TakesWhatClientsSend) {
  EXPECT_TRUE(plain(R"({"event_data":{"a":[1,2.5,-0,true,null,"é\n\"\\"]},"name":"é€𝄞","count":-17})"));
  EXPECT_TRUE(
      plain(" {\"name\" : null ,\n\"count\":false,\t\"other\":1e-20000, \"name\": \"\\b\\f\\r\\t\\/\"} "));
  EXPECT_TRUE(plain(R"({"name":-0,"count":1.50,"event_data":[]})"));
  EXPECT_TRUE(plain("{}"));
}

TEST(ReadPlainMembers, LeavesRaritiesToTheExactReader) {
  for (const char* rare :
       {R"({"name":"\u00e9"})", R"({"count":123456789012345678901})", "\xEF\xBB\xBF{}",
        R"({"count":1234567890123456789})", R"({"a":1e999})", "{\"name\":\"\xFF\"}", "[]", ""})
    EXPECT_FALSE(plain(rare)) << rare;
  EXPECT_FALSE(plain("{\"name\":\"" + std::string(70'000, 'x') + "\"}"));
  EXPECT_FALSE(plain(std::string_view("{}\0", 3)));
  for (const std::size_t levels : {126U, 127U, 128U, 129U})
    plain("{\"name\":" + std::string(levels, '[') + std::string(levels, ']') + "}");
}

TEST(ReadPlainMembers, AgreesWithTheExactReader) {
  std::mt19937 random(11);  // NOLINT: a fixed seed, so that a failure repeats
  constexpr std::array<std::string_view, 34> kPieces = {
      "{",        "}",   "[",      "]",     "{",      "}",          ",",        ":",    ",",
      ":",        " ",   "\n",     "\"\"",  "1",      "-0",         "01",       "1.5",  "1e5",
      "-",        ".5",  "1e-999", "1e999", "\"é\"",  "\"\xC3\"",   "true",     "null", "false",
      "\"name\"", "tru", "\"a\"",  "\\",    "\"\t\"", "\"\\n\\/\"", "\"count\""};
  std::size_t taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = R"({"event_data":)";
    const std::size_t length = 1 + random() % 6;
    for (std::size_t i = 0; i < length; ++i) text += kPieces[random() % kPieces.size()];
    text += random() % 2 == 0 ? "}" : R"(,"name":"x"})";
    if (plain(text)) ++taken;
  }
  EXPECT_GT(taken, 200U);
}

TEST(JsonScanner, TakesAStringToItsEndWhereverItsEscapesStand) {
  for (const std::string escape : {R"(\")", R"(\\)", R"(\\\")"}) {
    for (std::size_t before = 0; before < 20; ++before) {
      for (std::size_t behind = 0; behind < 20; ++behind) {
        const std::string text = '"' + std::string(before, 'x') + escape + std::string(behind, 'y') + '"';
        EXPECT_EQ(JsonScanner(text + ",1").value(), text);
        EXPECT_EQ(JsonScanner("[" + text + "],1").value(), "[" + text + "]");
      }
    }
  }
}

// The scanner is only ever given valid JSON, but must keep within its text whatever happens.
TEST(JsonScanner, StaysWithinAnyText) {
  std::mt19937 random(7);  // NOLINT: a fixed seed, so that a failure repeats
  constexpr std::string_view kAlphabet = "{}[]\"\\:, \nevent_data1u";
  for (int round = 0; round < 200'000; ++round) {
    std::string text = "{\"event_data\":";
    const std::size_t length = random() % 24;
    for (std::size_t i = 0; i < length; ++i) text += kAlphabet[random() % kAlphabet.size()];
    for_each_member(text, [&](std::string_view key, std::string_view value) {
      for (const std::string_view found : {key, value}) {
        ASSERT_TRUE(found.empty() || (found.data() >= text.data() &&
                                      found.data() + found.size() <= text.data() + text.size()));
      }
    });
  }
}

}  // namespace
}  // namespace storagepool::event
