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
//
// An installation may watch some namespaces alone, and then the mark names them. What pods hold in a
// namespace that is watched no more would count for nobody, and whoever lacks the rights cannot look: so who
// is to watch less than the mark says does not act until a person has written into it that nothing is left
// there. To an operator that does not know of namespaces, a mark that names some is another installation's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/kube/resource.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::manager {

inline constexpr const char* kStoragePoolsDefinition = "storagepools.storagepool.dev";
inline constexpr const char* kInstallationAnnotation = "storagepool.dev/installation";
inline constexpr const char* kHandOverAnnotation = "storagepool.dev/hand-over-to";

class Installation {
 public:
  // `watched`: the namespaces, in order; empty: all.
  explicit Installation(std::string name, std::vector<std::string> watched = {});

  struct Finding {
    bool ours = false;
    std::string owner = {};    // the other that has them, or is to have them
    std::string dropped = {};  // for people: namespaces that were watched, and are not by this one
    bool taking_over = false;  // from the owner, or from nobody, once it cannot act any more
    std::optional<kube::Json> patch = {};  // to write, over the CRD as it was read; then they are ours
  };
  Finding look(const kube::Json& definition, runtime::TimePoint now);

  // What to do so that this one gets them, for people.
  std::string remedy() const;
  // Likewise, once nothing is left in the namespaces that are dropped.
  std::string remedy_of_dropped() const;

 private:
  struct Mark {
    std::string name;                  // empty: there is none
    std::vector<std::string> watched;  // empty: all
    friend bool operator==(const Mark&, const Mark&) = default;
  };
  static std::string format(const Mark& mark);
  static Mark parse(std::string_view text);
  std::string dropped_from(const Mark& mark) const;
  kube::Json claim(const kube::Json& definition) const;

  Mark own_;
  bool seen_another_ = false;
  std::string version_;  // of the CRD, which is seen to be free since
  runtime::TimePoint free_since_{};
};

}  // namespace storagepool::manager
