#include "operator/kube/object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::kube {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Object, ReadsItsMetadata) {
  const Json object = Json::parse(R"({"metadata": {"resourceVersion": "12", "generation": 3,
      "creationTimestamp": "1970-01-01T00:01:01Z",
      "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a", 1, "b/c"],
      "labels": {"app.kubernetes.io/name": "n"}, "annotations": {"x/y": "z"}}})");
  EXPECT_EQ(resource_version(object), 12U);
  EXPECT_EQ(generation(object), 3);
  EXPECT_EQ(created_at(object), 61);
  EXPECT_TRUE(is_deleting(object));
  EXPECT_THAT(finalizers(object), ElementsAre("a", "b/c"));
  EXPECT_EQ(label(object, "app.kubernetes.io/name"), "n");
  EXPECT_EQ(annotation(object, "x/y"), "z");
  EXPECT_EQ(annotation(object, "x"), "");
}

TEST(Object, WhatIsAbsentOrGarbledReadsAsNothing) {
  for (const char* text : {"null", "[]", "{}", R"({"metadata": 3})",
                           R"({"metadata": {"resourceVersion": "1x", "generation": "3",
                               "deletionTimestamp": 1, "finalizers": {}, "labels": [], "annotations": "a"}})",
                           R"({"metadata": {"resourceVersion": "-1", "labels": {"a": 1}}})"}) {
    const Json object = Json::parse(text);
    EXPECT_EQ(resource_version(object), 0U) << text;
    EXPECT_EQ(generation(object), 0) << text;
    EXPECT_EQ(created_at(object), 0) << text;
    EXPECT_FALSE(is_deleting(object)) << text;
    EXPECT_THAT(finalizers(object), IsEmpty()) << text;
    EXPECT_EQ(label(object, "a"), "") << text;
    EXPECT_EQ(annotation(object, "a"), "") << text;
  }
}

TEST(Object, WhoControlsIt) {
  const auto owned_by = [](const char* owners) {
    return controller_uid(Json{{"metadata", {{"ownerReferences", Json::parse(owners)}}}});
  };
  EXPECT_EQ(owned_by(R"([{"uid": "a"}, {"uid": "b", "controller": true}])"), "b");
  EXPECT_EQ(owned_by(R"([{"uid": "a", "controller": false}])"), "");
  for (const char* odd : {"[]", "{}", "null", "[1]", R"([{"controller": true}])"})
    EXPECT_EQ(owned_by(odd), "");
  EXPECT_EQ(controller_uid(Json::array()), "");
}

TEST(Object, FieldsThatAManagerHasUpdatedAreAsApplied) {
  const auto entry = [](const char* manager, const char* operation, const char* fields) {
    return Json{{"manager", manager}, {"operation", operation}, {"fieldsV1", Json::parse(fields)}};
  };
  const auto object = [](Json entries) {
    return Json{{"metadata", {{"managedFields", std::move(entries)}}}};
  };
  const Json other = entry("other", "Update", R"({"f:x": {}})");
  const Json applied = entry("me", "Apply", R"({"f:data": {"f:a": {}}})");
  const Json updated = entry("me", "Update", R"({"f:data": {"f:b": {}}, "f:spec": {}})");
  Json status = updated;
  status["subresource"] = "status";
  EXPECT_EQ(fields_as_applied(object({other, applied, status}), "me"), std::nullopt);
  EXPECT_EQ(
      fields_as_applied(object({other, updated, status, applied}), "me"),
      Json({other, status, entry("me", "Apply", R"({"f:data": {"f:a": {}, "f:b": {}}, "f:spec": {}})")}));
  EXPECT_EQ(fields_as_applied(Json::object(), "me"), std::nullopt);
}

TEST(ResourceTest, KeysOfObjects) {
  const Json object = {{"metadata", {{"namespace", "a"}, {"name", "b"}, {"generation", 3}}}};
  EXPECT_EQ(key_of(object), (ObjectKey{"a", "b"}));
  EXPECT_EQ(key_of(object).to_string(), "a/b");
  EXPECT_EQ((ObjectKey{"", "b"}).to_string(), "b");
  EXPECT_EQ(metadata_string(object, "generation"), "");
  EXPECT_EQ(key_of(Json::array()), ObjectKey{});
  EXPECT_EQ(key_of({{"metadata", "text"}}), ObjectKey{});
}

}  // namespace
}  // namespace storagepool::kube
