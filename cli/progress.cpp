#include "cli/progress.h"

#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

// Back to the line's beginning, and everything on it gone.
constexpr std::string_view kClearLine = "\r\x1b[K";

}  // namespace

void Progress::Show(std::string_view text) {
  if (!output_.shows_progress() || text == shown_) return;
  shown_ = text;
  output_.Raw(base::Concat(kClearLine, Printable(text)));
}

void Progress::Show(std::string_view verb, std::int64_t done, std::int64_t total) {
  Show(base::Concat(verb, " ", done, " of ", total));
}

void Progress::Clear() {
  if (shown_.empty()) return;
  shown_.clear();
  output_.Raw(kClearLine);
}

}  // namespace proofline::cli
