// The journal and its replay in a process that is killed at any moment. A child appends and replays, and
// tells each acknowledgement through a pipe; afterwards every acknowledged unit must be in the store or in
// the journal, once, and in order. A failing seed is run again with STORAGEPOOL_TEST_SEED.
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <tuple>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/journal/testing/faulty_vfs.h"
#include "pool/journal/testing/journal_fixture.h"
#include "pool/recording/replay.h"

namespace storagepool::recording {
namespace {

using namespace std::chrono_literals;
using journal::testing::FaultyVfs;
using journal::testing::numbered_unit;
using postgres::testing::in;

constexpr int kMakers = 4;
constexpr int kUnitsOfAMaker = 100000;  // more than a life is long

struct Plan {
  std::optional<FaultyVfs::Ending> ending;  // of the child by itself, at an operation of the disk
  std::int64_t operation = 0;
  std::chrono::microseconds killed_after{};  // by the parent, when there is no `ending`,
  bool at_work = false;                      // from what it first acknowledges, else from its start
  bool replays = false;
};

struct Acknowledgement {
  int maker = 0;
  int number = 0;
  bool operator<(const Acknowledgement& other) const {
    return std::tie(maker, number) < std::tie(other.maker, other.number);
  }
};

// The first event's id, one line each, in the order of storing; as durable as the system's cache.
class ModelStore {
 public:
  explicit ModelStore(const std::string& path)
      : file_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {}
  ~ModelStore() { ::close(file_); }
  ModelStore(const ModelStore&) = delete;
  ModelStore& operator=(const ModelStore&) = delete;

  boost::asio::awaitable<tl::expected<void, tables::StoreError>> store(std::vector<event::Event> events) {
    std::string lines;
    for (const event::Event& event : events) lines += event.event_id + "\n";
    const ssize_t written = ::write(file_, lines.data(), lines.size());
    if (written != static_cast<ssize_t>(lines.size())) {
      co_return tl::unexpected(tables::StoreError{tables::StoreError::Kind::kUnavailable, "model", {}});
    }
    co_return tl::expected<void, tables::StoreError>();
  }

 private:
  int file_;
};

boost::asio::awaitable<void> append_all(journal::Journal& journal, int maker, int first, int pipe,
                                        int& makers_at_work) {
  for (int number = first; number < first + kUnitsOfAMaker; ++number) {
    auto unit = numbered_unit(maker, number, 1, static_cast<std::size_t>(number % 7) * 300);
    const auto kept = co_await journal.append(journal::Origin(), std::move(unit), in(20s));
    if (!kept) break;  // full
    const Acknowledgement acknowledged{maker, number};
    if (::write(pipe, &acknowledged, sizeof acknowledged) != sizeof acknowledged) ::_exit(4);
  }
  --makers_at_work;
}

// The child's whole life.
[[noreturn]] void live(const std::string& journal_path, const std::string& store_path, int first, int pipe,
                       const Plan& plan) {
  std::optional<FaultyVfs> disk;
  if (plan.ending) disk.emplace().end_process_at(plan.operation, *plan.ending);
  boost::asio::io_context context;
  auto journal =
      journal::Journal::open(context.get_executor(), {.path = journal_path, .max_bytes = journal::kMinBytes});
  if (!journal) ::_exit(3);
  int makers_at_work = kMakers;
  for (int maker = 0; maker < kMakers; ++maker) {
    boost::asio::co_spawn(context, append_all(**journal, maker, first, pipe, makers_at_work),
                          boost::asio::detached);
  }
  ModelStore store(store_path);
  JournalBacklog backlog(**journal);
  Replay replay(context.get_executor(), backlog,
                [&](const journal::Origin&, std::vector<event::Event> events, const Replay::GiveUpAt&) {
                  return store.store(std::move(events));
                },
                runtime::system_clock(), {.limits = {.max_events = 8}});
  if (plan.replays) replay.start();
  // NOLINTNEXTLINE(bugprone-infinite-loop): each maker counts itself off
  while (makers_at_work > 0) context.run_one();
  ::_exit(0);
}

class JournalCrashTest : public journal::testing::JournalTest {
 protected:
  std::string store_path() const { return folder_ / "store"; }

  // Runs a child to its end and collects what it acknowledged.
  void run_child(const Plan& plan) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      live(path(), store_path(), first_, ends[1], plan);
    }
    ::close(ends[1]);
    collect(ends[0], child, plan);
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    const bool finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    ASSERT_TRUE(killed || finished) << "status " << status;
    killed_ += killed ? 1 : 0;
    first_ += kUnitsOfAMaker;
  }

  // Every acknowledged unit once, in the store first and then in the journal, each maker's in order.
  void check() {
    open();
    EXPECT_EQ(journal_->statistics().salvages, 0);
    std::vector<std::string> all;
    std::set<std::string> seen;
    std::ifstream stored(store_path());
    for (std::string line; std::getline(stored, line);) {
      // Stored again after a crash before the removal: the key is known.
      if (seen.insert(line).second) all.push_back(line);
    }
    std::set<std::string> in_journal;
    for (const std::string& id : ids()) {
      EXPECT_TRUE(in_journal.insert(id).second) << id << " is in the journal twice";
      if (seen.insert(id).second) all.push_back(id);
    }
    journal_.reset();
    for (const Acknowledgement& unit : acknowledged_) {
      EXPECT_TRUE(seen.contains(id(unit.maker, unit.number)))
          << unit.maker << "/" << unit.number << " is lost";
    }
    std::map<std::string, std::string> last;
    for (const std::string& id : all) {
      std::string& before = last[id.substr(19, 4)];
      EXPECT_LT(before, id) << "out of order";
      before = id;
    }
  }

  static std::uint64_t seed() {
    const char* given = std::getenv("STORAGEPOOL_TEST_SEED");
    std::uint64_t value = 0;
    if (given != nullptr && std::from_chars(given, given + std::strlen(given), value).ec == std::errc()) {
      return value;
    }
    return std::random_device{}();
  }

  // Twelve lives of a child on one journal.
  void run_lives(std::optional<FaultyVfs::Ending> ending, bool replays) {
    constexpr int kLives = 12;
    const std::uint64_t used = seed();
    std::mt19937_64 random(used);
    for (int life = 0; life < kLives; ++life) {
      SCOPED_TRACE("STORAGEPOOL_TEST_SEED=" + std::to_string(used) + ", life " + std::to_string(life));
      const Plan plan{.ending = ending,
                      .operation = std::uniform_int_distribution<std::int64_t>(1, 400)(random),
                      .killed_after = std::chrono::microseconds(
                          std::uniform_int_distribution<std::int64_t>(0, 60000)(random)),
                      .at_work = life % 2 == 1,
                      .replays = replays};
      run_child(plan);
      if (HasFatalFailure()) return;
      check();
      if (HasFailure()) return;
    }
    EXPECT_GT(killed_, kLives / 3) << "the children mostly ended before they were killed";
    EXPECT_GT(acknowledged_.size(), 0U);
  }

 private:
  void collect(int pipe, pid_t child, const Plan& plan) {
    const auto give_up = in(60s);
    auto kill_at = give_up;
    const auto kill_soon = [&] { kill_at = std::chrono::steady_clock::now() + plan.killed_after; };
    if (!plan.ending && !plan.at_work) kill_soon();
    for (;;) {
      const auto left = kill_at - std::chrono::steady_clock::now();
      if (left <= 0s) {
        EXPECT_NE(kill_at, give_up) << "the child hangs";
        ::kill(child, SIGKILL);
        kill_at = give_up + 1h;
        continue;
      }
      pollfd readable{.fd = pipe, .events = POLLIN, .revents = 0};
      const timespec time{.tv_sec = std::chrono::floor<std::chrono::seconds>(left).count(),
                          .tv_nsec = (left % 1s).count()};
      if (::ppoll(&readable, 1, &time, nullptr) <= 0) continue;
      Acknowledgement unit;
      const ssize_t bytes = ::read(pipe, &unit, sizeof unit);
      if (bytes != sizeof unit) return;  // the child is gone
      EXPECT_TRUE(acknowledged_.insert(unit).second);
      if (!plan.ending && plan.at_work && kill_at == give_up) kill_soon();
    }
  }

  std::set<Acknowledgement> acknowledged_;
  int first_ = 0;
  int killed_ = 0;
};

TEST_F(JournalCrashTest, KilledAtAnOperationOfTheDiskWhileItAppends) {
  run_lives(FaultyVfs::Ending::kKilled, false);
}

TEST_F(JournalCrashTest, KilledInTheMiddleOfAWriteWhileItAppends) {
  run_lives(FaultyVfs::Ending::kTorn, false);
}

TEST_F(JournalCrashTest, LosesPowerWhileItAppends) {
  run_lives(FaultyVfs::Ending::kPowerCut, false);
}

TEST_F(JournalCrashTest, KilledAtAnyMomentWhileItAppends) {
  run_lives(std::nullopt, false);
}

TEST_F(JournalCrashTest, KilledAtAnOperationOfTheDiskWhileItReplays) {
  run_lives(FaultyVfs::Ending::kKilled, true);
}

TEST_F(JournalCrashTest, LosesPowerWhileItReplays) {
  run_lives(FaultyVfs::Ending::kPowerCut, true);
}

TEST_F(JournalCrashTest, KilledAtAnyMomentWhileItReplays) {
  run_lives(std::nullopt, true);
}

}  // namespace
}  // namespace storagepool::recording
