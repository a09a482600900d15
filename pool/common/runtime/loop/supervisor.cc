#include "pool/common/runtime/loop/supervisor.h"

#include <algorithm>
#include <exception>
#include <list>
#include <mutex>
#include <utility>

#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/coroutine.h"

namespace asio = boost::asio;

namespace storagepool::runtime {
namespace {

struct Loop {
  std::string name;
  Restarts restarts{};
};

// Those that run, and how often those that have ended failed.
class Loops {
 public:
  using Place = std::list<Loop>::iterator;

  static Loops& all() {
    static Loops instance;
    return instance;
  }
  Place add(std::string name) {
    const std::lock_guard lock(mutex_);
    return loops_.insert(loops_.end(), Loop{std::move(name)});
  }
  void remove(Place loop) {
    const std::lock_guard lock(mutex_);
    ended_ += loop->restarts.failures();
    loops_.erase(loop);
  }
  void began(Place loop) {
    const std::lock_guard lock(mutex_);
    loop->restarts.began(steady_now());
  }
  std::chrono::milliseconds failed(Place loop) {
    const std::lock_guard lock(mutex_);
    return loop->restarts.failed(steady_now());
  }
  LoopFailures failures(TimePoint now) {
    const std::lock_guard lock(mutex_);
    LoopFailures all{.failures = ended_};
    for (const Loop& loop : loops_) {
      all.failures += loop.restarts.failures();
      if (loop.restarts.down(now)) all.down.push_back(loop.name);
    }
    return all;
  }

 private:
  std::mutex mutex_;
  std::list<Loop> loops_;
  std::uint64_t ended_ = 0;
};

// Also ends when the executor's context does, which destroys the coroutine.
class Registered {
 public:
  explicit Registered(std::string name) : place_(Loops::all().add(std::move(name))) {}
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;
  ~Registered() { Loops::all().remove(place_); }

  void began() { Loops::all().began(place_); }
  std::chrono::milliseconds failed() { return Loops::all().failed(place_); }

 private:
  Loops::Place place_;
};

std::string said_by(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "not a std::exception";
  }
}

asio::awaitable<void> run(std::string name, std::function<asio::awaitable<void>()> loop) {
  Registered registered(name);
  while (true) {
    std::exception_ptr thrown;
    registered.began();
    try {
      co_await loop();
    } catch (...) {
      thrown = std::current_exception();
    }
    if (!thrown) co_return;
    const std::chrono::milliseconds pause = registered.failed();
    log::error("background work failed and is begun anew",
               {{"work", name}, {"error", said_by(thrown)}, {"pauseMs", pause.count()}});
    co_await sleep_for(pause);
  }
}

}  // namespace

void Restarts::began(TimePoint now) {
  began_ = now;
}

std::chrono::milliseconds Restarts::failed(TimePoint now) {
  if (!failing_since_ || well(now)) {
    failing_since_ = now;
    pause_ = kFirstPause;
  }
  began_.reset();
  ++failures_;
  return std::exchange(pause_, std::min<std::chrono::milliseconds>(2 * pause_, kLongestPause));
}

bool Restarts::down(TimePoint now) const {
  return failing_since_ && !well(now) && now - *failing_since_ >= kDown;
}

void supervise(const asio::any_io_executor& executor, std::string name,
               std::function<asio::awaitable<void>()> loop) {
  spawn(executor, name, run(name, std::move(loop)));
}

LoopFailures loop_failures(TimePoint now) {
  return Loops::all().failures(now);
}

}  // namespace storagepool::runtime
