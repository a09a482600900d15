#include "operator/kube/kube.h"

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/kube/testing/fake_transport.h"

namespace storagepool::kube {
namespace {

std::string list_body(const std::string& version, const std::string& token,
                      const std::vector<std::string>& names) {
  Json items = Json::array();
  for (const auto& name : names) items.push_back({{"metadata", {{"name", name}, {"namespace", "n"}}}});
  return Json{{"kind", "PodList"},
              {"metadata", {{"resourceVersion", version}, {"continue", token}}},
              {"items", items}}
      .dump();
}

TEST(ClientTest, GetParsesTheObject) {
  FakeTransport transport([](const auto&) { return R"({"metadata":{"name":"a"}})"; });
  const auto object = Client(transport, "me").get(resources::kPods, {"n", "a"});
  ASSERT_TRUE(object);
  EXPECT_EQ(metadata_string(*object, "name"), "a");
  EXPECT_EQ(transport.requests().at(0).path, "/api/v1/namespaces/n/pods/a");
  EXPECT_EQ(transport.requests().at(0).method, Method::kGet);
}

TEST(ClientTest, AnAnswerThatIsNoObjectIsMalformed) {
  for (const char* body : {"", "{", "[]", "null", "\"text\"", "{\"a\":1}trailing"}) {
    FakeTransport transport([body](const auto&) { return std::string(body); });
    const auto object = Client(transport, "me").get(resources::kPods, {"n", "a"});
    ASSERT_FALSE(object) << body;
    EXPECT_EQ(object.error().reason, kReasonMalformed);
  }
}

TEST(ClientTest, ListTakesAllPagesAndNamesTheKind) {
  FakeTransport transport([](const ApiRequest& request) {
    return parameter(request.query, "continue").empty() ? list_body("5", "t k", {"a", "b"})
                                                        : list_body("5", "", {"c"});
  });
  const auto list = Client(transport, "me")
                        .list(resources::kPods, {.name_space = "n", .label_selector = "x=y", .page_size = 2});
  ASSERT_TRUE(list);
  ASSERT_EQ(list->items.size(), 3u);
  EXPECT_EQ(list->resource_version, "5");
  EXPECT_EQ(list->items[2]["kind"], "Pod");
  EXPECT_EQ(list->items[2]["apiVersion"], "v1");
  const auto requests = transport.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(parameter(requests[1].query, "continue"), "t k");
  EXPECT_EQ(parameter(requests[1].query, "limit"), "2");
  EXPECT_EQ(parameter(requests[1].query, "labelSelector"), "x=y");
}

TEST(ClientTest, ListBeginsAnewWhenItsTokenHasExpired) {
  int calls = 0;
  FakeTransport transport([&](const ApiRequest& request) -> tl::expected<std::string, ApiError> {
    ++calls;
    if (parameter(request.query, "continue").empty()) return list_body("5", calls == 1 ? "t" : "", {"a"});
    return tl::unexpected(error_from_response(410, "", ""));
  });
  const auto list = Client(transport, "me").list(resources::kPods);
  ASSERT_TRUE(list);
  EXPECT_EQ(list->items.size(), 1u) << "nothing twice";
  EXPECT_EQ(calls, 3);
}

TEST(ClientTest, ListGivesUpWhenEveryTokenExpires) {
  FakeTransport transport([&](const ApiRequest& request) -> tl::expected<std::string, ApiError> {
    if (parameter(request.query, "continue").empty()) return list_body("5", "t", {"a"});
    return tl::unexpected(error_from_response(410, "", ""));
  });
  const auto list = Client(transport, "me").list(resources::kPods);
  ASSERT_FALSE(list);
  EXPECT_TRUE(list.error().is_gone());
  EXPECT_EQ(transport.requests().size(), 6u);
}

TEST(ClientTest, AListOfTheWrongShapeIsMalformed) {
  for (const char* body : {"{}", R"({"metadata":[],"items":[]})", R"({"metadata":{"resourceVersion":1}})",
                           R"({"metadata":{"resourceVersion":"1"},"items":{}})"}) {
    EXPECT_FALSE(parse_list_page(body, resources::kPods)) << body;
  }
  EXPECT_TRUE(parse_list_page(R"({"metadata":{"resourceVersion":"1"},"items":null})", resources::kPods));
}

TEST(ClientTest, AMalformedItemIsLeftOutOfTheList) {
  const auto page = parse_list_page(
      R"({"metadata":{"resourceVersion":"1"},"items":[1,null,[],"a",{},{"metadata":null},{"metadata":[]},)"
      R"({"metadata":{}},{"metadata":{"name":7}},{"metadata":{"name":"b","labels":7}}]})",
      resources::kPods);
  ASSERT_TRUE(page) << page.error().to_string();
  EXPECT_EQ(page->malformed, 9);
  ASSERT_EQ(page->items.size(), 1u);
  EXPECT_EQ(metadata_string(page->items[0], "name"), "b");
  EXPECT_EQ(label(page->items[0], "any"), "");
}

TEST(ClientTest, AnAnswerWithoutMetadataIsAnError) {
  for (const char* body : {"{}", R"({"metadata":7})", R"({"metadata":{"name":[]}})"}) {
    FakeTransport transport([body](const auto&) { return std::string(body); });
    const Client client(transport, "me");
    const Json object{{"metadata", {{"name", "a"}, {"namespace", "n"}}}};
    for (const auto& answer :
         {client.get(resources::kPods, {"n", "a"}), client.create(resources::kPods, object),
          client.apply(resources::kPods, object), client.apply_status(resources::kPods, object),
          client.merge_patch(resources::kPods, {"n", "a"}, object),
          client.peek(resources::kPods, {"n", "a"})}) {
      ASSERT_FALSE(answer) << body;
      EXPECT_EQ(answer.error().reason, kReasonMalformed);
    }
  }
}

TEST(ClientTest, ApplyPatchesWithTheFieldManager) {
  FakeTransport transport([](const ApiRequest& request) { return request.body; });
  const Client client(transport, "storagepool-operator");
  const Json object = {{"metadata", {{"name", "a"}, {"namespace", "n"}}}, {"data", {{"k", "v"}}}};
  const auto applied = client.apply(resources::kConfigMaps, object);
  ASSERT_TRUE(applied);
  EXPECT_EQ((*applied)["kind"], "ConfigMap");
  const auto request = transport.requests().at(0);
  EXPECT_EQ(request.method, Method::kPatch);
  EXPECT_EQ(request.path, "/api/v1/namespaces/n/configmaps/a");
  EXPECT_EQ(request.content_type, "application/apply-patch+yaml");
  EXPECT_EQ(parameter(request.query, "fieldManager"), "storagepool-operator");
  EXPECT_EQ(parameter(request.query, "force"), "true");

  ASSERT_TRUE(client.apply(resources::kConfigMaps, object, {.force = false}));
  EXPECT_EQ(parameter(transport.requests().at(1).query, "force"), "false");
  ASSERT_TRUE(client.apply_status(resources::kStoragePools, object));
  EXPECT_EQ(transport.requests().at(2).path,
            "/apis/storagepool.dev/v1alpha1/namespaces/n/storagepools/a/status");
}

TEST(ClientTest, WhatMustNotBeThereYetIsAppliedInOneRequest) {
  bool there = false;
  FakeTransport transport([&](const ApiRequest& request) -> tl::expected<std::string, ApiError> {
    if (there) return tl::unexpected(ApiError{.status = 409, .reason = "Conflict"});
    return request.body;
  });
  const Client client(transport, "me");
  const Json object = {{"metadata", {{"name", "a"}, {"namespace", "n"}}}};
  ASSERT_TRUE(client.apply_new(resources::kConfigMaps, object));
  EXPECT_EQ(transport.requests().size(), 1u);
  EXPECT_EQ(Json::parse(transport.requests()[0].body)["metadata"]["resourceVersion"], "1");
  there = true;
  EXPECT_TRUE(client.apply_new(resources::kConfigMaps, object).error().is_conflict());
}

TEST(ClientTest, MergePatchCreateAndDelete) {
  FakeTransport transport([](const ApiRequest&) { return R"({"metadata":{"name":"a"}})"; });
  const Client client(transport, "me");
  ASSERT_TRUE(
      client.merge_patch(resources::kPods, {"n", "a"}, {{"metadata", {{"finalizers", Json::array()}}}}));
  ASSERT_TRUE(client.create(resources::kSecrets, {{"metadata", {{"name", "s"}, {"namespace", "n"}}}}));
  ASSERT_TRUE(client.delete_(resources::kPods, {"n", "a"}, {.uid = "u-1", .propagation = "Foreground"}));
  const auto requests = transport.requests();
  EXPECT_EQ(requests[0].content_type, "application/merge-patch+json");
  EXPECT_EQ(requests[0].body, R"({"metadata":{"finalizers":[]}})");
  EXPECT_EQ(requests[1].method, Method::kPost);
  EXPECT_EQ(requests[1].path, "/api/v1/namespaces/n/secrets");
  EXPECT_EQ(requests[2].method, Method::kDelete);
  const Json options = Json::parse(requests[2].body);
  EXPECT_EQ(options["preconditions"]["uid"], "u-1");
  EXPECT_EQ(options["propagationPolicy"], "Foreground");
}

TEST(ClientTest, TextThatIsNotUtf8IsReplacedNotThrown) {
  FakeTransport transport([](const ApiRequest& request) { return request.body; });
  const Client client(transport, "me");
  const auto applied = client.apply(
      resources::kConfigMaps, {{"metadata", {{"name", "a"}, {"namespace", "n"}}}, {"data", {{"k", "\xff"}}}});
  ASSERT_TRUE(applied);
  EXPECT_EQ((*applied)["data"]["k"], "\xEF\xBF\xBD");
}

}  // namespace
}  // namespace storagepool::kube
