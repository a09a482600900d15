// Which parts of an object are read. Most of what the API server serves is the pods' template and who has set
// which field; a part that nobody reads is passed over in the text, and never becomes values. Immutable;
// pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pool/common/json/json.h"

namespace storagepool::kube {

class Selection {
 public:
  // Everything.
  Selection() = default;
  // Places are JSON pointers (RFC 6901); as a name in one, "*" is each element of a list. What has another
  // shape than a place expects is kept as it is.
  static Selection all_but(const std::vector<std::string>& places);
  // An object of which nothing is kept is left out itself, but for the whole and for elements of lists.
  static Selection only(const std::vector<std::string>& places);

  // The same of what is at this place of something greater, of which everything else is kept.
  Selection at(const std::string& place) const;

  json::Json pick(const json::Json& whole) const;
  // What pick() would give of what Json::parse() gives; discarded where the text is no JSON. What is passed
  // over is judged by its brackets and quotes alone.
  json::Json read(std::string_view text) const;

  struct Part {
    bool rest = true;  // of the members that are not named
    std::map<std::string, Part, std::less<>> members = {};
  };

 private:
  Part root_;
};

}  // namespace storagepool::kube
