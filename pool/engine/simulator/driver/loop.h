// The loop of a simulated schedule, in place of an io_context: one thread, handlers that are ready in an
// order drawn from a seed (or, for half of the schedules, the order they came in), and a clock that stands
// still until it is moved. An executor of it is an any_io_executor, so strands, coroutines and `post` are
// Asio's own. Timers are virtual_time/boost/asio/steady_timer.hpp.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <type_traits>
#include <utility>

#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>

#include "pool/common/runtime/clock.h"

namespace storagepool::engine::driver_simulator {

using runtime::TimePoint;

class Loop : public boost::asio::execution_context {
 public:
  class Executor {
   public:
    Loop& query(boost::asio::execution::context_t) const noexcept { return *loop_; }
    boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) const noexcept {
      return inline_ ? boost::asio::execution::blocking_t(boost::asio::execution::blocking.possibly)
                     : boost::asio::execution::blocking_t(boost::asio::execution::blocking.never);
    }
    Executor require(boost::asio::execution::blocking_t::possibly_t) const { return {*loop_, true}; }
    Executor require(boost::asio::execution::blocking_t::never_t) const { return {*loop_, false}; }
    template <typename Function>
    void execute(Function&& function) const {
      if (inline_ && loop_->running_) {
        std::decay_t<Function> now(std::forward<Function>(function));
        const auto turn = std::exchange(loop_->turn_, loop_->inline_turn_);
        const auto began = std::exchange(loop_->turn_began_, loop_->now_);
        now();
        loop_->turn_ = turn;
        loop_->turn_began_ = began;
      } else {
        loop_->add(std::make_unique<Holder<std::decay_t<Function>>>(std::forward<Function>(function)));
      }
    }
    friend bool operator==(const Executor&, const Executor&) noexcept = default;

   private:
    friend class Loop;
    Executor(Loop& loop, bool is_inline) : loop_(&loop), inline_(is_inline) {}
    Loop* loop_;
    bool inline_;
  };
  class Wait {  // somebody who waits for a timer
   public:
    virtual ~Wait() = default;
    virtual void end(bool passed) = 0;  // once; not within this call
  };

  explicit Loop(std::uint64_t seed);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  Executor get_executor() { return {*this, true}; }
  TimePoint now() const { return now_; }
  bool ready() const { return !ready_.empty(); }
  // REQUIRES: something is ready.
  void run_one();
  // Makes ready what is due by then.
  void advance_to(TimePoint time);
  TimePoint next_wait() const { return waits_.empty() ? TimePoint::max() : waits_.begin()->first; }
  void wait(TimePoint until, const void* timer, std::unique_ptr<Wait> wait);
  // Those that are due have ended already.
  void cancel(const void* timer);

  // What comes now comes after all that is ready.
  std::uint64_t turn_of_now() const { return 4 * turns_ + 2; }
  // In what turn the handler that runs was made ready, and when. What runs within another was made so when
  // that began to run.
  std::uint64_t turn() const { return turn_; }
  TimePoint turn_began() const { return turn_began_; }

 private:
  class Task {  // a handler that is ready; destroyed unrun when the loop ends
   public:
    virtual ~Task() = default;
    virtual void run() = 0;
  };
  template <typename Function>
  class Holder : public Task {
   public:
    explicit Holder(Function held) : held_(std::move(held)) {}
    void run() override { held_(); }

   private:
    Function held_;
  };
  struct Waiting {
    const void* timer;
    std::unique_ptr<Wait> wait;
  };
  struct Ready {
    std::unique_ptr<Task> task;
    std::uint64_t turn;
    TimePoint since;
  };
  void add(std::unique_ptr<Task> task);

  std::mt19937_64 random_;
  const bool in_order_;
  TimePoint now_{std::chrono::hours(1)};
  std::deque<Ready> ready_;
  std::multimap<TimePoint, Waiting> waits_;
  bool running_ = false;
  std::uint64_t turns_ = 0;  // how many handlers have become ready
  std::uint64_t turn_ = 0;
  std::uint64_t inline_turn_ = 0;
  TimePoint turn_began_{};
};

}  // namespace storagepool::engine::driver_simulator
