// Texts that are much alike, in little room: objects of one kind, made by one operator. Each is compressed
// with the first of them as its dictionary (Zstandard, RFC 8878), to a tenth or less. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace storagepool::kube {

class Packer {
 public:
  Packer();
  ~Packer();

  std::string pack(std::string_view text);  // never empty
  // REQUIRES: `packed` is from this one.
  std::string unpack(std::string_view packed) const;

 private:
  struct Dictionary;
  std::unique_ptr<Dictionary> dictionary_;  // from the first text on
};

}  // namespace storagepool::kube
