// Runs a fuzz target without libFuzzer: first its kept inputs, then random mutations of them.
//
//   <target> [--gtest_...] CORPUS-FOLDER MUTATIONS INPUT-FILE
//
// The mutations are the same in every run unless STORAGEPOOL_FUZZ_SEED says otherwise. The input under way is
// in INPUT-FILE, which stays there when the target ends the process.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "pool/common/fuzzing/mutate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace storagepool::fuzzing {
namespace {

namespace fs = std::filesystem;

class Replay : public ::testing::Test {
 public:
  Replay(fs::path corpus, std::size_t mutations, fs::path input_file)
      : corpus_(std::move(corpus)), mutations_(mutations), input_file_(std::move(input_file)) {}

 protected:
  std::vector<std::string> kept_inputs() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(corpus_)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<std::string> inputs;
    for (const auto& file : files) {
      std::ifstream in(file, std::ios::binary);
      inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return inputs;
  }

  void SetUp() override {
    file_ = ::open(input_file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ASSERT_GE(file_, 0) << input_file_;
  }

  void run(const std::string& input) const {
    ASSERT_EQ(::pwrite(file_, input.data(), input.size(), 0), static_cast<ssize_t>(input.size()));
    ASSERT_EQ(::ftruncate(file_, static_cast<off_t>(input.size())), 0);
    // A copy of exactly its size, so that AddressSanitizer sees a read past the end.
    const std::vector<std::uint8_t> bytes(input.begin(), input.end());
    EXPECT_EQ(LLVMFuzzerTestOneInput(bytes.data(), bytes.size()), 0);
  }

  void TearDown() override {
    ::close(file_);
    fs::remove(input_file_);
  }

  std::size_t mutations() const { return mutations_; }

 private:
  fs::path corpus_;
  std::size_t mutations_;
  fs::path input_file_;
  int file_ = -1;
};

class KeptInputs : public Replay {
 public:
  using Replay::Replay;
  void TestBody() override {
    const auto inputs = kept_inputs();
    ASSERT_FALSE(inputs.empty());
    run("");
    for (const std::string& input : inputs) run(input);
  }
};

class MutatedInputs : public Replay {
 public:
  using Replay::Replay;
  void TestBody() override {
    const auto inputs = kept_inputs();
    ASSERT_FALSE(inputs.empty());
    const char* given = std::getenv("STORAGEPOOL_FUZZ_SEED");
    const std::uint64_t seed = given == nullptr ? 1 : std::stoull(given);
    std::cout << mutations() << " mutations of " << inputs.size()
              << " inputs with STORAGEPOOL_FUZZ_SEED=" << seed << std::endl;
    std::mt19937_64 random(seed);
    for (std::size_t i = 0; i < mutations(); ++i) run(mutate(inputs, random));
  }
};

}  // namespace
}  // namespace storagepool::fuzzing

int main(int argc, char** argv) {
  using namespace storagepool::fuzzing;
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 4) {
    std::cerr << "usage: " << argv[0] << " [--gtest_...] CORPUS-FOLDER MUTATIONS INPUT-FILE\n";
    return 2;
  }
  const std::string corpus = argv[1];
  const std::size_t mutations = std::stoull(argv[2]);
  const std::string input_file = argv[3];
  ::testing::RegisterTest("Fuzz", "KeptInputs", nullptr, nullptr, __FILE__, __LINE__,
                          [=]() -> Replay* { return new KeptInputs(corpus, mutations, input_file); });
  ::testing::RegisterTest("Fuzz", "MutatedInputs", nullptr, nullptr, __FILE__, __LINE__,
                          [=]() -> Replay* { return new MutatedInputs(corpus, mutations, input_file); });
  return RUN_ALL_TESTS();
}
