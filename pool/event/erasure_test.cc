#include "pool/event/erasure.h"

#include <string>

#include <gtest/gtest.h>

namespace storagepool::event {
namespace {

TEST(ErasureTest, ReadsWhatItHasWrittenAndNothingElse) {
  const std::string a(64, 'a');
  const std::string b(64, '0');
  for (const Erasure& erasure : {Erasure{a, {}}, Erasure{a, b}}) {
    const std::string text = write_erasure(erasure);
    EXPECT_EQ(text.front(), ' ');
    EXPECT_EQ(read_erasure(text), erasure);
    EXPECT_EQ(read_erasure(text.substr(1)), std::nullopt) << "what a client may have sent";
    EXPECT_EQ(read_erasure(text + " "), std::nullopt);
    for (std::size_t size = 0; size < text.size(); ++size)
      EXPECT_EQ(read_erasure(text.substr(0, size)), std::nullopt) << size;
  }
  EXPECT_EQ(read_erasure(write_erasure({std::string(64, 'A'), {}})), std::nullopt);
  EXPECT_EQ(read_erasure(write_erasure({a, std::string(64, 'g')})), std::nullopt);
  EXPECT_EQ(read_erasure(R"( {"n":1})"), std::nullopt);
}

}  // namespace
}  // namespace storagepool::event
