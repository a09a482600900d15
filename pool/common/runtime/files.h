// Small files, read with a bound and written so that a crash at any moment leaves either the old or the new
// contents. Blocking: for configuration, tokens and state of a few KiB on local volumes. Errors are one
// sentence that names the path and the system's reason, never the contents.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace storagepool::runtime {

// 0, or the errno of what went wrong.
int write_all(int fd, std::string_view contents);

// The whole of a regular file of at most `max_bytes` bytes; a larger one is an error, not a truncation.
tl::expected<std::string, std::string> read_file(const std::string& path, std::size_t max_bytes);

// Replaces `path` atomically and durably: writes `path`.tmp (mode 0600), fsync, rename(2), fsync of the
// folder. On an error the old contents stand. One writer per path at a time.
tl::expected<void, std::string> write_file_durably(const std::string& path, std::string_view contents);

}  // namespace storagepool::runtime
