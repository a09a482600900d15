// The program as it is built, with the real kubectl, beside a real API server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "operator/cli/cluster/process.h"
#include "operator/cli/testing/recorded.h"
#include "operator/kube/kube.h"
#include "operator/manager/testing/control_plane.h"

namespace storagepool::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Plugin : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    control_plane_ = std::make_unique<manager::testing::ControlPlane>();
    kubectl({"apply", "-f", STORAGEPOOL_SOURCE_DIR "/crds/storagepool.yaml"});
    kubectl({"wait", "--for=condition=Established", "--timeout=60s", "crd/storagepools.storagepool.dev"});
    kubectl({"create", "namespace", "team"});
    Json object = testing::storage_pool("audit", {});
    object["metadata"].erase("uid");
    object.erase("status");
    kubectl({"apply", "-f", "-"}, object.dump());
    const Json status{{"status", testing::settled_status()}};
    kubectl({"patch", "storagepool", "audit", "-n", "team", "--subresource=status", "--type=merge", "-p",
             status.dump()});
  }
  static void TearDownTestSuite() { control_plane_.reset(); }

  static Finished ran(std::vector<std::string> words, std::string_view input = {}) {
    words.push_back("--kubeconfig=" + control_plane_->kubeconfig());
    const Finished finished = run_program(words, input, {.deadline = 120s});
    EXPECT_FALSE(finished.timed_out);
    return finished;
  }
  static void kubectl(std::vector<std::string> words, std::string_view input = {}) {
    words.insert(words.begin(), "kubectl");
    const Finished finished = ran(words, input);
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
  }
  static std::string program() {
    const char* given = std::getenv("STORAGEPOOL_PLUGIN");
    return given != nullptr && *given != '\0' ? given : STORAGEPOOL_PLUGIN_PROGRAM;
  }
  static Finished plugin(std::vector<std::string> words) {
    words.insert(words.begin(), program());
    return ran(std::move(words));
  }
  // Where the shell's completion is, and the program by its name; the line that ends where TAB is pressed.
  static std::string completion_for(const std::string& shell) {
    const Finished script = plugin({"completion", shell});
    EXPECT_EQ(script.exit_code, 0) << script.err;
    const std::string file = control_plane_->file("completion." + shell);
    std::ofstream(file) << script.out;
    return file;
  }
  static std::string line_to_complete() {
    return "kubectl-storagepool status -n team --kubeconfig " + control_plane_->kubeconfig() + " a";
  }
  static Finished ran_by(const std::string& shell, const std::string& script) {
    const std::string file = control_plane_->file("run." + shell);
    std::ofstream(file) << script;
    const std::string path =
        std::filesystem::path(program()).parent_path().string() + ":" + std::getenv("PATH");
    return run_program({"env", "PATH=" + path, "TERM=dumb", shell, file}, {}, {.deadline = 60s});
  }

  static inline std::unique_ptr<manager::testing::ControlPlane> control_plane_;
};

TEST_F(Plugin, ShowsTheStatusAlsoWhenNoPodAnswers) {
  const Finished said = plugin({"status", "-A"});
  EXPECT_EQ(said.exit_code, 0) << said.err;
  EXPECT_THAT(said.out, AllOf(HasSubstr("db.team:5432 (PostgreSQL 16.10): 18 granted of 87 usable"),
                              HasSubstr("team/audit-0 does not tell its numbers")));
  const Finished json = plugin({"status", "audit", "-n", "team", "-o", "json"});
  EXPECT_EQ(Json::parse(json.out)["servers"][0]["storagePools"][0]["perPod"], 9);
}

TEST_F(Plugin, SaysWhatIsNotThere) {
  const Finished said = plugin({"status", "nobody", "-n", "team"});
  EXPECT_EQ(said.exit_code, 2);
  EXPECT_THAT(said.err, HasSubstr("\"nobody\" not found"));
  EXPECT_EQ(plugin({"status", "--context", "none"}).exit_code, 2);
}

TEST_F(Plugin, PausesAndResumes) {
  const auto paused = [] {
    return control_plane_->client()
        .get(kube::resources::kStoragePools, {"team", "audit"})
        .map([](const Json& object) { return object["spec"]["paused"]; });
  };
  EXPECT_EQ(plugin({"pause", "audit", "-n", "team"}).exit_code, 0);
  EXPECT_EQ(paused().value_or(Json()), true);
  EXPECT_EQ(plugin({"resume", "audit", "-n", "team"}).exit_code, 0);
  EXPECT_EQ(paused().value_or(Json()), false);
}

TEST_F(Plugin, PlansBesideWhatThereIs) {
  Json wanted = testing::storage_pool("audit", {});
  wanted.erase("status");
  wanted["spec"]["postgres"]["host"] = "db.team";  // as the status has it
  wanted["spec"]["replicas"] = 4;
  wanted["spec"]["pool"] = {{"maxOpenConns", 9}};
  const std::string file = control_plane_->file("wanted.json");
  std::ofstream(file) << wanted;
  const Finished said = plugin({"plan", "-f", file});
  EXPECT_EQ(said.exit_code, 0) << said.err << said.out;
  EXPECT_THAT(said.out,
              AllOf(HasSubstr("team/audit"), HasSubstr("scales from 2 to 4 pods"), HasSubstr("36 of 87")));
}

TEST_F(Plugin, VerifiesWithExitCodes) {
  const Finished said = plugin({"verify", "-A", "--watch", "0s"});
  EXPECT_EQ(said.exit_code, 1) << said.err;
  EXPECT_THAT(said.out, AllOf(HasSubstr("there is no PodDisruptionBudget audit"),
                              HasSubstr("knows no PrometheusRules"), HasSubstr("does not tell its numbers")));
}

TEST_F(Plugin, GathersWhatThereIsWithoutAnOperator) {
  const std::string file = control_plane_->file("gathered.tar");
  const Finished said = plugin({"must-gather", "-A", "--file", file});
  EXPECT_EQ(said.exit_code, 1) << said.err;
  EXPECT_THAT(run_program({"tar", "-xOf", file, "--wildcards", "*/errors.txt"}).out,
              HasSubstr("no pod of it is in the namespace storagepool-system"));
  const std::string names = run_program({"tar", "-tf", file}).out;
  EXPECT_THAT(names, AllOf(HasSubstr("/storagepools/team/audit/storagepool.yaml\n"),
                           HasSubstr("/customresourcedefinition.yaml\n"), HasSubstr("/errors.txt\n")));
}

// As each shell does when TAB is pressed.
TEST_F(Plugin, CompletesNamesOfTheClusterInBash) {
  const Finished offered =
      ran_by("bash", ". '" + completion_for("bash") + "'\nCOMP_WORDS=(" + line_to_complete() +
                         "); COMP_CWORD=6; _kubectl_storagepool; echo \"${COMPREPLY[@]}\"");
  EXPECT_EQ(offered.out, "audit\n") << offered.err;
}

TEST_F(Plugin, CompletesNamesOfTheClusterInFish) {
  const Finished offered =
      ran_by("fish", "source '" + completion_for("fish") + "'\ncomplete -C '" + line_to_complete() + "'");
  EXPECT_EQ(offered.out, "audit\n") << offered.err;
}

TEST_F(Plugin, CompletesNamesOfTheClusterInZsh) {
  // In an interactive shell on a terminal of its own, wide enough for the line; TAB is typed there.
  const Finished offered = ran_by("zsh", R"(
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "stty columns 400; PS1='>'; autoload -Uz compinit; compinit -u -D; source ')" +
                                             completion_for("zsh") + R"('; echo rea''dy"
zpty -r -m shell shown '*ready*'
zpty -w -n shell $')" + line_to_complete() + R"(\t'
zpty -r -m shell shown '*audit*' && print completed
)");
  EXPECT_EQ(offered.out, "completed\n") << offered.err;
}

// As a person has it: it draws again where it drew before, and Ctrl-C ends it.
TEST_F(Plugin, TopGoesOnOnATerminalUntilItIsInterrupted) {
  const Finished shown = ran_by("zsh", R"(
zmodload zsh/zpty
zpty top "stty columns 200; exec kubectl-storagepool top -n team --interval 1s --kubeconfig ')" +
                                           control_plane_->kubeconfig() + R"('"
zpty -r -m top shown $'*\e\\[H*audit-0*\e\\[J*\e\\[H*audit-0*\e\\[J' && print drawn twice
zpty -w -n top $'\003'
zpty -r -m top shown '*what never comes*' || print ended
)");
  EXPECT_EQ(shown.out, "drawn twice\nended\n") << shown.err;
}

}  // namespace
}  // namespace storagepool::cli
