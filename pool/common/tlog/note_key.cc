#include "pool/common/tlog/note_key.h"

#include <array>
#include <stdexcept>

#include "pool/common/encoding/encoding.h"
#include "pool/common/encoding/sha256.h"
#include "pool/common/runtime/check.h"

namespace storagepool::tlog {
namespace {

constexpr std::string_view kPrivate = "PRIVATE+KEY+";
constexpr std::size_t kKeyBytes = kSeedBytes;  // as many of the public key
constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kTimeBytes = 8;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

std::string id_text(std::uint32_t id) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(id >> shift & 0xFF);
  return encoding::encode_hex(bytes);
}

std::string cosigned(std::uint64_t time, std::string_view text) {
  return "cosignature/v1\ntime " + std::to_string(time) + "\n" + std::string(text);
}

tl::expected<void, std::string> check(std::string_view name, std::string_view bytes) {
  if (!is_key_name(name))
    return tl::unexpected(std::string("a note key's name is empty, not UTF-8, or has + or white space"));
  if (bytes.size() != kKeyBytes) return tl::unexpected(std::string("a note key does not have 32 bytes"));
  return {};
}

}  // namespace

NoteKey::NoteKey(KeyKind kind, std::string_view name, EVP_PKEY* key)
    : kind_(kind), name_(name), key_(key), public_key_(kKeyBytes, '\0') {
  std::size_t size = public_key_.size();
  if (!key_ || EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(public_key_.data()),
                                           &size) != 1) {
    throw std::runtime_error("Ed25519 is not available in this OpenSSL");
  }
  const encoding::Sha256 digest = encoding::sha256(name_ + "\n" + static_cast<char>(kind) + public_key_);
  for (std::size_t i = 0; i < sizeof id_; ++i) id_ = id_ << 8 | digest.at(i);
}

tl::expected<NoteKey, std::string> NoteKey::of_public(KeyKind kind, std::string_view name,
                                                      std::string_view bytes) {
  if (auto good = check(name, bytes); !good) return tl::unexpected(good.error());
  return NoteKey(kind, name,
                 EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(bytes), bytes.size()));
}

tl::expected<NoteKey, std::string> NoteKey::of_seed(KeyKind kind, std::string_view name,
                                                    std::string_view seed) {
  if (auto good = check(name, seed); !good) return tl::unexpected(good.error());
  return NoteKey(kind, name,
                 EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed), seed.size()));
}

tl::expected<NoteKey, std::string> NoteKey::read(std::string_view text) {
  const auto wrong = [](const char* what) { return tl::unexpected(std::string(what)); };
  const bool is_private = text.starts_with(kPrivate);
  if (is_private) text.remove_prefix(kPrivate.size());
  const std::size_t first = text.find('+');
  const std::size_t second = first == text.npos ? text.npos : text.find('+', first + 1);
  if (second == text.npos) return wrong("a note key is not of the form name+id+base64");
  const std::string_view coded = text.substr(second + 1);
  const auto bytes = encoding::decode_base64(coded);
  if (!bytes || bytes->empty() || encoding::encode_base64(*bytes) != coded)
    return wrong("a note key is not base64");
  const auto kind = static_cast<KeyKind>(bytes->front());
  if (kind != KeyKind::kLog && kind != KeyKind::kWitness)
    return wrong("a note key is of an unknown algorithm");
  auto key = is_private ? of_seed(kind, text.substr(0, first), bytes->substr(1))
                        : of_public(kind, text.substr(0, first), bytes->substr(1));
  if (key && id_text(key->id()) != text.substr(first + 1, second - first - 1)) {
    return wrong("a note key has another id than its name and bytes make");
  }
  return key;
}

tl::expected<NoteKey, std::string> NoteKey::renamed(std::string_view name) const {
  return of_public(kind_, name, public_key_);
}

std::string NoteKey::text_of(const std::string& bytes) const {
  return name_ + "+" + id_text(id_) + "+" + encoding::encode_base64(static_cast<char>(kind_) + bytes);
}

std::string NoteKey::public_text() const {
  return text_of(public_key_);
}

std::string NoteKey::seed() const {
  std::string seed(kKeyBytes, '\0');
  std::size_t size = seed.size();
  const auto bytes = reinterpret_cast<unsigned char*>(seed.data());
  return EVP_PKEY_get_raw_private_key(key_.get(), bytes, &size) == 1 ? seed : std::string();
}

std::string NoteKey::private_text() const {
  return std::string(kPrivate) + text_of(seed());
}

NoteSignature NoteKey::sign(std::string_view text, std::chrono::sys_seconds now) const {
  const std::int64_t time = now.time_since_epoch().count();
  STORAGEPOOL_INVARIANT(time >= 0, "a signature before 1970", {"time", time});
  NoteSignature signed_by{.name = name_, .key_id = id_, .bytes = {}};
  std::string message(text);
  if (kind_ == KeyKind::kWitness) {
    message = cosigned(static_cast<std::uint64_t>(time), text);
    for (int shift = 56; shift >= 0; shift -= 8) signed_by.bytes += static_cast<char>(time >> shift & 0xFF);
  }
  std::array<unsigned char, kSignatureBytes> signature{};
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(message), message.size()) != 1) {
    throw std::runtime_error("signing with Ed25519 failed");
  }
  signed_by.bytes.append(reinterpret_cast<const char*>(signature.data()), size);
  return signed_by;
}

std::optional<Verified> NoteKey::verify(const Note& note) const {
  for (const NoteSignature& signature : note.signatures) {
    if (signature.name != name_ || signature.key_id != id_) continue;
    std::string_view bytes = signature.bytes;
    std::string message = note.text;
    Verified verified;
    if (kind_ == KeyKind::kWitness) {
      if (bytes.size() != kTimeBytes + kSignatureBytes || static_cast<std::uint8_t>(bytes[0]) > 0x7F)
        return std::nullopt;
      std::uint64_t time = 0;
      for (const char c : bytes.substr(0, kTimeBytes)) time = time << 8 | static_cast<std::uint8_t>(c);
      bytes.remove_prefix(kTimeBytes);
      message = cosigned(time, note.text);
      verified.at = std::chrono::sys_seconds(std::chrono::seconds(static_cast<std::int64_t>(time)));
    }
    if (bytes.size() != kSignatureBytes) return std::nullopt;
    const Context context(EVP_MD_CTX_new());
    if (!context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestVerify(context.get(), bytes_of(bytes), bytes.size(), bytes_of(message), message.size()) !=
            1) {
      return std::nullopt;
    }
    return verified;
  }
  return std::nullopt;
}

}  // namespace storagepool::tlog
