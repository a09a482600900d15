// An upgrade from the chart before this one, which had the CRD in its folder crds/ (e2e/previous_chart),
// under constant writes through the Service: the CRD is upgraded too, the pods are left alone, every write is
// acknowledged and stored once. Uninstalling keeps StoragePools, and the next installation goes on with them.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/process.h"
#include "e2e/support/scenario.h"
#include "e2e/support/writers.h"

namespace storagepool::e2e {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* kCrd = "storagepools.storagepool.dev";
constexpr auto kHelmDeadline = 180s;

class ChartUpgradeLosesNothing : public Scenario {
 protected:
  static Result helm(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"helm", "--namespace", operator_namespace()});
    return run(arguments, {}, kHelmDeadline);
  }
  static Result upgrade(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"upgrade", "storagepool", STORAGEPOOL_SOURCE_DIR "/charts/storagepool",
                                       "--wait",  "--timeout",   "120s"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return helm(arguments);
  }
  static json crd() { return kubectl_json({"get", "crd", kCrd}); }

  void TearDown() override {
    Scenario::TearDown();
    fs::remove_all(previous_);
    // As it was found, for the scenarios after this one; else it is already.
    if (!HasFailure()) return;
    const Result restored = upgrade({"--install", "--take-ownership"});
    EXPECT_TRUE(restored.ok()) << restored.err;
  }

  // The previous chart with a CRD that lacks something of this one's.
  void make_previous_chart() {
    std::string name = fs::temp_directory_path() / "storagepool-chart.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    previous_ = name;
    fs::copy(STORAGEPOOL_SOURCE_DIR "/e2e/previous_chart", previous_, fs::copy_options::recursive);
    fs::create_directory(previous_ / "crds");
    std::ifstream file(STORAGEPOOL_SOURCE_DIR "/crds/storagepool.yaml");
    std::string text(std::istreambuf_iterator<char>(file), {});
    const std::string newer = "    categories: [all]\n";
    const auto at = text.find(newer);
    ASSERT_NE(at, std::string::npos);
    std::ofstream(previous_ / "crds" / "crd.yaml") << text.erase(at, newer.size());
  }

  void install_previous() {
    ASSERT_NO_FATAL_FAILURE(make_previous_chart());
    ASSERT_TRUE(helm({"uninstall", "storagepool"}).ok());
    kubectl_out({"delete", "crd", kCrd});
    const Result installed = helm({"install", "storagepool", previous_, "--wait", "--timeout", "120s"});
    ASSERT_TRUE(installed.ok()) << installed.err;
    ASSERT_FALSE(crd().at("spec").at("names").contains("categories"));
  }

  // The uids of the StoragePool and its pods.
  std::set<std::string> uids() {
    std::set<std::string> found{get("storagepool", "audit").at("metadata").at("uid")};
    for (const json& pod : list("pods", "app.kubernetes.io/instance=audit"))
      found.insert(pod.at("metadata").at("uid"));
    return found;
  }

  std::unique_ptr<Writers> start_writers() {
    const std::string address = get("service", "audit").at("spec").at("clusterIP");
    auto writers = std::make_unique<Writers>(address, 8080, 8, "upgrade");
    EXPECT_TRUE(writes_on(*writers));
    return writers;
  }
  // Whether 50 more events are stored.
  static ::testing::AssertionResult writes_on(const Writers& writers) {
    const std::size_t before = writers.outcome().stored.size();
    return eventually(30s, [&]() -> std::string {
      const auto outcome = writers.outcome();
      return outcome.stored.size() > before + 50
                 ? ""
                 : std::to_string(outcome.stored.size()) + " events are stored";
    });
  }

  fs::path previous_;
};

TEST_F(ChartUpgradeLosesNothing, WhileWritesGoOn) {
  ASSERT_NO_FATAL_FAILURE(install_previous());
  const Postgres postgres(name_space(), 60);
  apply(pool("audit", 2));
  ASSERT_TRUE(becomes_ready("audit", 2));
  const auto before = uids();
  const auto writers = start_writers();

  // The CRD is nobody's: Helm says so and changes nothing.
  const Result refused = upgrade();
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(refused.err, HasSubstr("invalid ownership metadata"));
  EXPECT_FALSE(crd().at("spec").at("names").contains("categories"));

  const Result upgraded = upgrade({"--take-ownership"});
  ASSERT_TRUE(upgraded.ok()) << upgraded.err;
  EXPECT_EQ(crd().at("spec").at("names").value("categories", json()), json({"all"}));
  EXPECT_EQ(crd().at("metadata").at("annotations").value("helm.sh/resource-policy", ""), "keep");
  ASSERT_TRUE(becomes_ready("audit", 2));
  const Result tested = helm({"test", "storagepool"});
  EXPECT_TRUE(tested.ok()) << tested.out << tested.err;

  ASSERT_TRUE(helm({"uninstall", "storagepool", "--wait"}).ok());
  EXPECT_EQ(uids(), before);
  EXPECT_TRUE(writes_on(*writers));
  const Result again = upgrade({"--install"});
  ASSERT_TRUE(again.ok()) << again.err;
  // What it makes of a change shows that the operator has taken the StoragePool up again.
  patch("audit", {{"spec", {{"pool", {{"maxOpenConns", 7}}}}}});
  ASSERT_TRUE(becomes_ready("audit", 2));
  EXPECT_TRUE(writes_on(*writers));
  EXPECT_EQ(uids(), before);

  writers->stop();
  const Writers::Outcome outcome = writers->outcome();
  std::cerr << outcome.stored.size() << " stored, " << outcome.journalled.size() << " journalled\n";
  for (const auto& failure : outcome.failures) ADD_FAILURE() << failure.status << " " << failure.text;
  const std::set<std::string> acknowledged(outcome.stored.begin(), outcome.stored.end());
  const std::vector<std::string> stored =
      postgres.superuser("select event_id from audit_events where correlation_id = 'upgrade'", kDatabase);
  EXPECT_TRUE(outcome.journalled.empty());
  EXPECT_EQ(std::set<std::string>(stored.begin(), stored.end()), acknowledged);
  EXPECT_EQ(stored.size(), acknowledged.size());
}

}  // namespace
}  // namespace storagepool::e2e
