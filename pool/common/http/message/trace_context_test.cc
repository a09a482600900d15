#include "pool/common/http/message/trace_context.h"

#include <gtest/gtest.h>

namespace storagepool::http {
namespace {

std::string told(std::initializer_list<const char*> values) {
  Request request;
  for (const char* value : values) request.headers.emplace_back("Traceparent", value);
  return trace_id(request);
}

// The examples of the recommendation are the first and the one with more after it.
TEST(TraceContext, IsTakenFromTheParent) {
  for (const char* valid :
       {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be-like"})
    EXPECT_EQ(told({valid}), "4bf92f3577b34da6a3ce929d0e0e4736") << valid;
}

TEST(TraceContext, WhatIsNotValidIsNotTold) {
  EXPECT_EQ(told({}), "");
  for (const char* invalid : {"", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                              "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                              "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                              "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                              "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
                              "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                              "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-010",
                              "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
                              "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                              "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
                              "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
                              "00-4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7-01"})
    EXPECT_EQ(told({invalid}), "") << invalid;
  const char* valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_EQ(told({valid, valid}), "");
}

}  // namespace
}  // namespace storagepool::http
