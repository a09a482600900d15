// Outside witnesses of a StoragePool's log, as spec.log.witnesses names them. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/render/storage_pool.h"

namespace storagepool::render {

inline constexpr std::size_t kMaxLogWitnesses = 8;
inline constexpr std::size_t kMaxWitnessUrl = 512;
inline constexpr std::size_t kMaxWitnessName = 200;
inline constexpr std::size_t kMaxWitnessKey = 300;
inline constexpr const char* kAllowedWitnessUrl =
    "https://HOST[:PORT][/PATH], or http:// with a loopback address";
inline constexpr const char* kAllowedWitnessKey =
    "the verifier key of a witness, NAME+ID+KEY, whose key is Ed25519 for cosignatures";

// Where add-checkpoint is asked for (c2sp.org/tlog-witness).
struct WitnessUrl {
  bool tls = true;
  std::string host{};  // a name, or an address without brackets
  std::string port{};  // that of the scheme where none is given
  std::string path{};  // of the submission prefix, without a slash at its end
  std::string authority() const;
  friend bool operator==(const WitnessUrl&, const WitnessUrl&) = default;
};
std::optional<WitnessUrl> parse_witness_url(std::string_view text);

struct LogWitness {
  std::string url{};
  std::string vkey{};  // c2sp.org/signed-note, of the kind 0x04
  std::string name() const { return vkey.substr(0, vkey.find('+')); }
  friend bool operator==(const LogWitness&, const LogWitness&) = default;
};

// `log`: spec.log. How many there are.
std::size_t read_log_witnesses(const Json& log, FieldProblems& problems);
// Of a whole StoragePool, of which every look says whether it can be used: only what is no pair of texts is
// left out.
std::vector<LogWitness> log_witnesses(const Json& storage_pool);

}  // namespace storagepool::render
