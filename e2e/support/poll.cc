#include "e2e/support/poll.h"

#include <exception>
#include <thread>

namespace storagepool::e2e {

::testing::AssertionResult eventually(std::chrono::milliseconds deadline,
                                      const std::function<std::string()>& missing) {
  constexpr std::chrono::milliseconds kInterval{100};
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (true) {
    std::string text;
    try {
      text = missing();
    } catch (const std::exception& error) {
      text = error.what();
      if (text.empty()) text = "an exception without a text";
    }
    if (text.empty()) return ::testing::AssertionSuccess();
    if (std::chrono::steady_clock::now() >= until) {
      return ::testing::AssertionFailure()
             << "not so within " << std::chrono::duration_cast<std::chrono::seconds>(deadline).count()
             << " s: " << text;
    }
    std::this_thread::sleep_for(kInterval);
  }
}

}  // namespace storagepool::e2e
