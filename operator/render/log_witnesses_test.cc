#include "operator/render/log_witnesses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/tlog/note_key.h"

namespace storagepool::render {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string vkey(const std::string& name = "witness.example/w1", char seed = 'o',
                 tlog::KeyKind kind = tlog::KeyKind::kWitness) {
  return tlog::NoteKey::of_seed(kind, name, std::string(32, seed))->public_text();
}

Json named(const std::string& url, const std::string& key) {
  return {{"witnesses", {{{"url", url}, {"vkey", key}}}}};
}

FieldProblems problems_of(const Json& log) {
  FieldProblems problems;
  read_log_witnesses(log, problems);
  return problems;
}

TEST(LogWitnesses, UrlsAreOfTlsOrOfThisHost) {
  EXPECT_EQ(parse_witness_url("https://witness.example"),
            (WitnessUrl{.tls = true, .host = "witness.example", .port = "443", .path = ""}));
  EXPECT_EQ(parse_witness_url("https://witness.example:8443/of/ours/"),
            (WitnessUrl{.tls = true, .host = "witness.example", .port = "8443", .path = "/of/ours"}));
  const auto v6 = parse_witness_url("https://[2001:db8::7]/");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->authority(), "[2001:db8::7]:443");
  EXPECT_TRUE(parse_witness_url("http://127.0.0.1:7000"));
  EXPECT_TRUE(parse_witness_url("http://localhost"));
  EXPECT_TRUE(parse_witness_url("http://[::1]:7000/w"));
  for (const char* bad : {"",
                          "witness.example",
                          "http://witness.example",
                          "http://127.0.0.1.example",
                          "http://127.example",
                          "ftp://127.0.0.1",
                          "https://",
                          "https://:443",
                          "https://user@witness.example",
                          "https://witness.example?x",
                          "https://witness.example/#x",
                          "https://witness.example/a b",
                          "https://witness.example:0",
                          "https://witness.example:65536",
                          "https://witness.example:",
                          "https://witness.example:044",
                          "https://[2001:db8::7",
                          "https://[witness]",
                          "https://[::1]x",
                          "HTTPS://witness.example"}) {
    EXPECT_FALSE(parse_witness_url(bad)) << bad;
  }
  EXPECT_TRUE(parse_witness_url("https://a/" + std::string(kMaxWitnessUrl - 10, 'a')));
  EXPECT_FALSE(parse_witness_url("https://a/" + std::string(kMaxWitnessUrl - 9, 'a')));
}

TEST(LogWitnesses, EachHasAKeyForCosignatures) {
  EXPECT_THAT(problems_of(nullptr), IsEmpty());
  EXPECT_THAT(problems_of(Json::object()), IsEmpty());
  EXPECT_THAT(problems_of(named("https://witness.example", vkey())), IsEmpty());
  for (const std::string& bad :
       {std::string(), std::string("witness"), vkey("w", 'o', tlog::KeyKind::kLog), vkey() + "=",
        tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "w", std::string(32, 'o'))->private_text()}) {
    EXPECT_THAT(problems_of(named("https://witness.example", bad)),
                ElementsAre(HasSubstr("spec.log.witnesses[0].vkey is")))
        << bad;
  }
  EXPECT_THAT(problems_of(named("https://witness.example", vkey(std::string(kMaxWitnessName, 'w')))),
              IsEmpty());
  EXPECT_THAT(problems_of(named("https://witness.example", vkey(std::string(kMaxWitnessName + 1, 'w')))),
              ElementsAre(HasSubstr("NAME+ID+KEY")));
  EXPECT_THAT(problems_of(named("http://witness.example", vkey())),
              ElementsAre("spec.log.witnesses[0].url is http://witness.example; allowed: https://HOST[:PORT]"
                          "[/PATH], or http:// with a loopback address"));
}

TEST(LogWitnesses, AreEightAtMostAndEachOnce) {
  Json log{{"witnesses", Json::array()}};
  EXPECT_THAT(problems_of(log), ElementsAre("spec.log.witnesses is []; allowed: a list of 1 to 8 witnesses"));
  for (char c = '1'; c <= '8'; ++c)
    log["witnesses"].push_back({{"url", "https://witness.example"}, {"vkey", vkey(std::string("w") + c)}});
  EXPECT_THAT(problems_of(log), IsEmpty());
  log["witnesses"].push_back({{"url", "https://witness.example"}, {"vkey", vkey("w9")}});
  EXPECT_THAT(problems_of(log), ElementsAre(HasSubstr("a list of 1 to 8 witnesses")));
  log["witnesses"].erase(8);
  log["witnesses"][7]["vkey"] = vkey("w1");
  EXPECT_THAT(problems_of(log), ElementsAre(HasSubstr("each witness once")));
}

TEST(LogWitnesses, AreReadOfAStoragePoolOfAnyShape) {
  const Json pool{{"spec", {{"log", named("https://witness.example", vkey())}}}};
  EXPECT_THAT(log_witnesses(pool), ElementsAre(LogWitness{.url = "https://witness.example", .vkey = vkey()}));
  EXPECT_EQ(log_witnesses(pool).front().name(), "witness.example/w1");
  for (const char* odd : {"null", "{}", R"({"spec":{"log":7}})", R"({"spec":{"log":{"witnesses":7}}})",
                          R"({"spec":{"log":{"witnesses":["x",{"url":1}]}}})"})
    EXPECT_THAT(log_witnesses(Json::parse(odd)), IsEmpty()) << odd;
}

}  // namespace
}  // namespace storagepool::render
