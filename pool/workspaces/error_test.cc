#include "pool/workspaces/error.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::workspaces {
namespace {

using namespace std::chrono_literals;
using Kind = Error::Kind;
using ::testing::HasSubstr;

std::optional<WorkspaceRow> row(WorkspaceState state) {
  return WorkspaceRow{.name = "w", .state = state, .incarnation = "1", .created_at = {}};
}

std::optional<Kind> kind(const Described& described) {
  if (described) return std::nullopt;
  return described.error().kind;
}

TEST(WorkspaceState, IsWrittenAndRead) {
  for (const auto state : {WorkspaceState::kCreating, WorkspaceState::kReady, WorkspaceState::kDeleting,
                           WorkspaceState::kDeleted}) {
    EXPECT_EQ(parse_workspace_state(to_string(state)), state);
  }
  EXPECT_EQ(to_string(WorkspaceState::kReady), "ready");
  EXPECT_EQ(parse_workspace_state("Ready"), std::nullopt);
}

TEST(WorkspaceError, SaysWhoMayUseWhat) {
  EXPECT_EQ(kind(usable(std::nullopt, "w")), Kind::kNotFound);
  EXPECT_EQ(kind(usable(row(WorkspaceState::kCreating), "w")), Kind::kUnavailable);
  EXPECT_EQ(kind(usable(row(WorkspaceState::kReady), "w")), std::nullopt);
  EXPECT_EQ(kind(usable(row(WorkspaceState::kDeleting), "w")), Kind::kDeleting);
  EXPECT_EQ(kind(usable(row(WorkspaceState::kDeleted), "w")), Kind::kNotFound);
}

TEST(WorkspaceError, SaysWhichCanBeDescribed) {
  EXPECT_EQ(kind(existing(std::nullopt, "w")), Kind::kNotFound);
  EXPECT_EQ(kind(existing(row(WorkspaceState::kDeleted), "w")), Kind::kNotFound);
  for (const auto state : {WorkspaceState::kCreating, WorkspaceState::kReady, WorkspaceState::kDeleting}) {
    EXPECT_EQ(kind(existing(row(state), "w")), std::nullopt);
  }
}

TEST(WorkspaceError, SaysWhatBecameOfACreation) {
  EXPECT_EQ(kind(created(row(WorkspaceState::kReady), "w")), std::nullopt);
  EXPECT_EQ(kind(created(row(WorkspaceState::kDeleting), "w")), Kind::kDeleting);
  EXPECT_EQ(kind(created(row(WorkspaceState::kDeleted), "w")), Kind::kDeleting);
  EXPECT_EQ(kind(created(std::nullopt, "w")), Kind::kDeleting);
  EXPECT_EQ(kind(created(row(WorkspaceState::kCreating), "w")), Kind::kUnavailable);
}

TEST(WorkspaceError, TellsWhatPassesFromWhatDoesNot) {
  const auto of = [](const std::string& sqlstate) {
    return to_error(postgres::Error{postgres::classify(sqlstate), sqlstate, "", "said"});
  };
  for (const auto& error :
       {of("57P01"), of("57014"), of("53200"), of(""), to_error(engine::AcquireError{})}) {
    EXPECT_EQ(error.kind, Kind::kUnavailable);
    EXPECT_GE(error.retry_after, 1s);
    EXPECT_FALSE(error.needs_person);
  }
  for (const char* sqlstate : {"3D000", "25006", "42501", "42P01", "58030", "XX000", "23505", "22023"}) {
    const auto error = of(sqlstate);
    EXPECT_EQ(error.kind, Kind::kUnavailable);
    EXPECT_GE(error.retry_after, 1s);
    EXPECT_TRUE(error.needs_person);
    EXPECT_EQ(error.sqlstate, sqlstate);
    EXPECT_EQ(error.detail, "said");
  }
}

TEST(WorkspaceError, TellsAnAdministratorWhatToDo) {
  const WorkspaceDatabase what{*row(WorkspaceState::kCreating), "audit_ws_w", "audit"};
  const auto refused = work_error(DatabaseWork::kNotPermitted, what);
  EXPECT_EQ(refused.kind, Kind::kNotPermitted);
  EXPECT_THAT(refused.detail, HasSubstr("CREATEDB"));
  const auto taken = work_error(DatabaseWork::kTaken, what);
  EXPECT_EQ(taken.kind, Kind::kTaken);
  EXPECT_THAT(taken.detail, HasSubstr("audit_ws_w"));
  EXPECT_THAT(work_error(DatabaseWork::kInUse, what).detail, HasSubstr("prepared transaction"));
  EXPECT_EQ(work_error(DatabaseWork::kBusy, what).kind, Kind::kUnavailable);
}

}  // namespace
}  // namespace storagepool::workspaces
