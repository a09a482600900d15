#include "operator/manager/installation.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "operator/kube/lease.h"
#include "operator/kube/object.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using kube::Election;
using kube::Json;
using namespace std::chrono_literals;

constexpr const char* kOurs = "here/storagepool-operator";
constexpr const char* kTheirs = "there/storagepool-operator";

Json definition(const char* mark, const char* wish, int version = 1) {
  Json annotations = Json::object();
  if (mark != nullptr) annotations[kInstallationAnnotation] = mark;
  if (wish != nullptr) annotations[kHandOverAnnotation] = wish;
  return {{"metadata", {{"resourceVersion", std::to_string(version)}, {"annotations", annotations}}}};
}

runtime::TimePoint at(std::chrono::seconds time) {
  return runtime::TimePoint{} + 1h + time;
}

TEST(Installation, TakesWhatNobodyHasAndGoesOnWithItsOwn) {
  Installation installation(kOurs);
  const auto first = installation.look(definition(nullptr, nullptr), at(0s));
  ASSERT_TRUE(first.patch);
  EXPECT_FALSE(first.ours) << "not before it is written";
  EXPECT_EQ(json::text_at(*first.patch, "/metadata/resourceVersion"), "1");
  Json marked = definition(nullptr, nullptr);
  marked.merge_patch(*first.patch);
  EXPECT_EQ(kube::annotation(marked, kInstallationAnnotation), kOurs);
  EXPECT_TRUE(installation.look(marked, at(1s)).ours);
  EXPECT_TRUE(installation.look(definition(nullptr, nullptr, 2), at(2s)).patch) << "taken off by somebody";
  EXPECT_TRUE(Installation(kOurs).look(definition(kOurs, nullptr), at(0s)).ours) << "a new process";
}

TEST(Installation, LeavesToAnotherWhatIsIts) {
  Installation installation(kOurs);
  const auto found = installation.look(definition(kTheirs, nullptr), at(0s));
  EXPECT_EQ(found.owner, kTheirs);
  EXPECT_FALSE(found.ours || found.taking_over || found.patch);
  EXPECT_EQ(installation.look(definition(kOurs, kTheirs, 2), at(1s)).owner, kTheirs) << "handed over";
  EXPECT_EQ(installation.look(definition(nullptr, kTheirs, 3), at(1h)).owner, kTheirs);
}

TEST(Installation, TakesOverOnceTheOtherHasStopped) {
  for (const char* mark : {kTheirs, static_cast<const char*>(nullptr)}) {
    Installation installation(kOurs);
    const Json wished = definition(mark, kOurs);
    EXPECT_TRUE(installation.look(wished, at(0s)).taking_over);
    EXPECT_TRUE(installation.look(wished, at(14s)).taking_over);
    const auto found = installation.look(wished, at(15s));
    ASSERT_TRUE(found.patch);
    Json marked = wished;
    marked.merge_patch(*found.patch);
    EXPECT_EQ(marked, definition(kOurs, nullptr)) << "the wish is fulfilled";
  }
}

TEST(Installation, WaitsAnewWhenTheDefinitionHasChanged) {
  Installation installation(kOurs);
  EXPECT_TRUE(installation.look(definition(kTheirs, kOurs, 1), at(0s)).taking_over);
  EXPECT_TRUE(installation.look(definition(kTheirs, kOurs, 3), at(15s)).taking_over)
      << "in between, the wish was withdrawn";
  EXPECT_TRUE(installation.look(definition(kTheirs, kOurs, 3), at(30s)).patch);
}

TEST(Installation, AMarkOfAnothersThatVanishesIsLeftToIt) {
  Installation installation(kOurs);
  installation.look(definition(kTheirs, nullptr, 1), at(0s));
  EXPECT_TRUE(installation.look(definition(nullptr, nullptr, 2), at(1s)).taking_over);
  EXPECT_TRUE(installation.look(definition(nullptr, nullptr, 2), at(16s)).patch)
      << "there is nobody any more";
}

// Whoever is to watch less does nothing.
TEST(Installation, NamespacesThatAreWatchedNoMoreAreAskedAbout) {
  const std::string mark = std::string(kOurs) + " watching a,b";
  const auto look = [](const char* text, std::vector<std::string> watched) {
    return Installation(kOurs, std::move(watched)).look(definition(text, nullptr), at(0s));
  };
  EXPECT_TRUE(look(mark.c_str(), {"a", "b"}).ours);
  for (const auto& more : {std::vector<std::string>{"a", "b", "c"}, std::vector<std::string>{}}) {
    const auto found = look(mark.c_str(), more);
    ASSERT_TRUE(found.patch) << "more is watched from now on";
    const std::string text =
        json::text_at((*found.patch)["metadata"]["annotations"], "/storagepool.dev~1installation");
    EXPECT_EQ(text, more.empty() ? kOurs : std::string(kOurs) + " watching a,b,c");
  }
  for (const auto& less : {std::vector<std::string>{"a"}, std::vector<std::string>{"a", "c"}}) {
    const auto found = look(mark.c_str(), less);
    EXPECT_FALSE(found.ours || found.patch || found.taking_over);
    EXPECT_EQ(found.dropped, "b");
  }
  EXPECT_EQ(look(kOurs, {"a", "c"}).dropped, "all but a,c");
  EXPECT_TRUE(look(nullptr, {"a"}).patch) << "nobody has watched any";
  EXPECT_EQ(look((std::string(kTheirs) + " watching a").c_str(), {}).owner, kTheirs);
}

TEST(Installation, APersonSaysThatNothingIsLeftInANamespace) {
  Installation installation(kOurs, {"a"});
  EXPECT_EQ(installation.look(definition(kOurs, nullptr), at(0s)).dropped, "all but a");
  const std::string remedy = installation.remedy_of_dropped();
  const std::size_t begin = remedy.find(std::string(kInstallationAnnotation) + "=");
  ASSERT_NE(begin, std::string::npos) << remedy;
  const std::string said = remedy.substr(begin + std::string(kInstallationAnnotation).size() + 1);
  const std::string mark = said.substr(0, said.find('\''));
  EXPECT_TRUE(installation.look(definition(mark.c_str(), nullptr, 2), at(1s)).ours) << mark;
  EXPECT_TRUE(Installation(kOurs).look(definition(mark.c_str(), nullptr, 2), at(1s)).patch);
}

TEST(Installation, AHandOverDoesNotDropNamespacesEither) {
  const std::string mark = std::string(kTheirs) + " watching a,b";
  Installation narrow(kOurs, {"a"});
  EXPECT_EQ(narrow.look(definition(mark.c_str(), kOurs), at(0s)).dropped, "b");
  EXPECT_EQ(narrow.look(definition(mark.c_str(), kOurs), at(1h)).dropped, "b");
  Installation wide(kOurs, {"a", "b", "c"});
  EXPECT_TRUE(wide.look(definition(mark.c_str(), kOurs), at(0s)).taking_over);
  EXPECT_TRUE(wide.look(definition(mark.c_str(), kOurs), at(15s)).patch);
}

// Several installations that look at random moments, hang between what they read and what they write, and
// start anew, while a person changes his mind and takes marks off.
class World {
 public:
  explicit World(unsigned seed) : random_(seed) {}

  void run() {
    for (; now_ < at(std::chrono::hours{1}) && !::testing::Test::HasFailure(); now_ += 100ms) {
      for (Process& process : processes_) act(process);
      if (chance(600)) meddle();
      const auto acting = std::count_if(processes_.begin(), processes_.end(),
                                        [&](const Process& process) { return process.until > now_; });
      changes_ += static_cast<int>(acting == 1 && before_ == 0);
      before_ = static_cast<int>(acting);
      ASSERT_LE(acting, 1) << "at " << (now_ - at(0s)) / 100ms << " in " << definition_.dump();
    }
    EXPECT_GT(changes_, 3);
  }

 private:
  struct Process {
    std::string name;
    Installation installation{name};
    runtime::TimePoint until = runtime::TimePoint::min();  // acts
    runtime::TimePoint next{};                             // looks
    std::optional<Json> patch{};                           // to be written at `writes`
    runtime::TimePoint sent{};
    runtime::TimePoint writes{};
  };

  bool chance(unsigned of) { return random_() % of == 0; }
  std::chrono::milliseconds up_to(unsigned tenths) { return 100ms * static_cast<int>(random_() % tenths); }

  void act(Process& process) {
    if (process.patch) {
      if (process.writes > now_) return;
      const bool conflict = (*process.patch)["metadata"]["resourceVersion"] != version();
      if (!conflict) change(*process.patch);
      if (!conflict) process.until = process.sent + Election::kRenewDeadline;
      process.patch.reset();
      return;
    }
    if (process.next > now_) return;
    process.next = now_ + 1600ms + up_to(chance(20) ? 200 : 8);
    const auto found = process.installation.look(definition_, now_);
    process.until = found.ours ? now_ + Election::kRenewDeadline : runtime::TimePoint::min();
    process.patch = found.patch;
    process.sent = now_;
    process.writes = now_ + up_to(30);
    // Where all marks have been taken off, a process that has never seen one cannot know of who acts.
    const bool marked = definition_["metadata"].contains("annotations") &&
                        definition_["metadata"]["annotations"].contains(kInstallationAnnotation);
    if (marked && chance(50)) process = Process{.name = process.name};
  }

  void meddle() {
    const std::string& name = processes_[random_() % processes_.size()].name;
    Json value = chance(3) ? Json() : Json(name);
    const bool seen_by_all = now_ - changed_at_ > 30s;
    const char* annotation =
        value.is_null() && seen_by_all && chance(2) ? kInstallationAnnotation : kHandOverAnnotation;
    change({{"metadata", {{"annotations", {{annotation, value}}}}}});
  }

  std::string version() { return definition_["metadata"]["resourceVersion"]; }
  void change(Json patch) {
    patch["metadata"]["resourceVersion"] = std::to_string(++version_);
    definition_.merge_patch(patch);
    changed_at_ = now_;
  }

  std::mt19937 random_;
  runtime::TimePoint now_ = at(0s);
  runtime::TimePoint changed_at_ = at(0s);
  Json definition_{{"metadata", {{"resourceVersion", "0"}}}};
  int version_ = 0;
  int before_ = 0;
  int changes_ = 0;
  std::array<Process, 3> processes_{Process{.name = "a/operator"}, Process{.name = "b/operator"},
                                    Process{.name = "c/operator"}};
};

TEST(Installation, NeverTwoActAtOnce) {
  for (unsigned seed = 1; seed <= 40 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World(seed).run();
  }
}

}  // namespace
}  // namespace storagepool::manager
