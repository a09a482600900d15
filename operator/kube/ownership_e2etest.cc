// Who owns what in objects of a real API server.
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/kube/testing/live_client.h"

namespace storagepool::kube {
namespace {

using ::testing::HasSubstr;

TEST_F(ClientTest, WhatWasCreatedIsOwnedAsIfApplied) {
  auto created = client_->create(resources::kConfigMaps, config_map("made"));
  ASSERT_TRUE(created) << created.error().to_string();
  const auto owned = client_->own_as_applied(resources::kConfigMaps, *created);
  ASSERT_TRUE(owned) << owned.error().to_string();
  EXPECT_NE(metadata_string(*owned, "resourceVersion"), metadata_string(*created, "resourceVersion"));
  const auto once_more = client_->own_as_applied(resources::kConfigMaps, *owned);
  ASSERT_TRUE(once_more);
  EXPECT_EQ(metadata_string(*once_more, "resourceVersion"), metadata_string(*owned, "resourceVersion"))
      << "nothing to do, nothing written";
  Json less = config_map("made");
  less.erase("data");
  const auto applied = client_->apply(resources::kConfigMaps, less);
  ASSERT_TRUE(applied) << applied.error().to_string();
  EXPECT_FALSE(applied->contains("data")) << applied->dump();
}

TEST_F(ClientTest, AnApplyAfterACreateIsHealedToo) {
  ASSERT_TRUE(client_->create(resources::kConfigMaps, config_map("made")));
  auto applied = client_->apply(resources::kConfigMaps, config_map("made"));
  ASSERT_TRUE(applied) << applied.error().to_string();
  ASSERT_TRUE(client_->own_as_applied(resources::kConfigMaps, std::move(*applied)));
  Json less = config_map("made");
  less.erase("data");
  EXPECT_FALSE(client_->apply(resources::kConfigMaps, less)->contains("data"));
}

TEST_F(ClientTest, WhatMustNotBeThereYetIsMadeAndOwnedByOneApply) {
  const auto made = client_->apply_new(resources::kConfigMaps, config_map("new"));
  ASSERT_TRUE(made) << made.error().to_string();
  const auto stored = client_->get(resources::kConfigMaps, key_of(*made));
  ASSERT_TRUE(stored) << stored.error().to_string();
  const auto owned = client_->own_as_applied(resources::kConfigMaps, *stored);
  ASSERT_TRUE(owned);
  EXPECT_EQ(metadata_string(*owned, "resourceVersion"), metadata_string(*made, "resourceVersion"))
      << "nothing to do, nothing written";
  const auto again = client_->apply_new(resources::kConfigMaps, config_map("new", "other"));
  ASSERT_FALSE(again);
  EXPECT_TRUE(again.error().is_conflict()) << again.error().to_string();
  const auto live = client_->get(resources::kConfigMaps, key("new"));
  EXPECT_EQ(metadata_string(*live, "resourceVersion"), metadata_string(*made, "resourceVersion"));
}

TEST_F(ClientTest, PeeksAtWhatItMayNotRead) {
  Json secret{{"metadata", {{"name", "s"}, {"namespace", namespace_}}}, {"stringData", {{"k", "v"}}}};
  const auto made = client_->create(resources::kSecrets, secret);
  ASSERT_TRUE(made) << made.error().to_string();
  const auto seen = client_->peek(resources::kSecrets, key("s"));
  ASSERT_TRUE(seen) << seen.error().to_string();
  EXPECT_EQ(metadata_string(*seen, "uid"), metadata_string(*made, "uid"));
  const auto after = client_->get(resources::kSecrets, key("s"));
  EXPECT_EQ(metadata_string(*after, "resourceVersion"), metadata_string(*made, "resourceVersion"));
  EXPECT_FALSE(client_->peek(resources::kSecrets, key("none")));
  EXPECT_TRUE(client_->get(resources::kSecrets, key("none")).error().is_not_found());
}

TEST_F(ClientTest, AnApplyThatNamesTheIncarnationReachesNoOther) {
  apply("other", "theirs");
  Json object = config_map("other", "mine");
  object["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000";
  const auto refused = client_->apply(resources::kConfigMaps, object);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("metadata.uid"));
  EXPECT_EQ((*client_->get(resources::kConfigMaps, key("other")))["data"]["key"], "theirs");
  object["metadata"]["name"] = "none";
  const auto absent = client_->apply(resources::kConfigMaps, object);
  ASSERT_FALSE(absent);
  EXPECT_TRUE(absent.error().is_conflict()) << absent.error().to_string();
}

}  // namespace
}  // namespace storagepool::kube
