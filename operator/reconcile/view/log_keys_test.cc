#include "operator/reconcile/view/log_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::reconcile {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

PodState saying(const std::string& name, std::vector<std::string> vkeys) {
  PodState pod;
  pod.view.name = name;
  pod.view.ready = true;
  pod.answer.facts.emplace().log = settings::LogFacts{.size = 1, .vkeys = std::move(vkeys)};
  return pod;
}

PodState refusing(const std::string& name, bool has_one, const std::string& why) {
  PodState pod = saying(name, {"old"});
  if (!has_one) pod.answer.facts->log.reset();
  pod.answer.facts->log_key_refusal = why;
  return pod;
}

TEST(VerifierKeys, AreThoseThatAllPodsSay) {
  EXPECT_THAT(verifier_keys({}), IsEmpty());
  EXPECT_THAT(verifier_keys({saying("a-0", {"new", "old"}), saying("a-1", {"new", "old"})}),
              ElementsAre("new", "old"));
  EXPECT_THAT(verifier_keys({saying("a-0", {"new"}), saying("a-1", {"old"})}), IsEmpty());
  EXPECT_THAT(verifier_keys({saying("a-0", {"new", "old"}), saying("a-1", {"old", "new"})}), IsEmpty())
      << "one has not taken the new one up yet";
  EXPECT_THAT(verifier_keys({saying("a-0", {"a\nb"})}), ElementsAre("a b"));
}

TEST(VerifierKeys, AwaitWhoIsReadyAndPassOverTheOthers) {
  PodState silent = saying("a-1", {});
  silent.answer.facts.reset();
  EXPECT_THAT(verifier_keys({saying("a-0", {"new"}), silent}), IsEmpty());
  silent.view.ready = false;
  EXPECT_THAT(verifier_keys({saying("a-0", {"new"}), silent}), ElementsAre("new"));
  EXPECT_THAT(verifier_keys({saying("a-0", {"new"}), saying("a-1", {})}), ElementsAre("new"))
      << "an earlier release does not tell";
  PodState leaving = saying("a-1", {"old"});
  leaving.view.terminating = true;
  EXPECT_THAT(verifier_keys({saying("a-0", {"new"}), leaving}), ElementsAre("new"));
}

TEST(RefusedLogKey, NamesThePodTheSecretAndWhy) {
  EXPECT_FALSE(refused_log_key({saying("a-0", {"old"})}, "the Secret n/s"));
  const auto earlier = refused_log_key({refusing("a-0", true, "it is\nempty")}, "the Secret n/s");
  ASSERT_TRUE(earlier);
  EXPECT_EQ(earlier->reason, "LogKeyRefused");
  EXPECT_THAT(earlier->message,
              AllOf(HasSubstr("a-0 goes on"), HasSubstr("from the Secret n/s (it is empty)")));
  const auto none =
      refused_log_key({refusing("a-0", true, "x"), refusing("a-1", false, "no such file")}, "the Secret n/s");
  ASSERT_TRUE(none);
  EXPECT_EQ(none->reason, "NoLogKey") << "which is worse";
  EXPECT_THAT(none->message, HasSubstr("a-1 has no usable key from the Secret n/s (no such file)"));
}

TEST(RefusedLogKey, OfAPodThatLeavesIsNothingToTell) {
  PodState leaving = refusing("a-0", false, "no such file");
  leaving.view.terminating = true;
  EXPECT_FALSE(refused_log_key({leaving}, "the Secret n/s"));
}

}  // namespace
}  // namespace storagepool::reconcile
