#include "pool/service/log/log_acts.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/runtime/clock.h"

namespace storagepool::service {
namespace {

using nlohmann::ordered_json;

std::vector<tlog::Checkpoint> logs(std::size_t number) {
  std::vector<tlog::Checkpoint> all;
  for (std::size_t i = 0; i < number; ++i)
    all.push_back({.origin = "log.example/ws/w" + std::to_string(i) + "/1", .size = i + 1});
  return all;
}

TEST(LogActs, AnAnchorHasTheRootOfEachLog) {
  const OwnAct act = anchor_act(logs(2));
  EXPECT_EQ(act.data, ordered_json::parse(R"({"logs":[
    {"origin":"log.example/ws/w0/1","size":1,"root":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
    {"origin":"log.example/ws/w1/1","size":2,"root":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]})"));
  const auto event = event_of(act, "storagepool", runtime::wall_now());
  ASSERT_TRUE(event);
  EXPECT_EQ(event->event_type, "storagepool.log.anchored");
  EXPECT_FALSE(event->id_from_client);
}

TEST(LogActs, AnAnchorIsBounded) {
  const OwnAct act = anchor_act(logs(kMostAnchors + 1));
  EXPECT_EQ(act.data.at("logs").size(), kMostAnchors);
  EXPECT_LT(act.data.dump().size(), std::size_t{100} * 1024);
  EXPECT_TRUE(event_of(act, "storagepool", runtime::wall_now()));
}

TEST(LogActs, TheLastOfALogIsOneEventHoweverOftenItIsTold) {
  const auto id = [](const LastOfLog& last) {
    const auto event = event_of(last_act(last), "storagepool", runtime::wall_now());
    EXPECT_TRUE(event->id_from_client);
    return event->event_id;
  };
  const LastOfLog one{.workspace = "team-a", .origin = "log.example/ws/team-a/1", .detail = "it was changed"};
  LastOfLog other = one;
  EXPECT_EQ(id(one), id(other));
  other.origin = "log.example/ws/team-a/2";
  EXPECT_NE(id(one), id(other));
  const OwnAct act = last_act(one);
  EXPECT_EQ(act.resource_id, "team-a");
  EXPECT_EQ(act.data.at("detail"), "it was changed");
  EXPECT_FALSE(act.data.contains("checkpoint"));
}

}  // namespace
}  // namespace storagepool::service
