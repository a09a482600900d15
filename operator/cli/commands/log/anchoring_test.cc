// An export of a workspace with its proofs: what is asked of the API, and what that shows.
#include "operator/cli/commands/log/anchoring.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cli/testing/recorded.h"
#include "operator/cli/testing/small_log.h"
#include "pool/common/runtime/testing/temporary_folder.h"
#include "pool/common/tlog/tile.h"

namespace storagepool::cli {
namespace {

using ::testing::HasSubstr;
using namespace testing;

class ExportOfAWorkspace : public ::testing::Test {
 protected:
  // Two events, each proven when the log was larger, and in between it was anchored.
  ExportOfAWorkspace() {
    recording_.answer("get storagepools.storagepool.dev audit -n team -o json",
                      storage_pool("audit", settled_status()).dump());
    recording_.answer("create token default -n team --audience=storagepool.dev/team/audit",
                      std::string("token\n"));
    for (const char* received : {"2026-02-01T10:00:00Z", "2026-02-01T09:00:00Z"})
      there_.add("{\"n\":1.0e5}", {{"received_at", received}});
    answers(kThere + "/events?limit=1000", page(there_.item(0) + "," + there_.item(1)));
    answers(kThere + "/events/id-0/proof", there_.proof(0));
    there_.add("{}");
    database_.add(there_.anchor(), {{"event_type", kAnchored}, {"received_at", "2026-02-01T10:00:30Z"}});
    there_.add("{}");
    answers(kThere + "/events/id-1/proof", there_.proof(1));
    answers(kThere + "/log/tile/0/000.p/4", tlog::tile_of(there_.tree().hashes({0, 0, 4})));
    answers(kAfter, page(database_.item(0)));
    answers("/api/v1/audit/events/id-0/proof", database_.proof(0));
  }
  static std::string page(const std::string& items) { return "{\"data\":[" + items + "],\"pagination\":{}}"; }
  void answers(const std::string& path, const std::string& body, int status = 200) {
    recording_.pods["team service/audit:8080 GET " + path] = {status, body};
  }
  Said exported() {
    return run_recorded(recording_,
                        {"events", "export", "audit", "-n", "team", "--proofs", "--workspace", "w"});
  }
  Said verified(const std::string& content) {
    std::ofstream(folder_ / "file", std::ios::binary) << content;
    return run_recorded(recording_, {"events", "verify", folder_ / "file", "--key",
                                     database_.key().public_text(), "--workspace", "w"});
  }

  const std::string kThere = "/api/v1/workspaces/w/audit";
  const std::string kAnchors = "&event_type=storagepool.log.anchored&count=none";
  const std::string kAfter =
      "/api/v1/audit/events?limit=25&order=asc&since=2026-02-01T10%3A00%3A00Z" + kAnchors;
  const std::string kNewest = "/api/v1/audit/events?limit=25" + kAnchors;
  runtime::testing::TemporaryFolder folder_;
  Recording recording_;
  SmallLog database_;
  SmallLog there_{"storagepool.dev/team/audit/ws/w/1a2b"};
};

TEST_F(ExportOfAWorkspace, ShowsThatTheDatabasesLogTellsOfIt) {
  const Said said = exported();
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  EXPECT_EQ(said.err, "");
  const Said shown = verified(said.out);
  EXPECT_EQ(shown.exit_code, kGood) << shown.out;
  EXPECT_THAT(shown.out, HasSubstr("2 events: 2 proven"));
  EXPECT_THAT(shown.out, HasSubstr("Anchored: 2 of 2 are among the first 3 entries"));
}

TEST_F(ExportOfAWorkspace, IsAnchoredByTheNewestThereIsUntilLaterOnesAreThere) {
  answers(kAfter, page(""));
  answers(kNewest, "{\"data\":[{\"event_id\":\"of others\"}],\"pagination\":{\"next\":\"n\"}}");
  answers(kNewest + "&cursor=n", page(database_.item(0)));
  EXPECT_THAT(verified(exported().out).out, HasSubstr("Anchored: 2 of 2"));
}

TEST_F(ExportOfAWorkspace, IsWholeWhereNothingShowsThatAndSaysWhy) {
  const auto unanchored = [&](const std::string& why) {
    const Said said = exported();
    EXPECT_EQ(said.exit_code, kGood);
    EXPECT_THAT(said.err, HasSubstr("nothing shows that the database's own log tells of this one: "));
    EXPECT_THAT(said.err, HasSubstr(why));
    const Said shown = verified(said.out);
    EXPECT_EQ(shown.exit_code, kGood) << shown.out;
    EXPECT_THAT(shown.out, HasSubstr("Not anchored: "));
  };
  answers(kThere + "/log/tile/0/000.p/4", "short");
  unanchored("it is no such tile");
  answers("/api/v1/audit/events/id-0/proof", R"({"detail":"it has no entry"})", 409);
  unanchored("event id-0 has no proof: 409: it has no entry");
  answers(kAfter, page(""));
  answers(kNewest, page(""));
  unanchored("no event of type storagepool.log.anchored has it yet");
  answers(kAfter, R"({"detail":"this token is for workspaces"})", 403);
  unanchored("403: this token is for workspaces");
}

}  // namespace
}  // namespace storagepool::cli
