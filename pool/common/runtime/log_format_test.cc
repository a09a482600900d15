#include "pool/common/runtime/log_format.h"

#include "pool/common/runtime/log_scope.h"

#include <cmath>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace storagepool::log {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

system_clock::time_point at(std::int64_t unix_milliseconds) {
  return system_clock::time_point(milliseconds(unix_milliseconds));
}

TEST(LogFormat, WritesTheFixedFieldsFirstThenTheGivenOnes) {
  EXPECT_EQ(format_line(at(1709251199007), Level::kInfo, "datastorage", "settings in force",
                        {{"generation", 7}, {"live", true}, {"ratio", 0.5}, {"host", "db"}}),
            R"({"time":"2024-02-29T23:59:59.007Z","level":"info","component":"datastorage",)"
            R"("message":"settings in force","generation":7,"live":true,"ratio":0.5,"host":"db"})");
}

TEST(LogFormat, FieldsOfTheScopesAroundComeLastAndEndWithThem) {
  const auto line = [] {
    return format_line(at(0), Level::kInfo, "", "m", {{"name", "own"}}, scoped_fields());
  };
  constexpr const char* kBegin =
      R"({"time":"1970-01-01T00:00:00.000Z","level":"info","message":"m","name":"own")";
  {
    const Scope outer({{"id", std::string("1")}});
    {
      const Scope inner({{"name", "audit"}});
      EXPECT_EQ(line(), kBegin + std::string(R"(,"id":"1","name_":"audit"})"));
      std::jthread([&] { EXPECT_EQ(line(), kBegin + std::string("}")); });
    }
    EXPECT_EQ(line(), kBegin + std::string(R"(,"id":"1"})"));
  }
  EXPECT_EQ(line(), kBegin + std::string("}"));
}

TEST(LogFormat, LeavesOutAnEmptyComponent) {
  EXPECT_EQ(format_line(at(0), Level::kWarn, "", "m", {}),
            R"({"time":"1970-01-01T00:00:00.000Z","level":"warn","message":"m"})");
}

TEST(LogFormat, TimesBeforeTheEpochStayValid) {
  EXPECT_EQ(format_time(at(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(LogFormat, EscapesWhatWouldBreakTheLine) {
  const std::string line =
      format_line(at(0), Level::kError, "c", "two\nlines \"quoted\" \\ \x01", {{"k\n\"", "v\r\n"}});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["message"], "two\nlines \"quoted\" \\ \x01");
  EXPECT_EQ(parsed["k\n\""], "v\r\n");
}

TEST(LogFormat, ReplacesInvalidUtf8) {
  const auto parsed =
      nlohmann::json::parse(format_line(at(0), Level::kInfo, "c", "a\xff z", {{"cut\xc3", "\xed\xa0\x80"}}));
  EXPECT_EQ(parsed["message"], "a\xEF\xBF\xBD z");
  EXPECT_TRUE(parsed.contains("cut\xEF\xBF\xBD"));
}

TEST(LogFormat, AFieldCannotHideAnother) {
  const auto parsed = nlohmann::json::parse(
      format_line(at(0), Level::kInfo, "c", "real", {{"message", "fake"}, {"message", 3}}));
  EXPECT_EQ(parsed["message"], "real");
  EXPECT_EQ(parsed["message_"], "fake");
  EXPECT_EQ(parsed["message__"], 3);
}

TEST(LogFormat, NumbersJsonLacksAreNull) {
  const auto parsed = nlohmann::json::parse(
      format_line(at(0), Level::kInfo, "c", "m", {{"nan", std::nan("")}, {"inf", HUGE_VAL}}));
  EXPECT_TRUE(parsed["nan"].is_null());
  EXPECT_TRUE(parsed["inf"].is_null());
}

TEST(LogFormat, LevelNamesRoundTrip) {
  for (Level level : {Level::kDebug, Level::kInfo, Level::kWarn, Level::kError}) {
    EXPECT_EQ(parse_level(to_string(level)), level);
  }
  EXPECT_EQ(parse_level("verbose"), std::nullopt);
  EXPECT_EQ(parse_level(""), std::nullopt);
}

TEST(Log, WritesOneJsonLinePerRecordToStandardErrorFromTheLevelConfigured) {
  ::testing::internal::CaptureStderr();
  configure("tester", Level::kWarn);
  info("not written");
  warn("written {} %v", {{"n", 1}});
  configure("", Level::kInfo);
  const std::string output = ::testing::internal::GetCapturedStderr();

  ASSERT_EQ(std::count(output.begin(), output.end(), '\n'), 1) << output;
  const auto parsed = nlohmann::json::parse(output);
  EXPECT_EQ(parsed["component"], "tester");
  EXPECT_EQ(parsed["level"], "warn");
  EXPECT_EQ(parsed["message"], "written {} %v");
  EXPECT_EQ(parsed["n"], 1);
}

}  // namespace
}  // namespace storagepool::log
