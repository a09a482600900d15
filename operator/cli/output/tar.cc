#include "operator/cli/output/tar.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <utility>

namespace storagepool::cli {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kName = 100;
constexpr std::size_t kPrefix = 155;

using Header = std::array<char, kBlock>;

void put(Header& header, std::size_t at, std::string_view text) {
  std::memcpy(header.data() + at, text.data(), text.size());
}

void put_octal(Header& header, std::size_t at, int digits, std::uint64_t number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%0*llo", digits, static_cast<unsigned long long>(number));
  put(header, at, text.data());
}

// The prefix and the rest of a name.
std::pair<std::string_view, std::string_view> split(std::string_view name) {
  if (name.size() <= kName) return {"", name};
  const std::size_t slash = name.rfind('/', kPrefix);
  if (slash == std::string_view::npos) return {"", name.substr(0, kName)};
  return {name.substr(0, slash), name.substr(slash + 1, kName)};
}

}  // namespace

void Tar::add(std::string_view name, std::string_view contents) {
  Header header{};
  const auto [prefix, rest] = split(name);
  put(header, 0, rest);
  put_octal(header, 100, 7, 0600);
  put_octal(header, 108, 7, 0);
  put_octal(header, 116, 7, 0);
  put_octal(header, 124, 11, contents.size());
  put_octal(header, 136, 11, static_cast<std::uint64_t>(std::max<std::int64_t>(0, seconds_)));
  put(header, 148, "        ");
  header[156] = '0';
  put(header, 257, std::string_view("ustar\00000", 8));
  put(header, 345, prefix);
  std::uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put_octal(header, 148, 6, sum);
  header[154] = '\0';
  bytes_.append(header.data(), header.size());
  bytes_ += contents;
  bytes_.append((kBlock - contents.size() % kBlock) % kBlock, '\0');
}

std::string Tar::finish() {
  bytes_.append(2 * kBlock, '\0');
  return std::exchange(bytes_, {});
}

}  // namespace storagepool::cli
