// What proves the events of the system database and of workspaces: the signed checkpoint of their log, and
// for each event that the log has it, which anybody can verify who knows the log's key (docs/evidence.md);
// verify_chain.h too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/http/router.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/note.h"
#include "pool/evidence/auditing/progress.h"
#include "pool/evidence/proving/log_key.h"
#include "pool/evidence/proving/proving.h"
#include "pool/reading/reading.h"
#include "pool/recording/destinations.h"
#include "pool/recording/recording.h"

namespace storagepool::service {

// A log as a checkpoint shows it, and the key that verifies this.
struct SignedLog {
  tlog::Note note;
  std::shared_ptr<const evidence::LogKey> key;
};

// How a log goes on that somebody has asked to restart.
struct RestartedLog {
  bool restarted = false;     // it was rolled back; else nothing is changed
  std::string refusal{};      // why it cannot go on at all; empty: it can
  tlog::Checkpoint before{};  // what was shown of it, and is not continued, where it is restarted
  tlog::Checkpoint from{};    // its origin, and what there is of it
};

struct EvidenceContext {
  reading::Reader& reader;
  recording::Recording& recording;  // of what is done with the events
  recording::Destinations& destinations;
  std::function<reading::Reader::Deadline()> deadline;  // of a request that begins now
  std::function<bool()> away;                           // PostgreSQL is known not to answer
  // The newest that there is, about a second behind; no value where the log cannot be told.
  std::function<boost::asio::awaitable<std::optional<tlog::Note>>(reading::Reader::Deadline)> checkpoint{};
  // The newest that a witness has cosigned; no value: none, or the log is not told.
  std::function<std::optional<tlog::Note>()> witnessed{};
  // The first entry that is not pruned, as this pod has last seen it.
  std::function<std::uint64_t()> min_index{};
  // Whether the log there comes to have more entries than this by the deadline, for as long as it is waited
  // for; no value where nobody can tell.
  std::function<boost::asio::awaitable<std::optional<bool>>(recording::Destination, std::uint64_t size,
                                                            reading::Reader::Deadline)>
      grows{};
  std::function<std::shared_ptr<const evidence::LogKey>()> key{};  // null: there is none
  // How far the full audit has come, as far as the pod knows; no value: nothing has begun.
  std::function<std::optional<evidence::AuditProgress>()> full_audit{};
  // The newest checkpoint of the log of a workspace, likewise.
  std::function<boost::asio::awaitable<std::optional<SignedLog>>(recording::Destination,
                                                                 reading::Reader::Deadline)>
      of_workspace{};
  // Has the log of a workspace that was rolled back go on in its next epoch, or only looks whether it would;
  // the error is why it cannot be told now.
  std::function<boost::asio::awaitable<tl::expected<RestartedLog, std::string>>(
      recording::Destination, bool only_look, reading::Reader::Deadline)>
      restart_of_workspace{};
};

// What could not be read of the log, or does not agree with what was signed.
http::Response failed(const evidence::LogError& error, const http::Request& request);
http::Response no_log(const http::Request& request);  // 503
// The log as a checkpoint shows it now, and its key; no value: no_log.
struct ShownLog {
  tlog::Note note;
  tlog::Checkpoint checkpoint;
  std::shared_ptr<const evidence::LogKey> key;
};
boost::asio::awaitable<std::optional<ShownLog>> shown_log(const EvidenceContext& context,
                                                          recording::Destination place);

// What `context` refers to must outlive the router's server.
void add_evidence_routes(http::Router& router, EvidenceContext context);

}  // namespace storagepool::service
