#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cli/cluster/admin.h"
#include "operator/cli/testing/recorded.h"
#include "pool/common/encoding/encoding.h"

namespace storagepool::cli {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using namespace testing;

class JournalCommand : public ::testing::Test {
 protected:
  JournalCommand() {
    recording_.answer("get storagepools.storagepool.dev audit -n team -o json",
                      storage_pool("audit", settled_status()).dump());
    recording_.answer("get secret storagepool-operator-key -n storagepool-system -o json",
                      Json{{"data", {{"key", encoding::encode_base64(seed_)}}}}.dump());
    for (const char* pod : {"audit-0", "audit-1"})
      recording_.answer(std::string("get pod ") + pod + " -n team -o json",
                        Json{{"metadata", {{"uid", std::string("uid-of-") + pod}}}}.dump());
  }
  void pod_says(const std::string& pod, const std::string& asked, const std::string& body, int status = 200) {
    recording_.pods["team pod/" + pod + ":8082 " + asked] = {status, body};
  }
  Said journal(Words words) {
    words.insert(words.begin(), "journal");
    words.insert(words.end(), {"audit", "-n", "team"});
    Said said = run_recorded(recording_, words);
    // Neither the key nor a token is ever shown.
    for (const std::string& text : {said.out, said.err}) {
      EXPECT_THAT(text, Not(HasSubstr(seed_)));
      EXPECT_THAT(text, Not(HasSubstr(encoding::encode_base64(seed_))));
      EXPECT_THAT(text, Not(HasSubstr("v4.public.")));
    }
    return said;
  }

  const std::string seed_ = "0123456789abcdefghijklmnopqrstuv";
  Recording recording_;
};

TEST_F(JournalCommand, ListsWhatWaitsAndWhatIsSetAsidePageByPage) {
  const std::string figures =
      R"("durable": true, "waiting": {"events": 5}, "setAside": {"units": 2, "events": 3})";
  pod_says(
      "audit-0", "GET /admin/journal?limit=1000&after=0",
      "{" + figures +
          R"(, "next": 7, "units": [{"sequence": 7, "workspace": "w", "events": 2, "reason": "23505", "setAsideAt": "t"}]})");
  pod_says(
      "audit-0", "GET /admin/journal?limit=1000&after=7",
      "{" + figures +
          R"(, "next": 9, "units": [{"sequence": 9, "workspace": "", "events": 1, "reason": "22P02"}]})");
  pod_says("audit-0", "GET /admin/journal?limit=1000&after=9", "{" + figures + R"(, "units": []})");
  pod_says("audit-1", "GET /admin/journal?limit=1000&after=0", R"({"durable": false, "units": []})");
  const Said said = journal({"list"});
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  EXPECT_THAT(said.out, AllOf(HasSubstr("audit-0  yes      5"), HasSubstr("audit-1  no       0"),
                              HasSubstr("23505"), HasSubstr("22P02")));
  for (const PodRequest& request : recording_.sent) EXPECT_THAT(request.token, StartsWith("v4.public."));
  EXPECT_NE(recording_.sent.front().token, recording_.sent.back().token);
}

TEST_F(JournalCommand, PutsBackAllOrSomeOfOnePod) {
  pod_says("audit-1", "POST /admin/journal", R"({"putBack": {"units": 2, "events": 3}})");
  EXPECT_THAT(journal({"put-back", "--pod", "audit-1", "--sequence", "7,9"}).out,
              HasSubstr("2 units with 3 events"));
  EXPECT_EQ(Json::parse(recording_.sent.back().body),
            Json::parse(R"({"action": "put-back", "sequences": [7, 9]})"));
  journal({"put-back", "--pod", "audit-1"});
  EXPECT_EQ(Json::parse(recording_.sent.back().body)["sequences"], "all");
  EXPECT_THAT(journal({"put-back", "--sequence", "7"}).err, HasSubstr("--pod"));
}

TEST_F(JournalCommand, ExportsEveryPage) {
  pod_says("audit-0", "GET /admin/journal?format=ndjson&limit=1000&part=waiting&after=0",
           "{\"sequence\":3,\"event\":1}\n{\"sequence\":4,\"event\":2}\n");
  pod_says("audit-0", "GET /admin/journal?format=ndjson&limit=1000&part=waiting&after=4",
           "{\"sequence\":6}\n");
  pod_says("audit-0", "GET /admin/journal?format=ndjson&limit=1000&part=waiting&after=6", "");
  const Said said = journal({"export", "--pod", "audit-0", "--part", "waiting"});
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  EXPECT_EQ(said.out, "{\"sequence\":3,\"event\":1}\n{\"sequence\":4,\"event\":2}\n{\"sequence\":6}\n");
}

TEST_F(JournalCommand, SaysWhatIsMissing) {
  recording_.answer("get secret storagepool-operator-key -n storagepool-system -o json",
                    tl::unexpected(Failure{FailureKind::kForbidden, "Forbidden"}));
  const Said said = journal({"list"});
  EXPECT_EQ(said.exit_code, kError);
  EXPECT_THAT(said.err, HasSubstr("get of the Secret storagepool-operator-key in storagepool-system"));
  EXPECT_THAT(recording_.sent, IsEmpty());
  EXPECT_THAT(journal({"list", "--pod", "other"}).err, HasSubstr("no pod other"));
}

TEST_F(JournalCommand, APodsOwnWordsAreTold) {
  pod_says("audit-0", "GET /admin/journal?limit=1000&after=0", R"({"detail": "this pod has no journal"})",
           404);
  EXPECT_THAT(journal({"list"}).err, HasSubstr("404: this pod has no journal"));
}

}  // namespace
}  // namespace storagepool::cli
