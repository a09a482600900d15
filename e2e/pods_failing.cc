// What keeps pods from coming up is said in the cluster's own words, and is over when its cause is.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;

class PodsFailing : public Scenario {
 protected:
  // Whether the condition has this status and a reason and message with these words.
  ::testing::AssertionResult says(const std::string& type, const std::string& status,
                                  const std::string& reason, const std::string& words = {}) {
    return eventually(90s, [&]() -> std::string {
      const json found = condition(get("storagepool", "audit"), type);
      const bool right = found.is_object() && found["status"] == status && found["reason"] == reason &&
                         found["message"].get<std::string>().find(words) != std::string::npos;
      return right ? "" : found.dump();
    });
  }
  void delete_pod(const std::string& name) {
    kubectl_out({"-n", name_space(), "delete", "pod", name, "--wait=false"});
  }
};

TEST_F(PodsFailing, AQuota) {
  const Postgres postgres(name_space(), 40);
  apply(pool("audit", 2));
  ASSERT_TRUE(becomes_ready("audit", 2));
  EXPECT_TRUE(says("PodsFailing", "False", "NotFailing"));
  kubectl_out({"-n", name_space(), "create", "quota", "q", "--hard=pods=1"});
  ASSERT_TRUE(eventually(30s, [&]() -> std::string {
    const json quota = get("resourcequota", "q");
    return quota.value("/status/used/pods"_json_pointer, "").empty() ? quota.dump() : "";
  }));
  delete_pod("audit-1");
  EXPECT_TRUE(says("PodsFailing", "True", "QuotaExceeded", "audit-1: pods \"audit-1\" is forbidden"));
  EXPECT_TRUE(says("Ready", "False", "QuotaExceeded", "exceeded quota: q"));
  EXPECT_TRUE(says("Stalled", "True", "QuotaExceeded", "exceeded quota: q"));
  EXPECT_THAT(events_about("audit"), Contains(HasSubstr("QuotaExceeded: audit-1")));
  kubectl_out({"-n", name_space(), "delete", "quota", "q"});
  // The StatefulSet's controller tries again by itself, but not soon.
  patch("audit", {{"spec", {{"podMetadata", {{"annotations", {{"tried", "again"}}}}}}}});
  EXPECT_TRUE(becomes_ready("audit", 2));
  EXPECT_TRUE(says("Stalled", "False", "NotStalled"));
  EXPECT_TRUE(says("PodsFailing", "False", "NotFailing"));
}

TEST_F(PodsFailing, AnImageThatDoesNotExist) {
  const Postgres postgres(name_space(), 40);
  apply(pool("audit", 2));
  ASSERT_TRUE(becomes_ready("audit", 2));
  patch("audit", {{"spec", {{"image", "docker.io/storagepool/no-such:1"}}}});
  EXPECT_TRUE(says("PodsFailing", "True", "ImagePullBackOff", "image docker.io/storagepool/no-such:1: "));
  EXPECT_TRUE(says("Ready", "False", "ImagePullBackOff", "no-such"));
  patch("audit", {{"spec", {{"image", nullptr}}}});
  // A pod that never became ready is not replaced by the StatefulSet's controller (kubernetes#67250).
  delete_pod("audit-1");
  EXPECT_TRUE(becomes_ready("audit", 2));
  EXPECT_TRUE(says("PodsFailing", "False", "NotFailing"));
}

}  // namespace
}  // namespace storagepool::e2e
