// One POST to a host that is not trusted, over TLS or to this host: a deadline for all of it, a small answer,
// no redirects, nothing kept. Blocks.
#pragma once

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>

#include <boost/asio/ssl/context.hpp>
#include <tl/expected.hpp>

#include "operator/render/log_witnesses.h"
#include "operator/witness/add_checkpoint.h"

namespace storagepool::witness {

inline constexpr std::size_t kMostAnswerBytes = std::size_t{16} * 1024;  // and of its header
inline constexpr std::chrono::milliseconds kPostDeadline{5000};          // after its name was resolved

// The error, one clause, says nothing of what was answered. `tls` may be used by others at the same time.
// After `stop` it ends within a moment, but not while a name is resolved.
tl::expected<WitnessAnswer, std::string> post(const render::WitnessUrl& url, const std::string& path,
                                              const std::string& body, boost::asio::ssl::context& tls,
                                              std::chrono::milliseconds deadline,
                                              const std::stop_token& stop);

}  // namespace storagepool::witness
