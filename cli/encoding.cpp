#include "cli/encoding.h"

#include <iconv.h>

#include <array>
#include <cerrno>

#include "cli/exit_code.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using base::Concat;

class Converter {
 public:
  explicit Converter(const std::string& encoding)
      : handle_(::iconv_open("UTF-8", encoding.c_str())) {}
  ~Converter() {
    if (known()) ::iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  bool known() const { return handle_ != reinterpret_cast<iconv_t>(-1); }

  // Whether all of `bytes` could be converted.
  bool Convert(std::string bytes, std::string& text) {
    char* in = bytes.data();
    std::size_t left = bytes.size();
    std::array<char, 4096> piece{};
    while (left > 0) {
      char* out = piece.data();
      std::size_t room = piece.size();
      const std::size_t result = ::iconv(handle_, &in, &left, &out, &room);
      text.append(piece.data(), piece.size() - room);
      if (result == static_cast<std::size_t>(-1) && errno != E2BIG) return false;
    }
    return true;
  }

 private:
  iconv_t handle_;
};

}  // namespace

absl::StatusOr<std::string> ToUtf8(std::string bytes, const std::string& encoding,
                                   std::string_view name) {
  const bool utf16 = bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF");
  const std::string from = encoding.empty() ? (utf16 ? "UTF-16" : "UTF-8") : encoding;
  if (encoding.empty() && !utf16) {
    if (IsUtf8(bytes)) return bytes;
    return UsageError(Concat(name,
                             " is not UTF-8 text; say what it is, e.g. --encoding windows-1252 "
                             "(what Excel saves as CSV in western Europe), or export it as UTF-8"));
  }
  Converter converter(from);
  if (!converter.known()) {
    return UsageError(Concat("no encoding is called \"", from,
                             "\"; there are utf-8, utf-16, windows-1252 and others"));
  }
  std::string text;
  if (!converter.Convert(std::move(bytes), text)) {
    return UsageError(Concat(name, " is not ", from, " text; choose another --encoding"));
  }
  return text;
}

}  // namespace proofline::cli
