// The settings in force and the only way to change them: a change is judged by its generation, persisted so
// that a restart cannot fall back behind it, put in force in the engine, and only then acknowledged. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "pool/service/config/config_source.h"

namespace storagepool::service {

struct Refusal {
  enum class Reason { kInvalid, kStale, kConflict, kNotPersisted };
  Reason reason = Reason::kInvalid;
  std::string detail;
  settings::Problems problems{};  // of kInvalid
};

class LiveSettings {
 public:
  // Puts settings in force in the engine.
  using Apply = std::function<void(const settings::Settings&)>;

  // `state_file` is where what is applied is persisted.
  LiveSettings(InForce in_force, settings::Given environment, std::string state_file, Apply apply);

  const InForce& in_force() const { return in_force_; }

  // True when something changed; `source` names where the change comes from, for messages. `ignored`: what it
  // has besides and this release does not know.
  tl::expected<bool, Refusal> change(std::int64_t generation, const settings::Given& pool,
                                     std::string_view source, const settings::Ignored& ignored = {});

  // New sessions go there from now on; those that are open are the caller's to replace. Not persisted: at a
  // start it is as mounted.
  void move(const settings::PostgresTarget& target) { in_force_.config.postgres = target; }

  // Persists what is in force at start, so that a later start with an older mounted file keeps it.
  tl::expected<void, std::string> persist() const;

 private:
  tl::expected<void, std::string> persist(const settings::Config& config) const;

  InForce in_force_;
  settings::Given environment_;
  std::string state_file_;
  Apply apply_;
};

void log_in_force(const char* message, std::int64_t generation, const settings::Settings& now);

}  // namespace storagepool::service
