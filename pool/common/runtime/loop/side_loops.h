// Threads beside the program's own, each of which runs an event loop. With none there is nothing here at all.
//
// A loop's coroutines may hold what is the program's own loop's and the other way round; stop() drops those
// of all while all contexts are there.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace storagepool::runtime {

// For one thread.
struct Loop : boost::asio::io_context {
  Loop() : io_context(1) {}
  void drop_all() { shutdown(); }  // that waits or is ready; nothing runs here any more
};

class SideLoops {
 public:
  // They run at once. The system shows the threads as `name` with a number from 1; it keeps 15 characters.
  SideLoops(std::size_t count, const std::string& name);
  ~SideLoops();
  SideLoops(const SideLoops&) = delete;
  SideLoops& operator=(const SideLoops&) = delete;

  std::vector<boost::asio::any_io_executor> executors() const;

  // Ends the threads, then drops all that waits on their loops and on the program's `own`, which nobody runs
  // any more. With none, and when called again, nothing happens.
  void stop(Loop& own);

 private:
  struct Thread {
    Loop loop;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{loop.get_executor()};
    std::thread thread;
  };
  void join();

  std::vector<std::unique_ptr<Thread>> threads_;
};

}  // namespace storagepool::runtime
