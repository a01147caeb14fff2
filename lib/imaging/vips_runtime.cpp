#include "lib/imaging/vips_runtime.h"

#include <glib.h>
#include <vips/vips.h>

#include <string>

#include "absl/strings/ascii.h"
#include "lib/base/text.h"
#include "lib/imaging/metadata.h"
#include "lib/imaging/text.h"
#include "lib/imaging/want_of_memory.h"

namespace proofline::imaging {
namespace {

void IgnoreWarning(const gchar*, GLogLevelFlags, const gchar*, gpointer) {}

absl::Status Start() {
  if (VIPS_INIT("proofline") != 0) {
    return absl::FailedPreconditionError(
        base::Concat("libvips does not start: ", CleanLine(vips_error_buffer(), 200)));
  }
  vips_concurrency_set(1);
  vips_cache_set_max(0);
  vips_cache_set_max_mem(0);
  vips_cache_set_max_files(0);
  vips_block_untrusted_set(TRUE);
  constexpr auto kNotFatal = static_cast<GLogLevelFlags>(G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE |
                                                         G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG);
  g_log_set_handler("VIPS", kNotFatal, IgnoreWarning, nullptr);
  StartMetadata();
  return absl::OkStatus();
}

bool SaysAny(std::string_view words, std::initializer_list<std::string_view> any) {
  for (std::string_view one : any) {
    if (words.find(one) != std::string_view::npos) return true;
  }
  return false;
}

// The last line: warnings stand before the error that ended the decoding.
std::string Cause(std::string_view words) {
  words = base::ToStd(absl::StripAsciiWhitespace(base::ToAbsl(words)));
  const std::size_t before = words.rfind('\n');
  return CleanLine(before == std::string_view::npos ? words : words.substr(before + 1), 160);
}

}  // namespace

absl::Status StartVips() {
  static const absl::Status status = Start();
  return status;
}

absl::Status VipsFailure(std::string_view what, std::string_view vips_words) {
  const std::string words = absl::AsciiStrToLower(base::ToAbsl(vips_words));
  vips_error_clear();
  // A thread that cannot be made had no address space for its stack.
  const std::string more =
      base::Concat(what, " needs more memory than one picture may take (", Cause(vips_words), ")");
  if (SaysAny(words, {"out of memory", "insufficient memory", "memory allocation",
                      "cannot allocate", "error creating thread"})) {
    return WantOfMemory(more);
  }
  if (SaysAny(words, {"security limit", "exceeds limit", "memory limit"})) {
    return absl::ResourceExhaustedError(more);
  }
  if (SaysAny(words, {"premature end", "truncated", "unexpected end", "end of stream", "read error",
                      "out of order read", "not enough data", "end of file"})) {
    return absl::InvalidArgumentError(
        base::Concat(what, " ends too early: the file was cut short"));
  }
  const std::string cause = Cause(vips_words);
  return absl::InvalidArgumentError(base::Concat(what, " is damaged and cannot be decoded",
                                                 cause.empty() ? "" : " (", cause,
                                                 cause.empty() ? "" : ")"));
}

}  // namespace proofline::imaging
