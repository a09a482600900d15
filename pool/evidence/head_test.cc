#include "pool/evidence/head.h"

#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pool/common/encoding/sha256.h"
#include "pool/event/fields.h"
#include "pool/event/serialize.h"
#include "pool/event/testing/smallest_event.h"
#include "pool/event/validate.h"
#include "pool/evidence/testing/vectors.h"

namespace storagepool::evidence {
namespace {

const runtime::Timestamp kNow = *runtime::parse_timestamp("2026-02-28T12:00:00Z");

std::string head_of(const event::Event& event) {
  HeadWriter writer;
  return std::string(writer.write(event));
}

// Of the event that this body makes; "refused" if it makes none.
std::string head_of_body(const std::string& body) {
  auto event = event::validate_event(body, kNow);
  if (!event) return "refused";
  event->event_id = testing::kId;
  return head_of(*event);
}

std::string body_with(const std::string& members, const std::string& data = R"({"a":1})") {
  return R"({"version":"1.0","event_type":"t","event_timestamp":"2026-02-28T11:59:00.25Z","event_category":"c",)"
         R"("event_action":"a","event_outcome":"success","correlation_id":"r",)" +
         members + R"("event_data":)" + data + "}";
}

TEST(Head, IsOfTheFrozenVectors) {
  EXPECT_EQ(head_of(testing::smallest()), testing::kSmallestHead);
  EXPECT_EQ(head_of(testing::fullest()), testing::kFullestHead);
}

TEST(Head, IsTheSameOnceThePayloadIsErased) {
  HeadWriter writer;
  for (event::Event event : {testing::smallest(), testing::fullest()}) {
    const std::string before(writer.write(event));
    const event::Erasure erasure = writer.erasure_of(event);
    EXPECT_EQ(erasure.error_message_sha256.has_value(), event.error_message.has_value());
    event.event_data = event::write_erasure(erasure);
    event.error_message.reset();
    EXPECT_EQ(head_of(event), before);
    EXPECT_EQ(writer.erasure_of(event), erasure);
    event.event_data.erase(0, 1);  // as a client could have sent it
    EXPECT_NE(head_of(event), before);
  }
}

// The members of the item, each but event_date, absent ones omitted, and the salt, in the order of JCS.
TEST(Head, HasTheMembersOfTheItem) {
  for (event::Event event : {testing::smallest(), testing::fullest()}) {
    event.event_data = R"({"a":1})";  // which the reader below keeps as it is
    nlohmann::json item = nlohmann::json::parse(event::to_json(event));
    item.erase("event_date");
    std::erase_if(item.get_ref<nlohmann::json::object_t&>(),
                  [](const auto& member) { return member.second.is_null(); });
    item["event_data_sha256"] = encoding::sha256_hex(nlohmann::json::parse(event.event_data).dump());
    item.erase("event_data");
    if (event.error_message) item["error_message_sha256"] = encoding::sha256_hex(*event.error_message);
    item.erase("error_message");
    if (event.salt) item["salt"] = *event.salt;
    EXPECT_EQ(head_of(event), item.dump());
  }
}

TEST(Head, IsTheSameHoweverTheEventIsWritten) {
  const struct {
    std::string one;
    std::string other;
  } kSame[] = {
      {R"("actor_ip":"2001:DB8:0::1",)", R"("actor_ip":"2001:db8::1",)"},
      {R"("actor_ip":"::ffff:c000:207",)", R"("actor_ip":"::FFFF:192.0.2.7",)"},
      {R"("resource_id":"\u00e9\ud83d\ude00\/",)", R"("resource_id":"é😀/",)"},
      {R"("resource_id":"\u0061\u000a",)", R"("resource_id":"a\n",)"},
      {R"("duration_ms":5.0,)", R"("duration_ms":5,)"},
      {R"("retention_days":0,)", ""},
      {R"("actor_id":"c-service","severity":null,)", ""},
      {R"("parent_event_date":"2026-02-28T01:30:00+02:00",)", R"("parent_event_date":"2026-02-27",)"},
      {R"("parent_event_id":"0190A6E2-9B7C-7DEF-8123-456789ABCDEF",)",
       R"("parent_event_id":"0190a6e2-9b7c-7def-8123-456789abcdef",)"},
      {R"("event_timestamp":"2026-02-28T13:59:00.250000999+02:00",)", ""},
  };
  for (const auto& [one, other] : kSame) {
    const std::string head = head_of_body(body_with(one));
    EXPECT_NE(head, "refused") << one;
    EXPECT_EQ(head, head_of_body(body_with(other))) << one;
  }
}

TEST(Head, OfEventDataLeavesOutWhiteSpaceAlone) {
  const std::string plain = head_of_body(body_with("", R"({"a":[1,-0.0,1e-20000,"\u00e9 x"],"a":{}})"));
  ASSERT_NE(plain, "refused");
  EXPECT_EQ(head_of_body(body_with("", " {\t\"a\" :[ 1 ,-0.0,\r\n1e-20000, \"\\u00e9 x\" ] , \"a\":{ } } ")),
            plain);
  const std::set<std::string> all{
      plain,
      head_of_body(body_with("", R"({"a":[1,-0.0,1e-20000,"\u00e9  x"],"a":{}})")),
      head_of_body(body_with("", R"({"a":[1,-0.0,1e-20000,"é x"],"a":{}})")),
      head_of_body(body_with("", R"({"a":[1,0,1e-20000,"\u00e9 x"],"a":{}})")),
      head_of_body(body_with("", R"({"a":[1,-0.0,0,"\u00e9 x"],"a":{}})")),
      head_of_body(body_with("", R"({"a":{}})")),
  };
  EXPECT_EQ(all.size(), 6U);
  EXPECT_EQ(all.count("refused"), 0U);
}

// Against a walk of its own through random texts of every length around the widths of vector instructions.
TEST(Head, FindsInsignificantWhiteSpaceAtEveryPlace) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same texts every time
  const std::vector<std::string> parts = {" ",       "\t",       "\n", "\r",  "  ", R"("x y")",
                                          R"("\\")", R"("\" ")", "[]", "{ }", "12", "\"é\t\""};
  event::Event event = testing::smallest();
  for (int round = 0; round < 3000; ++round) {
    std::string text = "{\"k\":[0";
    std::string compact = text;
    for (auto left = random() % 60; left > 0; --left) {
      std::string part = parts[random() % parts.size()];
      if (part.find('\t') != std::string::npos && part.size() > 1) part = R"("tab\t ")";
      const bool space = part.find_first_not_of(" \t\r\n") == std::string::npos;
      text += space ? part : "," + part;
      if (!space) compact += part == "{ }" ? ",{}" : "," + part;
    }
    event.event_data = text + "]}";
    const std::string given = head_of(event);
    event.event_data = compact + "]}";
    ASSERT_EQ(given, head_of(event)) << text;
    ASSERT_NE(given.find(encoding::sha256_hex(event.event_data)), std::string::npos) << text;
  }
}

TEST(Head, IsAnotherForEachOtherMember) {
  std::set<std::string> heads{head_of(testing::fullest())};
  std::size_t changed = 0;
  const auto change = [](auto& value) {
    using T = std::remove_reference_t<decltype(value)>;
    if constexpr (std::is_same_v<T, std::string>) {
      value += value.starts_with('{') ? "[]" : "x";
    } else if constexpr (std::is_same_v<T, bool>) {
      value = !value;
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
      ++value;
    } else {
      value += typename T::duration(1);
    }
  };
  event::for_each_field([&]<typename Kind, typename Value>(const event::Field<Kind, Value>& field) {
    if constexpr (!std::is_same_v<Kind, event::kind::Unsent>) {
      event::Event event = testing::fullest();
      auto& value = event.*field.member;
      if constexpr (requires { value.emplace(); }) {
        change(*value);
        heads.insert(head_of(event));
        value.reset();
        ++changed;
      } else {
        change(value);
      }
      heads.insert(head_of(event));
      ++changed;
    }
  });
  EXPECT_EQ(heads.size(), changed + 1);
}

// As in the journal of a release that kept addresses as they were sent.
TEST(Head, HasOneSpellingOfAnAddress) {
  event::Event event = testing::smallest();
  event.actor_ip = "2001:DB8:0::1";
  const std::string head = head_of(event);
  event.actor_ip = "2001:db8::1";
  EXPECT_EQ(head, head_of(event));
}

TEST(Head, HasIntegersInFullDigits) {
  EXPECT_NE(head_of_body(body_with(R"("duration_ms":9223372036854775807,)"))
                .find(R"("duration_ms":9223372036854775807,)"),
            std::string::npos);
}

}  // namespace
}  // namespace storagepool::evidence
