#include "pool/common/http/message/coding.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "pool/common/http/message/fields.h"

namespace storagepool::http {
namespace {

constexpr int kGzipOnly = 16;  // added to zlib's window bits: a gzip header and no other
// As every decoder of the content coding must take, and need not more (RFC 9659 §3).
constexpr int kZstdWindowLog = 23;
constexpr std::size_t kZstdHeader =
    18;  // bytes of a frame's at most, with the magic number (RFC 8878 §3.1.1)
constexpr std::size_t kInflateMemory =
    std::size_t{48} * 1024;  // "about 7 KB" and a window of 32 KiB (zconf.h)
constexpr std::size_t kEncodedStep = std::size_t{64} * 1024;

std::string_view trimmed(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

// The elements of a comma-separated list, over all fields of this name; empty ones do not count.
template <typename Each>
void for_each_element(const Request& request, std::string_view name, Each each) {
  for (const auto& [field, value] : request.headers) {
    if (!equals_ignoring_case(field, name)) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view element = trimmed(rest.substr(0, comma));
      if (!element.empty()) each(element);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
}

bool is_gzip(std::string_view name) {
  return equals_ignoring_case(name, "gzip") || equals_ignoring_case(name, "x-gzip");
}

// In thousandths: "0" or "1" with up to three decimals, at most 1 (RFC 9110 §12.4.2).
std::optional<int> parse_weight(std::string_view text) {
  constexpr std::size_t kLongest = 5;
  if (text.empty() || text.size() > kLongest || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int weight = text[0] - '0';
  for (std::size_t i = 2; i < kLongest; ++i) {
    const char digit = i < text.size() ? text[i] : '0';
    if (!is_digit(digit)) return std::nullopt;
    weight = weight * 10 + (digit - '0');
  }
  if (weight > 1000) return std::nullopt;
  return weight;
}

// Of "name" or "name;q=0.5".
std::optional<std::pair<std::string_view, int>> parse_element(std::string_view element) {
  const std::size_t semicolon = element.find(';');
  if (semicolon == std::string_view::npos) return std::pair(element, 1000);
  const std::string_view parameter = trimmed(element.substr(semicolon + 1));
  if (parameter.size() < 2 || to_lower(parameter[0]) != 'q' || parameter[1] != '=') return std::nullopt;
  const auto weight = parse_weight(parameter.substr(2));
  if (!weight) return std::nullopt;
  return std::pair(trimmed(element.substr(0, semicolon)), *weight);
}

}  // namespace

std::string_view to_string(Coding coding) {
  switch (coding) {
    case Coding::kGzip:
      return "gzip";
    case Coding::kZstd:
      return "zstd";
    case Coding::kIdentity:
      break;
  }
  return "identity";
}

std::optional<Coding> request_coding(const Request& request) {
  std::optional<Coding> coding;
  std::size_t elements = 0;
  for_each_element(request, "Content-Encoding", [&](std::string_view element) {
    ++elements;
    if (is_gzip(element)) {
      coding = Coding::kGzip;
    } else if (equals_ignoring_case(element, "zstd")) {
      coding = Coding::kZstd;
    } else if (equals_ignoring_case(element, "identity")) {
      coding = Coding::kIdentity;
    } else {
      coding.reset();
    }
  });
  if (elements == 0) return Coding::kIdentity;
  return elements == 1 ? coding : std::nullopt;
}

bool prefers_gzip(const Request& request) {
  std::optional<int> gzip;
  std::optional<int> any;
  int identity = 0;
  for_each_element(request, "Accept-Encoding", [&](std::string_view element) {
    const auto parsed = parse_element(element);
    if (!parsed) return;
    const auto& [name, weight] = *parsed;
    if (is_gzip(name)) {
      gzip = std::max(gzip.value_or(0), weight);
    } else if (name == "*") {
      any = weight;
    } else if (equals_ignoring_case(name, "identity")) {
      identity = weight;
    }
  });
  const int weight = gzip ? *gzip : any.value_or(0);
  return weight > 0 && weight >= identity;
}

struct Decoder::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  virtual ~State() = default;
  virtual tl::expected<Step, std::string> decode(std::string_view input, char* out, std::size_t room) = 0;
  virtual std::size_t memory() const = 0;
  bool whole = false;
};

namespace {

struct Inflate : Decoder::State {
  Inflate() {
    if (inflateInit2(&stream, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~Inflate() override { inflateEnd(&stream); }

  tl::expected<Decoder::Step, std::string> decode(std::string_view input, char* out,
                                                  std::size_t room) override {
    // zlib takes no pointer to const, and does not write there.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream.avail_in = static_cast<uInt>(input.size());
    stream.next_out = reinterpret_cast<Bytef*>(out);
    stream.avail_out = static_cast<uInt>(room);
    while (stream.avail_in > 0 || stream.avail_out > 0) {
      if (whole) {
        if (stream.avail_in == 0) break;
        inflateReset(&stream);
        whole = false;
        first = false;
      }
      const int result = inflate(&stream, Z_NO_FLUSH);
      whole = result == Z_STREAM_END;
      if (result == Z_BUF_ERROR) break;  // no progress without more input or room
      if (result != Z_OK && result != Z_STREAM_END) return tl::unexpected(explain(result));
    }
    return Decoder::Step{input.size() - stream.avail_in, room - stream.avail_out};
  }

  std::string explain(int result) const {
    if (!first && stream.total_out == 0) return "bytes after its end are no further member";
    if (result == Z_NEED_DICT) return "it needs a dictionary";
    return stream.msg != nullptr ? stream.msg : zError(result);
  }

  std::size_t memory() const override { return kInflateMemory; }

  z_stream stream{};
  bool first = true;
};

struct Unzstd : Decoder::State {
  Unzstd() : context(ZSTD_createDCtx(), ZSTD_freeDCtx) {
    if (!context) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kZstdWindowLog);
  }

  tl::expected<Decoder::Step, std::string> decode(std::string_view input, char* out,
                                                  std::size_t room) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer made{out, room, 0};
    for (bool moved = true; moved;) {
      const std::size_t taken = in.pos, there = made.pos;
      if (whole && in.pos == in.size) break;
      const std::size_t result = ZSTD_decompressStream(context.get(), &made, &in);
      if (ZSTD_isError(result) != 0) return tl::unexpected(std::string(ZSTD_getErrorName(result)));
      header.append(input, taken, std::min(in.pos - taken, kZstdHeader - header.size()));
      content += made.pos - there;
      whole = result == 0;
      if (whole && !has_what_it_says())
        return tl::unexpected(std::string(ZSTD_getErrorString(ZSTD_error_corruption_detected)));
      moved = in.pos + made.pos > taken + there;
    }
    return Decoder::Step{in.pos, made.pos};
  }

  // libzstd does not look when the last block is empty and the frame comes in pieces. The next one begins.
  bool has_what_it_says() {
    const auto said = ZSTD_getFrameContentSize(header.data(), header.size());
    const bool good = said == ZSTD_CONTENTSIZE_UNKNOWN || said == content;
    header.clear();
    content = 0;
    return good;
  }

  std::size_t memory() const override { return ZSTD_sizeof_DCtx(context.get()); }

  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context;
  std::string header{};       // of the frame, its first bytes
  std::uint64_t content = 0;  // bytes of it that were made
};

}  // namespace

Decoder::Decoder(Coding coding) {
  if (coding == Coding::kZstd) {
    state_ = std::make_unique<Unzstd>();
  } else {
    state_ = std::make_unique<Inflate>();
  }
}
Decoder::~Decoder() = default;

tl::expected<Decoder::Step, std::string> Decoder::decode(std::string_view input, char* out,
                                                         std::size_t room) {
  return state_->decode(input, out, room);
}
bool Decoder::whole() const {
  return state_->whole;
}
std::size_t Decoder::memory() const {
  return state_->memory();
}

struct GzipEncoder::State {
  // The fastest level: JSON becomes a fifth or less, and higher ones take three times as long for little
  // more.
  State() {
    constexpr int kDefaultMemory = 8;
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + kGzipOnly, kDefaultMemory,
                     Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { deflateEnd(&stream); }

  z_stream stream{};
};

GzipEncoder::GzipEncoder() : state_(std::make_unique<State>()) {}
GzipEncoder::~GzipEncoder() = default;

void GzipEncoder::encode(std::string_view input, bool last, std::string& out) {
  z_stream& stream = state_->stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  std::array<char, kEncodedStep> step;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(step.data());
    stream.avail_out = static_cast<uInt>(step.size());
    deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);  // fails only where it is used wrongly
    out.append(step.data(), step.size() - stream.avail_out);
  } while (stream.avail_out == 0);
}

}  // namespace storagepool::http
