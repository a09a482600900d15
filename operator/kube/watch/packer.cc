#include "operator/kube/watch/packer.h"

#include <zstd.h>

#include <mutex>

#include "pool/common/runtime/check.h"

namespace storagepool::kube {
namespace {

constexpr int kLevel = 3;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

// What compressing takes besides, for all threads in turn: each turn is some microseconds.
struct Workshop {
  std::mutex mutex;
  std::unique_ptr<ZSTD_CCtx, Freed<ZSTD_freeCCtx>> compression{ZSTD_createCCtx()};
  std::unique_ptr<ZSTD_DCtx, Freed<ZSTD_freeDCtx>> decompression{ZSTD_createDCtx()};
};

Workshop& workshop() {
  static Workshop shared;
  return shared;
}

}  // namespace

struct Packer::Dictionary {
  explicit Dictionary(std::string_view text)
      : compression(ZSTD_createCDict(text.data(), text.size(), kLevel)),
        decompression(ZSTD_createDDict(text.data(), text.size())) {}
  std::unique_ptr<ZSTD_CDict, Freed<ZSTD_freeCDict>> compression;
  std::unique_ptr<ZSTD_DDict, Freed<ZSTD_freeDDict>> decompression;
};

Packer::Packer() = default;
Packer::~Packer() = default;

std::string Packer::pack(std::string_view text) {
  Workshop& shop = workshop();
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const std::lock_guard lock(shop.mutex);
  if (!dictionary_) dictionary_ = std::make_unique<Dictionary>(text);
  const std::size_t size = ZSTD_compress_usingCDict(shop.compression.get(), packed.data(), packed.size(),
                                                    text.data(), text.size(), dictionary_->compression.get());
  STORAGEPOOL_INVARIANT(ZSTD_isError(size) == 0, "a text that cannot be compressed", {"bytes", text.size()});
  return packed.substr(0, size);
}

std::string Packer::unpack(std::string_view packed) const {
  Workshop& shop = workshop();
  std::string text(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
  const std::lock_guard lock(shop.mutex);
  const std::size_t size =
      ZSTD_decompress_usingDDict(shop.decompression.get(), text.data(), text.size(), packed.data(),
                                 packed.size(), dictionary_->decompression.get());
  STORAGEPOOL_INVARIANT(size == text.size(), "a text that was packed otherwise", {"bytes", packed.size()});
  return text;
}

}  // namespace storagepool::kube
