// Waiting for a state of the cluster: polls with a deadline, and says at the end what was still missing.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <gtest/gtest.h>

namespace storagepool::e2e {

// Calls `missing` until it returns an empty string. What it returns otherwise says what is not so yet; the
// last such text is the failure's message. Exceptions count as "not yet" with their text.
//
//   ASSERT_TRUE(eventually(30s, [&] { return pods.size() == 3 ? "" : "not 3 pods"; }));
::testing::AssertionResult eventually(std::chrono::milliseconds deadline,
                                      const std::function<std::string()>& missing);

}  // namespace storagepool::e2e
