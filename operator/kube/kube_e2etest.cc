// The client against a real API server.
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/events.h"
#include "operator/kube/kube.h"
#include "operator/kube/object.h"
#include "operator/kube/testing/fake_transport.h"
#include "operator/kube/testing/live_client.h"
#include "operator/kube/transport/cpprest_transport.h"
#include "operator/kube/watch/informer.h"

namespace storagepool::kube {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

TEST_F(ClientTest, ListsInPages) {
  for (int i = 0; i < 25; ++i) apply("page-" + std::to_string(i));
  const auto list = client_->list(
      resources::kConfigMaps, {.name_space = namespace_, .label_selector = "test=client", .page_size = 10});
  ASSERT_TRUE(list) << list.error().to_string();
  EXPECT_EQ(list->items.size(), 25u);
  EXPECT_EQ(list->items[0]["kind"], "ConfigMap");
  EXPECT_FALSE(list->resource_version.empty());
}

TEST_F(ClientTest, AppliesIdempotentlyAndTellsConflictsBetweenManagers) {
  apply("shared", "mine");
  const auto before = client_->get(resources::kConfigMaps, key("shared"));
  apply("shared", "mine");
  const auto after = client_->get(resources::kConfigMaps, key("shared"));
  EXPECT_EQ(metadata_string(*before, "resourceVersion"), metadata_string(*after, "resourceVersion"))
      << "the same again writes nothing";

  const Client other(*transport_, "somebody-else");
  const auto refused = other.apply(resources::kConfigMaps, config_map("shared", "theirs"), {.force = false});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is_conflict()) << refused.error().to_string();
  EXPECT_THAT(refused.error().message, HasSubstr("client-test"));
  const auto forced = other.apply(resources::kConfigMaps, config_map("shared", "theirs"));
  ASSERT_TRUE(forced) << forced.error().to_string();
  EXPECT_EQ((*forced)["data"]["key"], "theirs");
}

TEST_F(ClientTest, ErrorsAreTold) {
  EXPECT_TRUE(client_->get(resources::kConfigMaps, key("none")).error().is_not_found());
  ASSERT_TRUE(client_->create(resources::kConfigMaps, config_map("once")));
  EXPECT_TRUE(client_->create(resources::kConfigMaps, config_map("once")).error().is_already_exists());
  const auto invalid = client_->create(resources::kConfigMaps, config_map("Not_A_Name"));
  EXPECT_TRUE(invalid.error().is_invalid()) << invalid.error().to_string();
  EXPECT_THAT(invalid.error().message, HasSubstr("metadata.name"));
  const auto gone = client_->list(resources::kConfigMaps, {.name_space = namespace_, .label_selector = "=="});
  EXPECT_EQ(gone.error().status, 400) << gone.error().to_string();
}

TEST_F(ClientTest, AppliesTheStatusSubresourceAlone) {
  Json pod{{"metadata", {{"name", "p"}, {"namespace", namespace_}}},
           {"spec",
            {{"schedulerName", "nobody"},
             {"containers", {{{"name", "c"}, {"image", "example.invalid/none:1"}}}}}}};
  ASSERT_TRUE(client_->apply(resources::kPods, pod));
  Json status{{"metadata", {{"name", "p"}, {"namespace", namespace_}, {"labels", {{"ignored", "yes"}}}}},
              {"status", {{"conditions", {{{"type", "storagepool.dev/test"}, {"status", "True"}}}}}}};
  const auto applied = client_->apply_status(resources::kPods, status);
  ASSERT_TRUE(applied) << applied.error().to_string();
  EXPECT_THAT((*applied)["status"]["conditions"].dump(), HasSubstr("storagepool.dev/test"));
  EXPECT_EQ((*applied)["spec"]["schedulerName"], "nobody");
}

TEST_F(ClientTest, AFinalizerHoldsAnObjectUntilItIsRemovedFromTheVersionSeen) {
  Json object = config_map("held");
  object["metadata"]["finalizers"] = {"storagepool.dev/test"};
  const auto made = client_->apply(resources::kConfigMaps, object);
  ASSERT_TRUE(made) << made.error().to_string();
  const auto wrong =
      client_->delete_(resources::kConfigMaps, key("held"), {.uid = "00000000-0000-0000-0000-000000000000"});
  EXPECT_TRUE(wrong.error().is_conflict()) << wrong.error().to_string();
  ASSERT_TRUE(client_->delete_(resources::kConfigMaps, key("held"), {.uid = metadata_string(*made, "uid")}));
  const auto held = client_->get(resources::kConfigMaps, key("held"));
  ASSERT_TRUE(held) << "the finalizer holds it";
  EXPECT_FALSE(metadata_string(*held, "deletionTimestamp").empty());

  const auto removal = [&](const std::string& version) {
    return Json{{"metadata", {{"resourceVersion", version}, {"finalizers", Json::array()}}}};
  };
  const auto stale = client_->merge_patch(resources::kConfigMaps, key("held"),
                                          removal(metadata_string(*made, "resourceVersion")));
  ASSERT_FALSE(stale);
  EXPECT_TRUE(stale.error().is_conflict()) << stale.error().to_string();
  const auto removed = client_->merge_patch(resources::kConfigMaps, key("held"),
                                            removal(metadata_string(*held, "resourceVersion")));
  ASSERT_TRUE(removed) << removed.error().to_string();
  EXPECT_TRUE(client_->get(resources::kConfigMaps, key("held")).error().is_not_found());
}

TEST_F(ClientTest, AWrongAuthorityOrNameIsRefused) {
  ClientConfig wrong_ca = config_;
  // Some certificate that the server's is not signed by.
  wrong_ca.ca_pem = config_.client_certificate_pem;
  const auto refused = connect(wrong_ca)->request({.path = "/version"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, kReasonTransport);
  EXPECT_THAT(refused.error().message, HasSubstr("SSL handshake"));

  ClientConfig other_name = config_;
  other_name.tls_server_name = "somewhere.else";
  EXPECT_FALSE(connect(other_name)->request({.path = "/version"}));
  other_name.tls_server_name = "kubernetes.default.svc";
  const auto named = connect(other_name)->request({.path = "/version"});
  EXPECT_TRUE(named) << named.error().to_string();
}

TEST_F(ClientTest, LogsInByCertificateTokenAndTokenFile) {
  ASSERT_FALSE(config_.client_certificate_pem.empty()) << "this test's kubeconfig holds a client certificate";
  const auto by_certificate = user_of(*transport_);
  ASSERT_TRUE(by_certificate) << by_certificate.error().to_string();
  EXPECT_THAT(*by_certificate, Not(HasSubstr("anonymous")));

  const std::string account = "system:serviceaccount:" + namespace_ + ":robot";
  ClientConfig bare = config_;
  bare.client_certificate_pem.clear();
  bare.client_key_pem.clear();
  ClientConfig with_token = bare;
  with_token.token = make_token("robot");
  const auto robot = connect(with_token);
  EXPECT_EQ(user_of(*robot).value(), account);
  const auto forbidden = Client(*robot, "robot").get(resources::kSecrets, key("any"));
  EXPECT_TRUE(forbidden.error().is_forbidden());
  EXPECT_THAT(forbidden.error().to_string(), Not(HasSubstr(with_token.token)));

  // A token that the server refuses is read anew for the next request.
  const std::string file = std::filesystem::temp_directory_path() / namespace_;
  std::ofstream(file) << "not-a-token";
  ClientConfig with_file = bare;
  with_file.token_file = file;
  const auto rotating = connect(with_file);
  EXPECT_EQ(user_of(*rotating).error().status, 401);
  std::ofstream(file) << with_token.token << "\n";
  EXPECT_EQ(user_of(*rotating).value(), account);
  std::filesystem::remove(file);
}

TEST_F(ClientTest, ThreadsShareATransport) {
  std::atomic<int> done{0};
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 10; ++i) {
          const std::string name = "t" + std::to_string(thread) + "-" + std::to_string(i);
          done += client_->apply(resources::kConfigMaps, config_map(name)).has_value();
        }
      });
    }
  }
  EXPECT_EQ(done, 40);
}

// The real transport, with the first watch opened from a version of the test's choice, and each watch ended
// after a number of lines.
class TroubledTransport final : public Transport {
 public:
  TroubledTransport(Transport& real, std::string first_version, int lines)
      : real_(real), first_version_(std::move(first_version)), lines_(lines) {}
  tl::expected<std::string, ApiError> request(const ApiRequest& request) override {
    ++lists;
    return real_.request(request);
  }
  tl::expected<void, ApiError> stream(const StreamRequest& request, const LineHandler& on_line,
                                      std::stop_token stop) override {
    StreamRequest changed = request;
    if (++streams == 1 && !first_version_.empty()) {
      for (auto& [name, value] : changed.query) {
        if (name == "resourceVersion") value = first_version_;
      }
    }
    int seen = 0;
    return real_.stream(
        changed, [&](std::string_view line) { return on_line(line) && (lines_ == 0 || ++seen < lines_); },
        std::move(stop));
  }
  std::atomic<int> lists{0};
  std::atomic<int> streams{0};

 private:
  Transport& real_;
  std::string first_version_;
  int lines_;
};

// A kind of the test's own. What the API server remembers of a kind's changes begins when the kind is made,
// so that version 1 is gone for certain, however young the cluster is.
class OwnKind {
 public:
  OwnKind(const Client& client, const std::string& prefix)
      : client_(client), group_(prefix + ".test.storagepool.dev") {
    const Json schema = {{"openAPIV3Schema", {{"type", "object"}}}};
    const Json definition = {
        {"metadata", {{"name", "widgets." + group_}}},
        {"spec",
         {{"group", group_},
          {"scope", "Namespaced"},
          {"names", {{"plural", "widgets"}, {"singular", "widget"}, {"kind", "Widget"}}},
          {"versions",
           Json::array({{{"name", "v1"}, {"served", true}, {"storage", true}, {"schema", schema}}})}}}};
    const auto made = client_.create(kDefinitions, definition);
    EXPECT_TRUE(made) << made.error().to_string();
    EXPECT_TRUE(eventually([&] { return client_.list(type()).has_value(); }));
  }
  OwnKind(const OwnKind&) = delete;
  OwnKind& operator=(const OwnKind&) = delete;
  ~OwnKind() { EXPECT_TRUE(client_.delete_(kDefinitions, {"", "widgets." + group_})); }
  ResourceType type() const { return {group_, "v1", "widgets", "Widget"}; }

 private:
  static constexpr ResourceType kDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                             "CustomResourceDefinition", false};
  const Client& client_;
  std::string group_;
};

TEST_F(ClientTest, AnInformerListsAnewAfterGone) {
  const OwnKind kind(*client_, namespace_);
  const auto make = [&](const char* name) {
    const auto made =
        client_->create(kind.type(), {{"metadata", {{"name", name}, {"namespace", namespace_}}}});
    ASSERT_TRUE(made) << made.error().to_string();
  };
  make("a");
  TroubledTransport troubled(*transport_, "1", 0);
  Informer informer(troubled, {.type = kind.type(), .name_space = namespace_}, {}, 1);
  informer.start();
  ASSERT_TRUE(eventually([&] { return troubled.streams >= 2; }));
  EXPECT_EQ(troubled.lists, 2) << "one before and one after the 410";
  make("b");
  ASSERT_TRUE(eventually([&] { return informer.list().size() == 2; }));
  informer.stop();
}

TEST_F(ClientTest, AnInformerResumesWithoutLossOrRepetition) {
  TroubledTransport troubled(*transport_, "", 1);
  std::mutex mutex;
  std::vector<std::string> told;
  const auto tell = [&](const std::string& what, const ObjectPtr& object) {
    const std::lock_guard lock(mutex);
    told.push_back(what + metadata_string(*object, "name"));
  };
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return told.size();
  };
  Informer informer(
      troubled,
      {.type = resources::kConfigMaps,
       .name_space = namespace_,
       .label_selector = "test=client",
       .page_size = 2},
      {.on_upsert = [&](const ObjectPtr& before, const ObjectPtr& now) { tell(before ? "~" : "+", now); },
       .on_delete = [&](const ObjectPtr& gone) { tell("-", gone); }},
      1);
  for (const char* name : {"a", "b", "c"}) apply(name);
  informer.start();
  ASSERT_TRUE(eventually([&] { return informer.has_synced() && informer.list().size() == 3; }));
  apply("d");
  apply("a", "other");
  ASSERT_TRUE(client_->delete_(resources::kConfigMaps, key("b")));
  ASSERT_TRUE(eventually([&] { return count() >= 6; }));
  EXPECT_EQ(told, (std::vector<std::string>{"+a", "+b", "+c", "+d", "~a", "-b"}));
  EXPECT_GE(troubled.streams, 3);
  EXPECT_EQ(troubled.lists, 2) << "two pages, once";
  informer.stop();
  EXPECT_EQ((*informer.get(key("a")))["data"]["key"], "other");
  EXPECT_FALSE((*informer.get(key("a")))["metadata"].contains("managedFields"));
}

TEST_F(ClientTest, ListsTheEventsAboutOneObject) {
  for (const char* name : {"one", "other"}) {
    apply(name);
    const auto object = client_->get(resources::kConfigMaps, key(name));
    ASSERT_TRUE(object);
    EventRecorder recorder(*client_, "storagepool.dev/operator", "pod");
    recorder.record({.regarding = reference_to(*object), .reason = "Seen", .action = "See", .note = name});
    const auto about = [&](const std::string& uid) {
      const auto listed = client_->list(
          resources::kEvents,
          {.name_space = namespace_, .field_selector = "regarding.kind=ConfigMap,regarding.uid=" + uid});
      EXPECT_TRUE(listed) << listed.error().to_string();
      return listed ? listed->items : std::vector<Json>{};
    };
    ASSERT_TRUE(eventually([&] { return about(metadata_string(*object, "uid")).size() == 1; }));
    EXPECT_EQ(about(metadata_string(*object, "uid"))[0]["note"], name);
  }
}

TEST_F(ClientTest, TheSameEventIsOneObjectWithASeriesAlsoAfterARestart) {
  apply("subject");
  const auto subject = client_->get(resources::kConfigMaps, key("subject"));
  ASSERT_TRUE(subject);
  const Event event{.regarding = reference_to(*subject),
                    .type = EventType::kWarning,
                    .reason = "PostgresUnreachable",
                    .action = "Connect",
                    .note = "postgres.storage.svc:5432: connection refused"};
  const auto events = [&] { return client_->list(resources::kEvents, {.name_space = namespace_})->items; };
  for (int life = 1; life <= 3; ++life) {
    EventRecorder recorder(*client_, "storagepool.dev/operator", "pod-" + std::to_string(life));
    recorder.record(event);
    ASSERT_TRUE(eventually([&] {
      const auto items = events();
      if (items.empty()) return false;
      return life == 1 || items[0].value("/series/count"_json_pointer, 0) == life;
    })) << "life "
        << life;
  }
  const auto items = events();
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0]["reason"], "PostgresUnreachable");
  EXPECT_EQ(items[0]["regarding"]["uid"], metadata_string(*subject, "uid"));
}

}  // namespace
}  // namespace storagepool::kube
