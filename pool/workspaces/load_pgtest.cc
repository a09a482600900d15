// Workspaces with many at once: pods that create and delete the same ones, deletion under load, and more
// workspaces than connections.
#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/workspaces/testing/workspace_pod.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::workspaces {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using postgres::testing::in;
using testing::Pod;
using Kind = Error::Kind;
using ::testing::IsEmpty;
using ::testing::IsSubsetOf;

constexpr const char* kInsert = R"sql(
INSERT INTO audit_events (event_id, event_timestamp, version, event_type, event_category, event_action,
  event_outcome, correlation_id, resource_type, resource_id, severity, actor_id, actor_type, retention_days,
  is_sensitive, event_data)
VALUES (gen_random_uuid(), now(), '1.0', 't', 'c', 'a', 'success', $1, 'r', 'r', 'info', 'a', 'a', 1, false, '{}'))sql";

class WorkspaceLoadTest : public testing::WorkspaceTest {
 protected:
  void spawn(awaitable<void> work) {
    ++running_;
    boost::asio::co_spawn(context_, std::move(work), [this](const std::exception_ptr& error) {
      --running_;
      if (error) std::rethrow_exception(error);
    });
  }
  static int backends(const std::string& where) {
    return std::stoi(sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND " + where).at(0));
  }

  int running_ = 0;
};

// One write as a request does it; nothing when it was stored.
awaitable<std::optional<Error>> write(Pod& pod, std::string name) {
  const auto deadline = in(30s);
  for (int attempt = 1;; ++attempt) {
    const auto home = co_await pod.workspaces.resolve(name, deadline);
    if (!home) co_return home.error();
    auto lease = co_await pod.engine.acquire(home->database, deadline);
    if (lease) {
      std::vector<postgres::Parameter> parameters{std::string("r")};
      const auto stored = co_await (*lease)->query(kInsert, std::move(parameters), deadline);
      if (stored) co_return std::nullopt;
      if (attempt == 3) co_return to_error(stored.error());
    } else if (attempt == 3) {
      co_return to_error(lease.error());
    }
    pod.workspaces.forget(name);
  }
}

// What clients of a workspace met.
struct Tally {
  bool stop = false;
  std::int64_t stored = 0;
  std::int64_t not_found = 0;
  std::int64_t deleting = 0;
  std::vector<std::string> unclean;
};

awaitable<void> write_until_stopped(Pod& pod, std::string name, Tally& tally) {
  while (!tally.stop) {
    const auto error = co_await write(pod, name);
    if (!error) {
      ++tally.stored;
    } else if (error->kind == Kind::kNotFound) {
      ++tally.not_found;
    } else if (error->kind == Kind::kDeleting) {
      ++tally.deleting;
    } else if (error->detail != "the workspace " + name + " is being created") {
      tally.unclean.push_back(error->detail);
    }
    if (error) co_await runtime::sleep_for(1ms);
  }
}

awaitable<void> create_one(Pod& pod, int& created) {
  const auto result = co_await pod.workspaces.create("w", in(60s));
  EXPECT_TRUE(result) << result.error().detail;
  if (result && result->created) ++created;
}

constexpr int kMany = 40;

std::string nth(unsigned long i) {
  return "w-" + std::to_string(i);
}

awaitable<void> create_many(Pod& pod, int first, int step, int& failures) {
  for (int i = first; i < kMany; i += step) {
    const auto created = co_await pod.workspaces.create(nth(i), in(60s));
    EXPECT_TRUE(created) << created.error().detail;
    const auto error = co_await write(pod, nth(i));
    if (error) ++failures;
  }
}

awaitable<void> write_to_many(Pod& pod, unsigned seed, int& failures) {
  std::mt19937 random(seed);
  for (int i = 0; i < 20; ++i) {
    const auto error = co_await write(pod, nth(random() % kMany));
    if (error) ++failures;
  }
}

awaitable<void> write_once(Pod& pod, std::string name, int& failures) {
  const auto error = co_await write(pod, std::move(name));
  if (error) ++failures;
}

class RandomClient {
 public:
  RandomClient(Pod& pod, unsigned seed, std::vector<std::string> names)
      : pod_(pod), random_(seed), names_(std::move(names)) {}
  RandomClient(const RandomClient&) = delete;

  awaitable<void> work(int operations) {
    for (; operations > 0; --operations) {
      const std::string name = names_[random_() % names_.size()];
      switch (random_() % 4) {
        case 0:
        case 1: {
          const auto created = co_await pod_.workspaces.create(name, in(60s));
          if (created && created->created) incarnations.emplace_back(name, created->workspace.created_at);
          if (!created) errors.insert(created.error().kind);
          break;
        }
        case 2: {
          const auto removed = co_await pod_.workspaces.remove(name, in(60s));
          if (!removed) errors.insert(removed.error().kind);
          break;
        }
        default: {
          const auto home = co_await pod_.workspaces.resolve(name, in(60s));
          if (!home) errors.insert(home.error().kind);
        }
      }
    }
  }

  std::vector<std::pair<std::string, runtime::Timestamp>>
      incarnations;  // those this client was told it created
  std::set<Kind> errors;

 private:
  Pod& pod_;
  std::mt19937 random_;
  std::vector<std::string> names_;
};

TEST_F(WorkspaceLoadTest, PodsThatCreateAndDeleteTheSameAgree) {
  const std::vector<std::string> names{"a", "b", "c"};
  std::vector<std::unique_ptr<Pod>> pods;
  std::vector<std::unique_ptr<RandomClient>> clients;
  for (unsigned i = 0; i < 2; ++i) {
    pods.push_back(std::make_unique<Pod>(context_, *server_));
    pods.back()->start();
  }
  for (unsigned i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<RandomClient>(*pods[i % 2], 1000 + i, names));
    spawn(clients.back()->work(20));
  }
  wait_until([&] { return running_ == 0; });
  const auto unfinished = [] {
    return sql("SELECT count(*) FROM storagepool_workspaces WHERE state IN ('creating', 'deleting')", "audit")
        .at(0);
  };
  wait_until([&] { return unfinished() == "0"; });

  std::set<std::pair<std::string, runtime::Timestamp>> all;
  for (const auto& client : clients) {
    for (const auto& incarnation : client->incarnations) {
      EXPECT_TRUE(all.insert(incarnation).second) << incarnation.first << " was created twice";
    }
    EXPECT_THAT(client->errors, IsSubsetOf({Kind::kNotFound, Kind::kDeleting, Kind::kUnavailable}));
  }
  const auto ready =
      sql("SELECT 'audit_ws_' || name FROM storagepool_workspaces WHERE state = 'ready' ORDER BY 1", "audit");
  EXPECT_EQ(databases(), ready);
  for (const std::string& database : ready) EXPECT_TRUE(has_schema(database)) << database;
  for (const std::string& name : names) {
    std::ignore = run(pods[1]->workspaces.remove(name, in(20s)));  // it may be gone already
    wait_until([&] { return unfinished() == "0"; });
    const auto again = must_create(*pods[0], name);
    EXPECT_TRUE(again.created);
    EXPECT_EQ(again.workspace.state, WorkspaceState::kReady);
    EXPECT_TRUE(all.emplace(name, again.workspace.created_at).second) << name << " was created twice";
    EXPECT_EQ(run(pods[1]->workspaces.resolve(name, in(20s))).value().database, "audit_ws_" + name);
  }
  EXPECT_EQ(sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").at(0), "0");
}

TEST_F(WorkspaceLoadTest, OneOfManyCallersCreates) {
  Pod first(context_, *server_);
  Pod second(context_, *server_);
  int created = 0;
  for (int i = 0; i < 20; ++i) {
    spawn(create_one(first, created));
    spawn(create_one(second, created));
  }
  wait_until([&] { return running_ == 0; });
  EXPECT_EQ(created, 1);
}

TEST_F(WorkspaceLoadTest, DeletionUnderLoadGivesCleanAnswersAndLeavesNoBackend) {
  auto slow = testing::hasty();
  slow.recheck_after = 1s;  // so that the drop finds requests under way on the other pod
  Pod deleting(context_, *server_);
  Pod other(context_, *server_, {}, slow);
  must_create(deleting, "w");
  must_create(deleting, "kept");
  Tally on_w;
  Tally on_kept;
  for (int i = 0; i < 8; ++i) spawn(write_until_stopped(i % 2 == 0 ? deleting : other, "w", on_w));
  spawn(write_until_stopped(other, "kept", on_kept));
  wait_until([&] { return on_w.stored > 100; });
  deleting.start();
  EXPECT_EQ(*run(deleting.workspaces.remove("w", in(20s))), Removal::kDropping);
  wait_until([&] { return *run(deleting.workspaces.remove("w", in(20s))) == Removal::kGone; });
  EXPECT_EQ(backends("datname = 'audit_ws_w'"), 0);
  wait_until([&, before = on_w.not_found] { return on_w.not_found > before + 100; });
  wait_until([&, before = on_kept.stored] { return on_kept.stored > before; });
  EXPECT_GT(on_w.deleting, 0);

  EXPECT_TRUE(must_create(other, "w").created);
  wait_until([&, before = on_w.stored] { return on_w.stored > before + 100; });
  on_w.stop = on_kept.stop = true;
  wait_until([&] { return running_ == 0; });
  EXPECT_THAT(on_w.unclean, IsEmpty());
  EXPECT_THAT(on_kept.unclean, IsEmpty());
  EXPECT_EQ(on_kept.not_found + on_kept.deleting, 0);
  // But for what a pod does by itself, every lease was given back.
  for (Pod* pod : {&deleting, &other}) wait_until([&] { return pod->engine.statistics().in_use == 0; });
}

TEST_F(WorkspaceLoadTest, LeasesThatAreNotGivenBackDoNotHoldUpADeletionForEver) {
  Pod pod(context_, *server_);
  must_create(pod, "w");
  auto held = run(pod.engine.acquire("audit_ws_w", in(20s)));
  ASSERT_TRUE(held);
  pod.start();
  EXPECT_EQ(*run(pod.workspaces.remove("w", in(20s))), Removal::kDropping);
  wait_until([&] { return *run(pod.workspaces.remove("w", in(20s))) == Removal::kGone; });
  EXPECT_FALSE(run((*held)->execute("SELECT 1", in(20s))));
  EXPECT_THAT(databases(), IsEmpty());
}

TEST_F(WorkspaceLoadTest, ManyShareFewConnections) {
  constexpr int kLimit = 10;
  Pod pod(context_, *server_, {.max_open_conns = kLimit, .max_idle_conns = 5, .system_conns = 3});
  int highest = 0;
  auto sample_at = in(0ms);  // each costs the server a backend
  const auto done = [&] {
    if (std::chrono::steady_clock::now() >= sample_at) {
      highest = std::max(highest, server_->app_backends());
      sample_at = in(20ms);
    }
    return running_ == 0;
  };
  int failures = 0;
  for (int i = 0; i < 4; ++i) spawn(create_many(pod, i, 4, failures));
  wait_until(done);
  for (unsigned seed = 0; seed < 30; ++seed) spawn(write_to_many(pod, seed, failures));
  wait_until(done);
  EXPECT_EQ(failures, 0);
  EXPECT_LE(highest, kLimit);
  EXPECT_GT(highest, kLimit / 2);
  EXPECT_LE(pod.engine.statistics().open_high_water, kLimit);
  EXPECT_EQ(run(pod.workspaces.list(1000, "", in(20s)))->size(), static_cast<std::size_t>(kMany));
}

TEST_F(WorkspaceLoadTest, OneConnectionIsEnough) {
  Pod pod(context_, *server_,
          {.max_open_conns = 1, .max_idle_conns = 1, .max_conns_per_database = 1, .system_conns = 1});
  for (const char* name : {"v", "w"}) must_create(pod, name);
  int failures = 0;
  for (const char* name : {"v", "w", "v"}) spawn(write_once(pod, name, failures));
  wait_until([&] { return running_ == 0; });
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(pod.engine.statistics().open_high_water, 1);
}

}  // namespace
}  // namespace storagepool::workspaces
