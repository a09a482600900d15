// The operator's program beside others who write spec: people and tools that apply manifests, and
// autoscalers. Whatever they set stays as they have set it, to the word.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/manager/testing/fleet.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using testing::Conduct;
using testing::eventually;

constexpr auto kSeen = 60s;  // the latest that the operator has acted on a change
constexpr int kManifests = 6;

std::string text_of(const std::string& file) {
  std::ifstream stream(STORAGEPOOL_SOURCE_DIR "/" + file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// All that people are shown, by where.
std::map<std::string, std::string> manifests() {
  std::map<std::string, std::string> manifests;
  for (const auto& entry : std::filesystem::directory_iterator(STORAGEPOOL_SOURCE_DIR "/crds/samples"))
    manifests["crds/samples/" + entry.path().filename().string()] =
        text_of("crds/samples/" + entry.path().filename().string());
  const std::string readme = text_of("README.md");
  const std::string fence = "```yaml\n";
  const std::size_t begin = readme.find(fence) + fence.size();
  manifests["README.md"] = readme.substr(begin, readme.find("```", begin) - begin);
  return manifests;
}

class OtherWriters : public testing::Fleet {
 protected:
  OtherWriters() : Fleet(kManifests, [](int) { return Conduct::kAnswers; }) {}

  struct Run {
    int code = -1;
    std::string output;
  };
  Run kubectl(const std::vector<std::string>& arguments) const {
    std::vector<std::string> command{"kubectl", "--kubeconfig=" + control_plane_->kubeconfig()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const std::string output = control_plane_->file("kubectl." + std::to_string(++runs_));
    const int code = testing::Process(command, output).exit_code();
    return {code, testing::tail_of(output)};
  }
  std::string manifest(const std::string& name, const std::string& text) const {
    const std::string file = control_plane_->file(name);
    std::ofstream(file) << text;
    return file;
  }
  Json storage_pool_now(int number) const {
    const auto got = control_plane_->client().get(kube::resources::kStoragePools, key_of(number));
    EXPECT_TRUE(got) << got.error().to_string();
    return got ? *got : Json::object();
  }
  // The operator has seen what spec says now.
  bool acted_on(int number) const {
    const Json pool = storage_pool_now(number);
    const Json& seen = json::member(json::member(pool, "status"), "observedGeneration");
    return seen.is_number() && seen == json::member(json::member(pool, "metadata"), "generation");
  }
  Json replicas_of_stateful_set(int number) const {
    const auto set = control_plane_->client().get(kube::resources::kStatefulSets, key_of(number));
    return set ? json::member(json::member(*set, "spec"), "replicas") : Json();
  }
  // The managers of spec, or of a field of it.
  std::set<std::string> managers(int number, const std::string& field = {}) const {
    std::set<std::string> names;
    const Json pool = storage_pool_now(number);
    for (const Json& entry : json::member(json::member(pool, "metadata"), "managedFields")) {
      const Json& spec = json::member(json::member(entry, "fieldsV1"), "f:spec");
      if (spec.is_object() && (field.empty() || spec.contains("f:" + field)))
        names.insert(json::text_of(json::member(entry, "manager")));
    }
    return names;
  }

 private:
  mutable int runs_ = 0;
};

TEST_F(OtherWriters, WhatWasAppliedStaysAsItWasApplied) {
  start_operator(control_plane_->kubeconfig());
  const auto shown = manifests();
  ASSERT_EQ(shown.size(), std::size_t{kManifests});
  int number = 0;
  for (const auto& [where, text] : shown) {
    SCOPED_TRACE(where);
    const std::string file =
        manifest(name_of(number) + ".yaml",
                 std::regex_replace(text, std::regex("name: audit(?=[}\n])"), "name: " + name_of(number)));
    const Run first = kubectl({"apply", "-f", file});
    ASSERT_EQ(first.code, 0) << first.output;
    ASSERT_TRUE(eventually([&] { return acted_on(number); }, kSeen, 50ms)) << testing::tail_of(log());

    const Run difference = kubectl({"diff", "-f", file});
    EXPECT_EQ(difference.code, 0) << difference.output;
    const Run again = kubectl({"apply", "-f", file});
    EXPECT_EQ(again.code, 0);
    EXPECT_NE(again.output.find("/" + name_of(number) + " unchanged"), std::string::npos) << again.output;
    EXPECT_EQ(again.output.find("configured"), std::string::npos) << again.output;
    ++number;
  }
}

// A tool applies a manifest without replicas, again and again; others set them.
TEST_F(OtherWriters, ReplicasBelongToWhoeverSetsThem) {
  start_operator(control_plane_->kubeconfig());
  Json wanted = storage_pool(0);
  wanted["apiVersion"] = "storagepool.dev/v1alpha1";
  wanted["kind"] = "StoragePool";
  wanted["spec"].erase("replicas");
  const std::string whole = manifest("whole.json", wanted.dump());
  const auto apply = [&](const std::string& manager, const std::string& file) {
    const Run run = kubectl({"apply", "--server-side", "--field-manager=" + manager, "-f", file});
    EXPECT_EQ(run.code, 0) << run.output;
  };
  const auto expect_replicas = [&](int replicas, const std::string& manager) {
    EXPECT_TRUE(
        eventually([&] { return acted_on(0) && replicas_of_stateful_set(0) == Json(replicas); }, kSeen, 50ms))
        << replicas_of_stateful_set(0) << "\n"
        << testing::tail_of(log());
    apply("tool", whole);
    EXPECT_EQ(json::member(json::member(storage_pool_now(0), "spec"), "replicas"), Json(replicas));
    EXPECT_EQ(managers(0, "replicas"), std::set<std::string>{manager});
    EXPECT_FALSE(managers(0).contains(std::string(render::kManager)));
  };

  apply("tool", whole);
  ASSERT_TRUE(eventually([&] { return acted_on(0); }, kSeen, 50ms)) << testing::tail_of(log());
  wanted["spec"] = {{"replicas", 2}};
  apply("other", manifest("replicas.json", wanted.dump()));
  expect_replicas(2, "other");

  // As an autoscaler does.
  const auto scaled = control_plane_->transport().request(
      {.method = kube::Method::kPatch,
       .path = "/apis/storagepool.dev/v1alpha1/namespaces/default/storagepools/" + name_of(0) + "/scale",
       .query = {{"fieldManager", "autoscaler"}},
       .content_type = "application/merge-patch+json",
       .body = R"({"spec": {"replicas": 3}})"});
  ASSERT_TRUE(scaled) << scaled.error().to_string();
  expect_replicas(3, "autoscaler");
}

}  // namespace
}  // namespace storagepool::manager
