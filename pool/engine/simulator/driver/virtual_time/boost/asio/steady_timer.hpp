// Found by the compiler before Boost's own where the driver is built for its simulator: the timer of Asio on the
// time of a Loop, with as much of its interface as is used.
#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include "pool/engine/simulator/driver/loop.h"

namespace boost::asio {

class steady_timer {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit steady_timer(const any_io_executor& executor, time_point expiry = {})
      : executor_(executor), loop_(static_cast<Loop&>(query(executor, execution::context))), expiry_(expiry) {}
  ~steady_timer() { cancel(); }
  steady_timer(const steady_timer&) = delete;
  steady_timer& operator=(const steady_timer&) = delete;

  void expires_at(time_point expiry) {
    cancel();
    expiry_ = expiry;
  }
  void cancel() { loop_.cancel(this); }

  template <typename Token>
  auto async_wait(Token&& token) {
    return async_initiate<Token, void(system::error_code)>(
        [this](auto handler) {
          loop_.wait(expiry_, this, std::make_unique<Wait<decltype(handler)>>(std::move(handler), executor_));
        },
        token);
  }

 private:
  using Loop = storagepool::engine::driver_simulator::Loop;
  template <typename Handler>
  class Wait : public Loop::Wait {
   public:
    Wait(Handler handler, const any_io_executor& executor)
        : executor_(get_associated_executor(handler, executor)), handler_(std::move(handler)) {}
    void end(bool passed) override {
      const system::error_code result = passed ? system::error_code() : error::operation_aborted;
      post(executor_, [handler = std::move(handler_), result]() mutable { handler(result); });
    }

   private:
    any_io_executor executor_;
    Handler handler_;
  };

  any_io_executor executor_;
  Loop& loop_;
  time_point expiry_;
};

}  // namespace boost::asio
