// Turns SIGTERM and SIGINT into callbacks on the event loop, so that a program can drain and leave with exit
// code 0. The first `times` signals call back; from then on the default disposition holds again, so that one
// more ends the process at once (Ctrl-C twice). While an instance exists SIGPIPE is ignored: a write to a
// closed socket is an error code. One instance per process, made by main before other threads start.
#pragma once

#include <functional>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/signal_set.hpp>

namespace storagepool::runtime {

class StopSignal {
 public:
  // `on_stop` gets the signal's number and runs on `executor`; not called after destruction.
  StopSignal(const boost::asio::any_io_executor& executor, std::function<void(int)> on_stop, int times = 1);
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Gives up waiting: the event loop can run out of work, and the next signal ends the process.
  void cancel();

 private:
  void wait();

  boost::asio::signal_set signals_;
  std::function<void(int)> on_stop_;
  int times_;
};

}  // namespace storagepool::runtime
