#include "pool/journal/testing/faulty_vfs.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <new>
#include <string>
#include <vector>

#include <unistd.h>

namespace storagepool::journal::testing {
namespace {

struct Undo {
  sqlite3_int64 offset;
  std::string before;
};

}  // namespace

// Lies at the beginning of the memory that SQLite gives; the system's file follows it.
struct FaultyVfs::File : sqlite3_file {
  FaultyVfs* vfs = nullptr;
  sqlite3_int64 synced_size = 0;
  std::vector<Undo> unsynced = {};
  bool dirty = false;

  sqlite3_file* system() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods& methods() { return *system()->pMethods; }
  sqlite3_int64 size() {
    sqlite3_int64 bytes = 0;
    methods().xFileSize(system(), &bytes);
    return bytes;
  }
  void remember(sqlite3_int64 offset, sqlite3_int64 bytes) {
    const sqlite3_int64 old = std::clamp<sqlite3_int64>(size() - offset, 0, bytes);
    Undo undo{offset, std::string(static_cast<std::size_t>(old), '\0')};
    if (old > 0) methods().xRead(system(), undo.before.data(), static_cast<int>(old), offset);
    unsynced.push_back(std::move(undo));
  }
  void forget_unsynced() {
    for (auto undo = unsynced.rbegin(); undo != unsynced.rend(); ++undo) {
      methods().xWrite(system(), undo->before.data(), static_cast<int>(undo->before.size()), undo->offset);
    }
    methods().xTruncate(system(), std::min(synced_size, size()));
  }
};

namespace {

template <typename File>
File& of(sqlite3_file* file) {
  return *static_cast<File*>(file);
}

}  // namespace

const sqlite3_io_methods FaultyVfs::kMethods = {
    .iVersion = 1,
    .xClose = close,
    .xRead = read,
    .xWrite = write,
    .xTruncate = truncate,
    .xSync = sync,
    .xFileSize =
        [](sqlite3_file* file, sqlite3_int64* size) {
          return of<File>(file).methods().xFileSize(of<File>(file).system(), size);
        },
    .xLock = [](sqlite3_file* file,
                int level) { return of<File>(file).methods().xLock(of<File>(file).system(), level); },
    .xUnlock = [](sqlite3_file* file,
                  int level) { return of<File>(file).methods().xUnlock(of<File>(file).system(), level); },
    .xCheckReservedLock =
        [](sqlite3_file* file, int* held) {
          return of<File>(file).methods().xCheckReservedLock(of<File>(file).system(), held);
        },
    .xFileControl = control,
    .xSectorSize =
        [](sqlite3_file* file) { return of<File>(file).methods().xSectorSize(of<File>(file).system()); },
    .xDeviceCharacteristics =
        [](sqlite3_file* file) {
          return of<File>(file).methods().xDeviceCharacteristics(of<File>(file).system());
        },
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

FaultyVfs::FaultyVfs() : sqlite3_vfs(*sqlite3_vfs_find(nullptr)), system_(sqlite3_vfs_find(nullptr)) {
  zName = "faulty";
  pNext = nullptr;
  szOsFile = static_cast<int>(sizeof(File)) + system_->szOsFile;
  xOpen = open;
  sqlite3_vfs_register(this, 1);
}

FaultyVfs::~FaultyVfs() {
  sqlite3_vfs_unregister(this);
  sqlite3_vfs_register(system_, 1);
}

void FaultyVfs::end_process_at(std::int64_t operation, Ending ending) {
  ending_ = ending;
  remaining_ = operation;
}

void FaultyVfs::hold_syncs(bool hold) {
  {
    const std::lock_guard lock(mutex_);
    held_ = hold;
  }
  let_go_.notify_all();
}

bool FaultyVfs::unsynced() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(files_, [](const File* file) { return file->dirty; });
}

void FaultyVfs::count(File& file, const void* data, int bytes, sqlite3_int64 offset) {
  if (remaining_ < 0 || --remaining_ > 0) return;
  const std::lock_guard lock(mutex_);
  if (ending_ == Ending::kTorn && bytes > 1) file.methods().xWrite(file.system(), data, bytes / 2, offset);
  if (ending_ == Ending::kPowerCut) {
    for (File* other : files_) other->forget_unsynced();
  }
  ::kill(::getpid(), SIGKILL);
}

bool FaultyVfs::grow(File& file, sqlite3_int64 size) {
  const sqlite3_int64 growth = std::max<sqlite3_int64>(size - file.size(), 0);
  if (growth > space_) return false;
  space_ -= growth;
  return true;
}

int FaultyVfs::control(sqlite3_file* file, int code, void* argument) {
  File& self = of<File>(file);
  if (code == SQLITE_FCNTL_SIZE_HINT) {
    const sqlite3_int64 size = *static_cast<sqlite3_int64*>(argument);
    if (!self.vfs->grow(self, size)) {  // as SQLite's own
      errno = ENOSPC;
      return SQLITE_IOERR_WRITE;
    }
    return self.size() < size ? self.methods().xTruncate(self.system(), size) : SQLITE_OK;
  }
  return self.methods().xFileControl(self.system(), code, argument);
}

int FaultyVfs::open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* self = static_cast<FaultyVfs*>(vfs);
  auto* opened = new (file) File;
  opened->pMethods = nullptr;
  if (self->read_only_) {
    flags &= ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    flags |= SQLITE_OPEN_READONLY;
  }
  const int status = self->system_->xOpen(self->system_, name, opened->system(), flags, out_flags);
  if (status != SQLITE_OK) {
    opened->~File();
    file->pMethods = nullptr;
    return status;
  }
  opened->pMethods = &kMethods;
  opened->vfs = self;
  opened->synced_size = opened->size();
  const std::lock_guard lock(self->mutex_);
  self->files_.insert(opened);
  return SQLITE_OK;
}

int FaultyVfs::close(sqlite3_file* file) {
  File& closing = of<File>(file);
  {
    const std::lock_guard lock(closing.vfs->mutex_);
    closing.vfs->files_.erase(&closing);
  }
  const int status = closing.methods().xClose(closing.system());
  closing.~File();
  return status;
}

int FaultyVfs::read(sqlite3_file* file, void* data, int bytes, sqlite3_int64 offset) {
  File& self = of<File>(file);
  if (self.vfs->reads_fail_) return SQLITE_IOERR_READ;
  return self.methods().xRead(self.system(), data, bytes, offset);
}

int FaultyVfs::write(sqlite3_file* file, const void* data, int bytes, sqlite3_int64 offset) {
  File& self = of<File>(file);
  self.vfs->count(self, data, bytes, offset);
  if (self.vfs->write_error_ != 0) {
    errno = self.vfs->write_error_;
    return SQLITE_IOERR_WRITE;
  }
  if (!self.vfs->grow(self, offset + bytes)) return SQLITE_FULL;
  const std::lock_guard lock(self.vfs->mutex_);
  self.dirty = true;
  if (self.vfs->remaining_ >= 0 && self.vfs->ending_ == Ending::kPowerCut) self.remember(offset, bytes);
  return self.methods().xWrite(self.system(), data, bytes, offset);
}

int FaultyVfs::truncate(sqlite3_file* file, sqlite3_int64 size) {
  File& self = of<File>(file);
  self.vfs->count(self, nullptr, 0, 0);
  const std::lock_guard lock(self.vfs->mutex_);
  const sqlite3_int64 lost = self.size() - size;
  if (self.vfs->remaining_ >= 0 && self.vfs->ending_ == Ending::kPowerCut && lost > 0)
    self.remember(size, lost);
  return self.methods().xTruncate(self.system(), size);
}

int FaultyVfs::sync(sqlite3_file* file, int flags) {
  File& self = of<File>(file);
  self.vfs->count(self, nullptr, 0, 0);
  if (self.vfs->syncs_fail_) return SQLITE_IOERR_FSYNC;
  std::unique_lock lock(self.vfs->mutex_);
  self.vfs->let_go_.wait(lock, [&] { return !self.vfs->held_; });
  ++self.vfs->syncs_;
  // Whether the machine's own disk has it is not what is tested.
  static_cast<void>(flags);
  self.dirty = false;
  self.synced_size = self.size();
  self.unsynced.clear();
  return SQLITE_OK;
}

}  // namespace storagepool::journal::testing
