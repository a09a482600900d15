// What an API server, or who speaks in its place, sends: read whole it is what the exact reader makes of it,
// and no JSON where that says so; read in part it is the same part.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "operator/kube/selection/selection.h"
#include "pool/common/fuzzing/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace storagepool;
  using fuzzing::require;
  static const auto part = kube::Selection::only({"/kind", "/metadata/name", "/list/*/a"}).at("/object");
  static const auto rest = kube::Selection::all_but({"/metadata", "/list/*/a"});
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto exact = json::Json::parse(text, nullptr, false);
  const auto whole = kube::Selection().read(text);
  require(whole.is_discarded() == exact.is_discarded(), "both tell whether it is JSON");
  const auto some = part.read(text);
  const auto others = rest.read(text);
  if (exact.is_discarded()) return 0;
  require(whole == exact && whole.dump() == exact.dump(), "both read the same");
  require(some == part.pick(exact), "a part is the same");
  require(others == rest.pick(exact), "the rest is the same");
  return 0;
}
