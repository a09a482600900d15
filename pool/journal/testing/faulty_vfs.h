// A disk that fails, for tests of what stands on SQLite: the system's own file access (SQLite's default VFS,
// https://sqlite.org/vfs.html) with faults put between. While one of these lives it is SQLite's default.
// Without shared memory, so for databases in exclusive locking mode. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <mutex>
#include <set>

#include <sqlite3.h>

namespace storagepool::journal::testing {

class FaultyVfs : public sqlite3_vfs {
 public:
  // What is left of the files of a process that ends itself.
  enum class Ending {
    kKilled,    // everything written
    kTorn,      // and half of the write under way
    kPowerCut,  // only what was synced
  };

  FaultyVfs();
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  // The process kills itself (SIGKILL) at its n-th write, sync or truncation from now.
  void end_process_at(std::int64_t operation, Ending ending);

  // Files may grow by this much together; then writes fail as on a full disk.
  void leave_space(std::int64_t bytes) { space_ = bytes; }
  void unlimited_space() { space_ = std::numeric_limits<std::int64_t>::max(); }
  // Files that are opened from now on can only be read, as on a file system that was mounted so.
  void open_read_only(bool read_only) { read_only_ = read_only; }
  // Writes fail with this error of the system, 0: they do not.
  void fail_writes(int error) { write_error_ = error; }
  void fail_syncs(bool fail) { syncs_fail_ = fail; }
  void fail_reads(bool fail) { reads_fail_ = fail; }
  // Syncs wait until let go.
  void hold_syncs(bool hold);

  std::int64_t syncs() const { return syncs_; }
  // Something was written that no sync has followed.
  bool unsynced() const;

 private:
  struct File;
  static const sqlite3_io_methods kMethods;
  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags);
  static int close(sqlite3_file* file);
  static int read(sqlite3_file* file, void* data, int bytes, sqlite3_int64 offset);
  static int write(sqlite3_file* file, const void* data, int bytes, sqlite3_int64 offset);
  static int truncate(sqlite3_file* file, sqlite3_int64 size);
  static int sync(sqlite3_file* file, int flags);
  static int control(sqlite3_file* file, int code, void* argument);

  // Takes the space that a file of that size needs; false when there is none.
  bool grow(File& file, sqlite3_int64 size);
  // Before an operation that changes the file; does not return when the end has come.
  void count(File& file, const void* data, int bytes, sqlite3_int64 offset);

  sqlite3_vfs* system_;
  mutable std::mutex mutex_;
  std::condition_variable let_go_;
  std::set<File*> files_;
  bool held_ = false;
  Ending ending_ = Ending::kKilled;
  std::atomic<std::int64_t> remaining_ = -1;  // operations before the end; negative: no end
  std::atomic<std::int64_t> space_ = std::numeric_limits<std::int64_t>::max();
  std::atomic<bool> read_only_ = false;
  std::atomic<int> write_error_ = 0;
  std::atomic<bool> syncs_fail_ = false;
  std::atomic<bool> reads_fail_ = false;
  std::atomic<std::int64_t> syncs_ = 0;
};

}  // namespace storagepool::journal::testing
