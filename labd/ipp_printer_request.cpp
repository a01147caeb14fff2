#include "labd/ipp_printer_request.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "lib/base/text.h"

namespace proofline::lab {
namespace {

// Half a millimetre, in 1/100 mm: as far as a sheet may be from the product's paper.
constexpr int kPaperTolerance = 50;

bool Has(const std::vector<std::string>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

std::string Choose(const std::vector<std::string>& supported, std::string_view wanted) {
  return Has(supported, wanted) ? std::string(wanted) : std::string();
}

// "glossy" is what IPP calls "photographic-glossy", if the printer has that.
std::string MediaType(const std::vector<std::string>& supported, const std::string& surface) {
  if (surface.empty()) return "";
  if (Has(supported, surface)) return surface;
  return Choose(supported, "photographic-" + surface);
}

std::string Paper(int width, int height) {
  return DescribePaper({std::int64_t{width} * 10, std::int64_t{height} * 10});
}

std::string PapersOf(const IppFacts& facts) {
  std::vector<std::string> names;
  for (const IppMedia& media : facts.media) {
    std::string name = Paper(media.max_width, media.max_height);
    if (media.min_width != media.max_width) name = "up to " + name;
    if (!Has(names, name)) names.push_back(std::move(name));
  }
  return Join(names);
}

int Distance(int value, int low, int high) { return std::max({low - value, value - high, 0}); }

// The smallest margin that a side can have, which must lie within the product's border.
std::optional<int> Margin(const std::vector<int>& supported, int border) {
  if (supported.empty()) return 0;
  const int smallest = *std::min_element(supported.begin(), supported.end());
  if (smallest > border) return std::nullopt;
  return smallest;
}

absl::Status ChooseMargins(const Product& product, const IppFacts& facts, IppJobRequest& request) {
  const int border = static_cast<int>(product.border_um / 10);
  const auto left = Margin(facts.margins_left, border);
  const auto right = Margin(facts.margins_right, border);
  const auto top = Margin(facts.margins_top, border);
  const auto bottom = Margin(facts.margins_bottom, border);
  if (!left || !right || !top || !bottom) {
    return absl::FailedPreconditionError(base::Concat(
        "product \"", product.id, "\" needs ",
        border == 0 ? "printing to the edge of the sheet" : "smaller margins",
        ", which the printer cannot do; give the product a wider border or another printer"));
  }
  request.margin_left = *left;
  request.margin_right = *right;
  request.margin_top = *top;
  request.margin_bottom = *bottom;
  return absl::OkStatus();
}

absl::Status ChooseMedia(const Product& product, const IppFacts& facts, IppJobRequest& request) {
  const int width = static_cast<int>((product.paper.width_um + 5) / 10);
  const int height = static_cast<int>((product.paper.height_um + 5) / 10);
  if (facts.media.empty()) {
    // A CUPS queue without a driver, say: it takes what it is given.
    request.media_width = width;
    request.media_height = height;
    return absl::OkStatus();
  }
  int best = kPaperTolerance + 1;
  for (const IppMedia& media : facts.media) {
    const int distance = std::max(Distance(width, media.min_width, media.max_width),
                                  Distance(height, media.min_height, media.max_height));
    if (distance >= best) continue;
    best = distance;
    request.media_width = std::clamp(width, media.min_width, media.max_width);
    request.media_height = std::clamp(height, media.min_height, media.max_height);
  }
  if (best <= kPaperTolerance) return absl::OkStatus();
  return absl::FailedPreconditionError(
      base::Concat("the printer has no ", DescribePaper(product.paper), " paper, which product \"",
                   product.id, "\" is printed on; it has ", PapersOf(facts),
                   ". Correct the product or give it another printer"));
}

struct Reason {
  std::string_view keyword;
  std::string_view words;
};

// Of printer-state-reasons: what stops pages.
constexpr Reason kHindrances[] = {
    {"media-empty", "out of paper"},
    {"media-needed", "the right paper is not loaded"},
    {"media-jam", "paper jam"},
    {"input-tray-missing", "the paper tray is missing"},
    {"cover-open", "its cover is open"},
    {"door-open", "its door is open"},
    {"interlock-open", "it is open"},
    {"marker-supply-empty", "out of ink"},
    {"toner-empty", "out of toner"},
    {"marker-waste-full", "its waste container is full"},
    {"output-area-full", "its output tray is full"},
    {"spool-area-full", "its memory is full"},
    {"offline", "it is offline"},
    {"paused", "it is paused"},
    {"shutdown", "it is shutting down"},
};

// A reason that does not stop the printer by itself: one of two trays may be empty.
bool IsMild(std::string_view reason) {
  return reason.ends_with("-warning") || reason.ends_with("-report");
}

// What a reason means, if it is one of kHindrances.
std::string_view WordsFor(std::string_view reason) {
  for (const std::string_view suffix : {"-warning", "-report", "-error"}) {
    if (reason.ends_with(suffix)) reason.remove_suffix(suffix.size());
  }
  for (const Reason& known : kHindrances) {
    if (known.keyword == reason) return known.words;
  }
  return "";
}

}  // namespace

std::string Join(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& part : list) text += (text.empty() ? "" : ", ") + part;
  return text;
}

PrinterHealth HealthOf(const IppFacts& facts) {
  const std::string hindrance = Hindrance(facts);
  if (!hindrance.empty()) return {true, false, hindrance};
  for (const std::string& reason : facts.reasons) {
    const std::string_view words = WordsFor(reason);
    if (!words.empty()) return {true, true, std::string(words)};
  }
  return {true, true, facts.message};
}

std::string Hindrance(const IppFacts& facts) {
  for (const std::string& reason : facts.reasons) {
    if (IsMild(reason)) continue;
    const std::string_view words = WordsFor(reason);
    if (!words.empty()) return std::string(words);
  }
  if (facts.state == IppFacts::State::kStopped) {
    const std::string says = facts.message.empty() ? Join(facts.reasons) : facts.message;
    return says.empty() ? "it is stopped" : "it is stopped: " + says;
  }
  if (!facts.accepting) return "it takes no jobs now";
  return "";
}

absl::StatusOr<IppJobRequest> RequestFor(const Product& product, const IppFacts& facts) {
  IppJobRequest request;
  if (!facts.formats.empty() && !Has(facts.formats, kIppPageFormat)) {
    return absl::FailedPreconditionError(
        base::Concat("the printer does not print JPEG, only ", Join(facts.formats),
                     "; use it through a CUPS queue, which converts"));
  }
  request.format = kIppPageFormat;
  if (absl::Status media = ChooseMedia(product, facts, request); !media.ok()) return media;
  if (absl::Status margins = ChooseMargins(product, facts, request); !margins.ok()) return margins;
  request.media_type = MediaType(facts.media_types, product.surface);
  request.print_scaling = Choose(facts.print_scalings, "none");
  request.content_optimize = Choose(facts.content_optimizes, "photo");
  const auto offers = [](const std::vector<int>& list, int value) {
    return std::find(list.begin(), list.end(), value) != list.end() ? value : 0;
  };
  request.quality = offers(facts.qualities, 5);         // high
  request.orientation = offers(facts.orientations, 3);  // portrait, as the sheet is fed
  request.with_copies = facts.max_copies > 1;
  return request;
}

}  // namespace proofline::lab
