// What the system database keeps of the logs of workspaces.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/tables/tables.h"
#include "pool/workspaces/floors.h"
#include "pool/workspaces/testing/workspace_pod.h"

namespace storagepool::workspaces {
namespace {

using namespace std::chrono_literals;
using postgres::testing::in;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Pod;

tlog::Hash root_of(char byte) {
  tlog::Hash hash{};
  hash.fill(static_cast<std::uint8_t>(byte));
  return hash;
}

class LogFloorsTest : public testing::WorkspaceTest {
 protected:
  void SetUp() override {
    WorkspaceTest::SetUp();
    const auto migrated = run(migrate());
    ASSERT_TRUE(migrated);
  }
  boost::asio::awaitable<bool> migrate() {
    auto lease = co_await pod_.engine.acquire("audit", in(20s));
    if (!lease) co_return false;
    const auto migrated = co_await tables::migrate(**lease, tables::migrations(), in(20s));
    co_return migrated.has_value();
  }
  LogFloor floor(std::uint64_t size, char root, std::int64_t epoch = 1) const {
    return {.incarnation = workspace_, .epoch = epoch, .size = size, .root = root_of(root)};
  }
  // Those that are other than what was given.
  std::vector<LogFloor> raise(Pod& pod, std::vector<LogFloor> shown) {
    return run(pod.workspaces.raise_log_floors(std::move(shown), in(20s))).value();
  }
  std::optional<LogFloor> kept(const std::string& workspace) {
    return run(pod_.workspaces.log_floor(workspace, in(20s))).value();
  }
  static std::string count() { return sql("SELECT count(*) FROM audit_log_floors", "audit").at(0); }

  Pod pod_{context_, *server_};
  const std::string workspace_ = "01890a5d-ac96-774b-bcce-b302099a8057";
  const std::string other_ = "01890a5d-ac96-774b-bcce-b302099a8058";
};

TEST_F(LogFloorsTest, AFloorOnlyRises) {
  EXPECT_EQ(kept(workspace_), std::nullopt);
  EXPECT_THAT(raise(pod_, {floor(5, 'a')}), IsEmpty());
  EXPECT_EQ(kept(workspace_), floor(5, 'a'));
  EXPECT_THAT(raise(pod_, {floor(3, 'b')}), ElementsAre(floor(5, 'a'))) << "another has seen it further";
  EXPECT_THAT(raise(pod_, {floor(5, 'a')}), IsEmpty());
  EXPECT_THAT(raise(pod_, {floor(5, 'b')}), ElementsAre(floor(5, 'a'))) << "another history";
  EXPECT_THAT(raise(pod_, {floor(9, 'c')}), IsEmpty());
  EXPECT_EQ(kept(workspace_), floor(9, 'c'));
  EXPECT_THAT(raise(pod_, {floor(1, 'd', 2)}), IsEmpty()) << "its next epoch may begin with less";
  EXPECT_THAT(raise(pod_, {floor(20, 'e')}), ElementsAre(floor(1, 'd', 2)));
  EXPECT_EQ(kept(workspace_), floor(1, 'd', 2));
  EXPECT_EQ(kept(other_), std::nullopt);
}

TEST_F(LogFloorsTest, EachLogHasItsOwn) {
  LogFloor of_other = floor(2, 'z');
  of_other.incarnation = other_;
  EXPECT_THAT(raise(pod_, {floor(5, 'a'), of_other}), IsEmpty());
  EXPECT_EQ(kept(workspace_), floor(5, 'a'));
  EXPECT_EQ(kept(other_), of_other);
}

TEST_F(LogFloorsTest, OfTwoPodsAtOnceTheHigherStays) {
  Pod pod(context_, *server_);
  int left = 0;
  LogFloor of_other = floor(0, 'z');
  of_other.incarnation = other_;
  for (std::uint64_t size = 1; size <= 40; ++size) {
    of_other.size = 41 - size;
    std::vector<LogFloor> shown{floor(size, 'a'), of_other};
    if (size % 2 == 0) std::swap(shown[0], shown[1]);
    ++left;
    boost::asio::co_spawn(context_,
                          (size % 2 == 0 ? pod : pod_).workspaces.raise_log_floors(std::move(shown), in(20s)),
                          [&left](const std::exception_ptr&, const auto& raised) {
                            EXPECT_TRUE(raised) << raised.error().detail;
                            --left;
                          });
  }
  wait_until([&] { return left == 0; });
  EXPECT_EQ(kept(workspace_)->size, 40U);
  EXPECT_EQ(kept(other_)->size, 40U);
}

TEST_F(LogFloorsTest, AFloorGoesWithItsWorkspace) {
  Options options = testing::hasty();
  options.deleted_memory = 0ms;
  Pod pod(context_, *server_, {}, options);
  must_create(pod, "gone");
  must_create(pod, "stays");
  const std::string gone = run(pod.workspaces.resolve("gone", in(20s))).value().incarnation;
  const std::string stays = run(pod.workspaces.resolve("stays", in(20s))).value().incarnation;
  for (const std::string& one : {gone, stays}) {
    LogFloor shown = floor(5, 'a');
    shown.incarnation = one;
    raise(pod, {shown});
  }
  ASSERT_TRUE(run(pod.workspaces.remove("gone", in(20s))));
  pod.start();
  wait_until([] { return count() == "1"; });
  EXPECT_NE(kept(stays), std::nullopt);
  EXPECT_EQ(kept(gone), std::nullopt);
}

TEST_F(LogFloorsTest, ARowThatCannotBeReadIsNoFloor) {
  sql("INSERT INTO audit_log_floors VALUES ('" + workspace_ + "', 1, 5, '\\x00')", "audit");
  const auto found = run(pod_.workspaces.log_floor(workspace_, in(20s)));
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().detail, ::testing::HasSubstr("audit_log_floors holds a row that cannot be read"));
}

}  // namespace
}  // namespace storagepool::workspaces
