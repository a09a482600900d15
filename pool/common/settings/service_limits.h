// Defaults and ranges of what is not the connection pool's: the journal's size in bytes, the requests that
// one client may make, how long a connection without a request is kept, the threads that receive requests,
// and how long a pod serves on once it is told to end. The program's command line and the StoragePool's spec
// both go by them.
#pragma once

#include <chrono>
#include <cstdint>

namespace storagepool::settings {

inline constexpr std::int64_t kDefaultJournalBytes = std::int64_t{1} << 30;
inline constexpr std::int64_t kMinJournalBytes = std::int64_t{16} << 20;  // but for 0: no journal
inline constexpr std::int64_t kMaxJournalBytes = std::int64_t{1} << 40;

inline constexpr std::int64_t kMaxRequestsPerSecond = 1'000'000;
inline constexpr std::int64_t kDefaultRequestBurst = 100;
inline constexpr std::int64_t kMaxRequestBurst = 1'000'000;

// Above the 60 s for which most proxies keep connections to their upstreams.
inline constexpr std::chrono::milliseconds kDefaultKeepAliveTimeout{75'000};
inline constexpr std::chrono::milliseconds kMinKeepAliveTimeout{1'000};
inline constexpr std::chrono::milliseconds kMaxKeepAliveTimeout{3'600'000};

// The one thread that does all else is full when some two of them are.
inline constexpr std::int64_t kMaxHttpThreads = 4;

inline constexpr std::chrono::milliseconds kDefaultDrainDelay{5'000};
inline constexpr std::chrono::milliseconds kMaxDrainDelay{300'000};

}  // namespace storagepool::settings
