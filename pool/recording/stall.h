// Whether PostgreSQL is stalled, for each database: nothing commits while writes wait for it. Pure: told of
// the writes that wait and of commits, with the time, it says who is to wait and until when.
//
// A stall begins when writes have waited for `stall_after` without a commit, and ends with the next commit,
// whoever's. Meanwhile one write at a time finds out whether it is over, the others are not to wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace storagepool::recording {

class Stalls {
 public:
  struct Figures {
    std::uint64_t begun = 0;  // since the start
    std::int64_t now = 0;     // databases that commit nothing
  };
  // How long a stall is told of that no write looks at any more.
  static constexpr std::chrono::minutes kMemory{1};
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit Stalls(std::chrono::milliseconds stall_after) : stall_after_(stall_after) {}

  void set_stall_after(std::chrono::milliseconds stall_after) { stall_after_ = stall_after; }

  // False when a write is not to wait for this database. `fill`: of its share of the queue; three quarters
  // are too much as soon as nothing has committed for a part of `stall_after`.
  bool worth_waiting(const std::string& database, double fill, TimePoint now) const;
  // True when a queue is full because nothing commits, be it another database's writes that fill it.
  bool nothing_commits(TimePoint now) const;

  // A write waits, and waits no more; every `began` has one `ended`, which is true if with it a stall begins.
  void began(const std::string& database, TimePoint now);
  bool ended(const std::string& database, TimePoint now);
  // Until when the writes wait that have begun, unless something is committed.
  TimePoint waits_until(const std::string& database) const;

  void committed(const std::string& database, TimePoint now);
  // Stalls are over, or something is known that weighs more.
  void clear();

  Figures figures(TimePoint now) const;

 private:
  struct Database {
    int waiting = 0;
    TimePoint since{};  // the last commit, or since when writes wait
    bool stalled = false;
    TimePoint tried{};  // when the last write stopped waiting
  };

  bool quiet(const Database& database, TimePoint now) const;

  std::chrono::milliseconds stall_after_;
  std::uint64_t begun_ = 0;
  std::unordered_map<std::string, Database> databases_;  // where writes wait or nothing commits
};

}  // namespace storagepool::recording
