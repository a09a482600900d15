// Which installation has the StoragePools of a cluster: the sum of connections is kept by one that sees all
// of them. An installation is the operators that share a Lease (leadership.h), and is named by its place. The
// CRD bears the name of the one that acts, in an annotation that operators write, over what they have read
// alone; another annotation is a person's wish to hand over. Pure: the caller reads the CRD and writes what
// look() says.
//
// Clocks of machines are not compared. Who acts looks every Election::kRetryPeriod, and acts for no longer
// than Election::kRenewDeadline from when it asked for what it saw last. So who takes over waits for
// Election::kDuration from when it saw the wish. A mark that is missing is claimed at once, by whoever has
// not seen another's: where somebody takes the mark off, who acts has it back before others may.
#pragma once

#include <optional>
#include <string>

#include "operator/kube/resource.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::manager {

inline constexpr const char* kStoragePoolsDefinition = "storagepools.storagepool.dev";
inline constexpr const char* kInstallationAnnotation = "storagepool.dev/installation";
inline constexpr const char* kHandOverAnnotation = "storagepool.dev/hand-over-to";

class Installation {
 public:
  explicit Installation(std::string name);

  struct Finding {
    bool ours = false;
    std::string owner = {};                // the other that has them, or is to have them
    bool taking_over = false;              // from the owner, or from nobody, once it cannot act any more
    std::optional<kube::Json> patch = {};  // to write, over the CRD as it was read; then they are ours
  };
  Finding look(const kube::Json& definition, runtime::TimePoint now);

  // What to do so that this one gets them, for people.
  std::string remedy() const;

 private:
  kube::Json claim(const kube::Json& definition) const;

  std::string name_;
  bool seen_another_ = false;
  std::string version_;  // of the CRD, which is seen to be free since
  runtime::TimePoint free_since_{};
};

}  // namespace storagepool::manager
