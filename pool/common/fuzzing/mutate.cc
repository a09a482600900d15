#include "pool/common/fuzzing/mutate.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace storagepool::fuzzing {
namespace {

using namespace std::string_view_literals;

// What means something to one of the parsers.
constexpr std::array kTokens = {"\0"sv,
                                "\r\n"sv,
                                "\n"sv,
                                "\r\n\r\n"sv,
                                " "sv,
                                "\t"sv,
                                ":"sv,
                                ";"sv,
                                ","sv,
                                "%00"sv,
                                "%"sv,
                                "+"sv,
                                "-"sv,
                                "-1"sv,
                                "0"sv,
                                "9223372036854775808"sv,
                                "18446744073709551615"sv,
                                "1e999"sv,
                                "\""sv,
                                "\\"sv,
                                "\\u0000"sv,
                                "\\ud800"sv,
                                "{"sv,
                                "}"sv,
                                "["sv,
                                "]"sv,
                                "null"sv,
                                "true"sv,
                                "\xff"sv,
                                "\xc3\xa9"sv,
                                "\xed\xa0\x80"sv,
                                "\xef\xbb\xbf"sv,
                                "Transfer-Encoding: chunked\r\n"sv,
                                "Content-Length: 1\r\n"sv,
                                "\r\n "sv,
                                "FFFFFFFF\r\n"sv,
                                "&"sv,
                                "="sv,
                                "#"sv,
                                "*"sv,
                                "!"sv,
                                "|"sv,
                                "- "sv,
                                "v4.public."sv,
                                "."sv,
                                "T24:60:60Z"sv,
                                "9999h"sv};

// A position from 0 to `end`, both included.
std::size_t position(std::size_t end, std::mt19937_64& random) {
  return random() % (end + 1);
}

void change(std::string& input, const std::vector<std::string>& inputs, std::mt19937_64& random) {
  const std::size_t at = position(input.size(), random);
  const std::size_t length =
      std::min<std::size_t>(position(random() % 4 == 0 ? 256 : 8, random), input.size() - at);
  const auto byte = static_cast<char>(random());
  switch (random() % 8) {
    case 0:
      input.erase(at, length);
      break;
    case 1:
      input.insert(at, input.substr(at, length));
      break;
    case 2:
      input.insert(at, kTokens.at(random() % kTokens.size()));
      break;
    case 3:
      input.replace(at, length, kTokens.at(random() % kTokens.size()));
      break;
    case 4:
      input.insert(at, 1 + position(3, random), byte);
      break;
    case 5: {
      const std::string& other = inputs.at(random() % inputs.size());
      input.replace(at, std::string::npos, other, position(other.size(), random), std::string::npos);
      break;
    }
    case 6:
      if (at < input.size()) input[at] = byte;
      break;
    default:
      if (at < input.size()) input[at] = static_cast<char>(input[at] ^ static_cast<char>(1U << random() % 8));
  }
}

}  // namespace

std::string mutate(const std::vector<std::string>& inputs, std::mt19937_64& random) {
  std::string input = inputs.at(random() % inputs.size());
  for (std::size_t changes = 1 + position(7, random); changes > 0; --changes) change(input, inputs, random);
  input.resize(std::min(input.size(), kMaxInput));
  return input;
}

}  // namespace storagepool::fuzzing
