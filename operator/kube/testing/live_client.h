// A client of the API server of $KUBECONFIG, for tests: everything is made in a namespace of its own, which
// goes with everything in it when the test ends.
#pragma once

#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "operator/kube/kube.h"
#include "operator/kube/transport/cpprest_transport.h"

namespace storagepool::kube {

using namespace std::chrono_literals;

inline bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit = 60s) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* kubeconfig = std::getenv("KUBECONFIG");
    ASSERT_TRUE(kubeconfig != nullptr && *kubeconfig != '\0')
        << "set KUBECONFIG to a cluster's kubeconfig file";
    auto config = load_config(kubeconfig);
    ASSERT_TRUE(config) << config.error();
    config_ = *config;
    transport_ = connect(config_);
    ASSERT_NE(transport_, nullptr);
    client_ = std::make_unique<Client>(*transport_, "client-test");
    namespace_ = "client-test-" + std::to_string(std::random_device{}());
    const auto made = client_->create(resources::kNamespaces, {{"metadata", {{"name", namespace_}}}});
    ASSERT_TRUE(made) << made.error().to_string();
  }
  void TearDown() override {
    if (!client_) return;
    // hack/e2e waits until it is gone, once for all.
    const auto deleted = client_->delete_(resources::kNamespaces, {"", namespace_});
    EXPECT_TRUE(deleted || deleted.error().is_not_found()) << deleted.error().to_string();
  }

  static std::unique_ptr<Transport> connect(const ClientConfig& config) {
    auto transport = make_transport(config);
    EXPECT_TRUE(transport) << transport.error();
    return transport ? std::move(*transport) : nullptr;
  }
  Json config_map(const std::string& name, const std::string& value = "v") const {
    return {{"metadata", {{"name", name}, {"namespace", namespace_}, {"labels", {{"test", "client"}}}}},
            {"data", {{"key", value}}}};
  }
  void apply(const std::string& name, const std::string& value = "v") const {
    const auto applied = client_->apply(resources::kConfigMaps, config_map(name, value));
    ASSERT_TRUE(applied) << applied.error().to_string();
  }
  ObjectKey key(const std::string& name) const { return {namespace_, name}; }

  // A service account of the test's namespace, and a token for it.
  std::string make_token(const std::string& account) const {
    const auto made = client_->create(resources::kServiceAccounts,
                                      {{"metadata", {{"name", account}, {"namespace", namespace_}}}});
    EXPECT_TRUE(made) << made.error().to_string();
    const auto body = transport_->request(
        {.method = Method::kPost,
         .path = object_path(resources::kServiceAccounts, key(account), "token"),
         .content_type = "application/json",
         .body =
             R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":600}})"});
    EXPECT_TRUE(body) << body.error().to_string();
    return body ? Json::parse(*body)["status"]["token"].get<std::string>() : "";
  }
  // Who the server takes a transport for.
  static tl::expected<std::string, ApiError> user_of(Transport& transport) {
    auto body = transport.request(
        {.method = Method::kPost,
         .path = "/apis/authentication.k8s.io/v1/selfsubjectreviews",
         .content_type = "application/json",
         .body = R"({"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"})"});
    if (!body) return tl::unexpected(body.error());
    return Json::parse(*body)["status"]["userInfo"]["username"].get<std::string>();
  }

  ClientConfig config_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Client> client_;
  std::string namespace_;
};

}  // namespace storagepool::kube
