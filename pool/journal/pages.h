// A SQLite database read as bytes, whatever of it is damaged (https://sqlite.org/fileformat2.html): every row
// on every leaf page of a table, however the pages above or beside it look. For a database with pages of 4096
// bytes that no process has open. What a row says is not proved by its being found: rows that were removed
// and rows of damaged pages may be among them, so each must have a checksum of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

namespace storagepool::journal {

// NULL (and a REAL, which the journal has none of), an integer, or the bytes of a text or blob.
using RawValue = std::variant<std::monostate, std::int64_t, std::string>;

struct RawRow {
  std::int64_t rowid = 0;
  std::vector<RawValue> values;
  bool in_use = false;  // by the newest version of its page, which is known not to be a free one
};

class RawDatabase {
 public:
  static constexpr std::size_t kPageBytes = 4096;

  // The database at `path` with its "-wal". The error is the system's reason.
  static tl::expected<RawDatabase, std::string> open(const std::string& path);
  ~RawDatabase();
  RawDatabase(RawDatabase&& other) noexcept;
  RawDatabase& operator=(RawDatabase&&) = delete;

  // Those in use first. Ends early when `take` is false.
  void for_each_row(const std::function<bool(RawRow)>& take) const;

  // The log of the database at `path` holds transactions behind a damaged part, which SQLite would take for
  // its end. Touches the log alone, so that the database may be open.
  static bool log_is_damaged(const std::string& path);
  // The process that was to begin the log anew, all of it being in the database, was killed in the middle of
  // its header: that has the new number and the old salts. SQLite would go on with these, and frames of
  // before that lie behind its new ones would look as if they belonged to them.
  static bool log_began_anew(const std::string& path);

 private:
  using PageNumber = std::uint32_t;
  using Page = std::string;
  enum class View { kNewest, kWithoutLog };

  RawDatabase() = default;
  void read_log(const std::string& path);
  void read_free_list();
  Page read(int file, std::int64_t offset, std::size_t bytes) const;
  Page page(PageNumber number, View view) const;
  bool rows_of(PageNumber number, View view, const std::function<bool(RawRow)>& take) const;
  std::string payload(std::string_view local, std::size_t bytes, View view) const;

  int file_ = -1;
  int log_ = -1;
  PageNumber pages_ = 0;
  std::unordered_map<PageNumber, std::int64_t> logged_;  // offset of the newest version in the log
  std::unordered_set<PageNumber> free_;
  bool free_list_is_whole_ = false;
  bool log_is_damaged_ = false;
};

}  // namespace storagepool::journal
