#include "pool/journal/pages.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool/journal/journal.h"

namespace storagepool::journal {
namespace {

constexpr std::size_t kPageBytes = RawDatabase::kPageBytes;
constexpr std::size_t kFileHeaderBytes = 100;
constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr std::size_t kLogHeaderBytes = 32;
constexpr std::size_t kFrameHeaderBytes = 24;
constexpr std::size_t kFrameBytes = kFrameHeaderBytes + kPageBytes;
constexpr std::size_t kMaxPayloadBytes = kMaxUnitBytes + 64 * std::size_t{1024};

std::uint64_t big_endian(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

std::uint32_t word(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(big_endian(bytes, at, 4));
}

// Takes it off the front; no value when the bytes end within it.
std::optional<std::uint64_t> varint(std::string_view& bytes) {
  constexpr std::size_t kLongest = 9;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < std::min(bytes.size(), kLongest); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    const bool last = i + 1 == kLongest;
    value = last ? value << 8U | byte : value << 7U | (byte & 0x7FU);
    if (last || byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

// Takes a value of this serial type off the front.
std::optional<RawValue> value_of(std::uint64_t type, std::string_view& body) {
  constexpr std::array<std::size_t, 10> kSizes = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
  constexpr std::uint64_t kReal = 7;
  constexpr std::uint64_t kZero = 8;
  constexpr std::uint64_t kFirstBytes = 12;
  if (type >= kFirstBytes) {
    const std::uint64_t size = (type - kFirstBytes) / 2;
    if (size > body.size()) return std::nullopt;
    std::string bytes(body.substr(0, size));
    body.remove_prefix(size);
    return bytes;
  }
  if (type >= kSizes.size()) return std::nullopt;
  const std::size_t size = kSizes.at(type);
  if (size > body.size()) return std::nullopt;
  if (type == 0) return RawValue();
  if (type >= kZero) return static_cast<std::int64_t>(type - kZero);
  std::uint64_t value = big_endian(body, 0, size);
  if (size < 8 && (value >> (8 * size - 1)) != 0) value |= ~std::uint64_t{0} << (8 * size);
  body.remove_prefix(size);
  if (type == kReal) return RawValue();
  return static_cast<std::int64_t>(value);
}

std::optional<std::vector<RawValue>> values_of(std::string_view payload) {
  std::string_view rest = payload;
  const auto header_bytes = varint(rest);
  if (!header_bytes || *header_bytes > payload.size()) return std::nullopt;
  const std::size_t prefix = payload.size() - rest.size();
  if (*header_bytes < prefix) return std::nullopt;
  std::string_view types = rest.substr(0, *header_bytes - prefix);
  std::string_view body = payload.substr(*header_bytes);
  std::vector<RawValue> values;
  while (!types.empty()) {
    const auto type = varint(types);
    auto value = type ? value_of(*type, body) : std::nullopt;
    if (!value) return std::nullopt;
    values.push_back(std::move(*value));
  }
  return values;
}

// Of a cell on a leaf of a table, the rest lying on overflow pages.
std::size_t local_bytes(std::size_t payload) {
  constexpr std::size_t kMost = kPageBytes - 35;
  constexpr std::size_t kLeast = (kPageBytes - 12) * 32 / 255 - 23;
  if (payload <= kMost) return payload;
  const std::size_t wanted = kLeast + (payload - kLeast) % (kPageBytes - 4);
  return wanted <= kMost ? wanted : kLeast;
}

// By the order of bytes that its checksums go by (sqlite.org/fileformat2.html, 4.1).
constexpr std::uint32_t kLittleLog = 0x377f0682;
constexpr std::uint32_t kBigLog = 0x377f0683;

struct Checksum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  friend bool operator==(const Checksum&, const Checksum&) = default;

  void add(std::string_view bytes, bool big) {
    const auto at = [&](std::size_t i) {
      const std::uint32_t value = word(bytes, i);
      return big ? value : __builtin_bswap32(value);
    };
    for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      first += at(i) + second;
      second += at(i + 4) + first;
    }
  }
};

}  // namespace

tl::expected<RawDatabase, std::string> RawDatabase::open(const std::string& path) {
  RawDatabase database;
  database.file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (database.file_ < 0) return tl::unexpected(std::generic_category().message(errno));
  struct stat facts {};
  if (::fstat(database.file_, &facts) != 0) return tl::unexpected(std::generic_category().message(errno));
  database.pages_ = static_cast<PageNumber>((facts.st_size + kPageBytes - 1) / kPageBytes);
  database.read_log(path);
  database.read_free_list();
  return database;
}

bool RawDatabase::log_is_damaged(const std::string& path) {
  RawDatabase database;
  database.read_log(path);
  return database.log_is_damaged_;
}

bool RawDatabase::log_began_anew(const std::string& path) {
  RawDatabase database;
  database.log_ = ::open((path + "-wal").c_str(), O_RDONLY | O_CLOEXEC);
  Page header = database.read(database.log_, 0, kLogHeaderBytes);
  if (header.size() < kLogHeaderBytes) return false;
  const bool big = word(header, 0) == kBigLog;
  const Checksum told{word(header, 24), word(header, 28)};
  const auto is_whole = [&] {
    Checksum sum;
    sum.add(std::string_view(header).substr(0, 24), big);
    return sum == told;
  };
  if (is_whole()) return false;
  const std::uint32_t before = __builtin_bswap32(word(header, 12) - 1);
  std::memcpy(header.data() + 12, &before, sizeof before);
  return is_whole();
}

RawDatabase::~RawDatabase() {
  if (file_ >= 0) ::close(file_);
  if (log_ >= 0) ::close(log_);
}

RawDatabase::RawDatabase(RawDatabase&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      log_(std::exchange(other.log_, -1)),
      pages_(other.pages_),
      logged_(std::move(other.logged_)),
      free_(std::move(other.free_)),
      free_list_is_whole_(other.free_list_is_whole_),
      log_is_damaged_(other.log_is_damaged_) {}

// As much as there is.
RawDatabase::Page RawDatabase::read(int file, std::int64_t offset, std::size_t bytes) const {
  Page page(bytes, '\0');
  const ssize_t got = file < 0 ? 0 : ::pread(file, page.data(), bytes, offset);
  page.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return page;
}

// A frame's checksum goes on from that of the frame before it, so that those behind a damaged one are proved
// by what that one says of itself. What no commit follows does not count: a process that was killed leaves
// frames of a transaction that the next process has written over in part.
void RawDatabase::read_log(const std::string& path) {
  log_ = ::open((path + "-wal").c_str(), O_RDONLY | O_CLOEXEC);
  const Page header = read(log_, 0, kLogHeaderBytes);
  if (header.size() < kLogHeaderBytes || (word(header, 0) != kLittleLog && word(header, 0) != kBigLog))
    return;
  const bool big = word(header, 0) == kBigLog;
  const std::string_view salt = std::string_view(header).substr(16, 8);
  Checksum before{word(header, 24), word(header, 28)};
  bool damaged = false;
  std::unordered_map<PageNumber, std::int64_t> uncommitted;
  for (auto offset = static_cast<std::int64_t>(kLogHeaderBytes);; offset += kFrameBytes) {
    const Page frame = read(log_, offset, kFrameBytes);
    if (frame.size() < kFrameBytes || std::string_view(frame).substr(8, 8) != salt) break;
    const Checksum told{word(frame, 16), word(frame, 20)};
    before.add(std::string_view(frame).substr(0, 8), big);
    before.add(std::string_view(frame).substr(kFrameHeaderBytes), big);
    if (before == told) {
      const PageNumber number = word(frame, 0);
      uncommitted[number] = offset + static_cast<std::int64_t>(kFrameHeaderBytes);
      if (word(frame, 4) != 0) {
        for (const auto& [page, at] : uncommitted) {
          logged_[page] = at;
          pages_ = std::max(pages_, page);
        }
        uncommitted.clear();
        log_is_damaged_ = log_is_damaged_ || damaged;
      }
    } else {
      damaged = true;
    }
    before = told;
  }
}

void RawDatabase::read_free_list() {
  const Page first = page(1, View::kNewest);
  if (first.size() < kPageBytes || !first.starts_with(kMagic)) return;
  PageNumber trunk = word(first, 32);
  const std::uint32_t count = word(first, 36);
  while (trunk != 0 && trunk <= pages_ && free_.insert(trunk).second) {
    const Page list = page(trunk, View::kNewest);
    if (list.size() < kPageBytes) return;
    const std::uint32_t leaves = word(list, 4);
    if (leaves > kPageBytes / 4 - 2) return;
    for (std::uint32_t i = 0; i < leaves; ++i) {
      if (!free_.insert(word(list, 8 + 4 * std::size_t{i})).second) return;
    }
    trunk = word(list, 0);
  }
  free_list_is_whole_ = trunk == 0 && free_.size() == count;
}

RawDatabase::Page RawDatabase::page(PageNumber number, View view) const {
  if (view == View::kNewest) {
    const auto logged = logged_.find(number);
    if (logged != logged_.end()) return read(log_, logged->second, kPageBytes);
  }
  return read(file_, (static_cast<std::int64_t>(number) - 1) * static_cast<std::int64_t>(kPageBytes),
              kPageBytes);
}

// `local` begins with what lies on the leaf, followed by the number of the first overflow page. What cannot
// be found is zeroes: the row tells whose it was, and its checksum that it is damaged.
std::string RawDatabase::payload(std::string_view local, std::size_t bytes, View view) const {
  const std::size_t here = local_bytes(bytes);
  std::string whole(local.substr(0, here));
  PageNumber next = local.size() < here + 4 ? 0 : word(local, here);
  while (whole.size() < bytes && next != 0 && next <= pages_) {
    const Page overflow = page(next, view);
    if (overflow.size() < kPageBytes) break;
    whole += std::string_view(overflow).substr(4, std::min(bytes - whole.size(), kPageBytes - 4));
    next = word(overflow, 0);
  }
  whole.resize(bytes);
  return whole;
}

bool RawDatabase::rows_of(PageNumber number, View view, const std::function<bool(RawRow)>& take) const {
  const Page leaf = page(number, view);
  const std::size_t header = number == 1 ? kFileHeaderBytes : 0;
  constexpr char kTableLeaf = 0x0D;
  constexpr std::size_t kLeafHeaderBytes = 8;
  if (leaf.size() < kPageBytes || leaf[header] != kTableLeaf) return true;
  const std::size_t cells = big_endian(leaf, header + 3, 2);
  const std::size_t pointers = header + kLeafHeaderBytes;
  for (std::size_t i = 0; i < cells && pointers + 2 * i + 2 <= kPageBytes; ++i) {
    const std::size_t at = big_endian(leaf, pointers + 2 * i, 2);
    if (at >= kPageBytes) continue;
    std::string_view cell = std::string_view(leaf).substr(at);
    const auto bytes = varint(cell);
    const auto rowid = bytes ? varint(cell) : std::nullopt;
    if (!rowid || *bytes > kMaxPayloadBytes) continue;
    auto values = values_of(payload(cell, *bytes, view));
    if (!values) continue;
    const bool in_use = view == View::kNewest && free_list_is_whole_;
    if (!take({static_cast<std::int64_t>(*rowid), std::move(*values), in_use})) return false;
  }
  return true;
}

void RawDatabase::for_each_row(const std::function<bool(RawRow)>& take) const {
  for (PageNumber number = 1; number <= pages_; ++number) {
    if (!free_.contains(number) && !rows_of(number, View::kNewest, take)) return;
  }
  for (const auto& [number, offset] : logged_) {
    if (!rows_of(number, View::kWithoutLog, take)) return;
  }
}

}  // namespace storagepool::journal
