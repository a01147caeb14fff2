// Resource names from what people type: in full, or as few identifiers as tell which thing is
// meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace proofline::cli {

// The names that people see most.
inline constexpr std::string_view kStudioPattern = "studios/*";
inline constexpr std::string_view kDevicePattern = "studios/*/devices/*";
inline constexpr std::string_view kCustomerPattern = "studios/*/customers/*";
inline constexpr std::string_view kGalleryPattern = "studios/*/galleries/*";
inline constexpr std::string_view kPhotoPattern = "studios/*/galleries/*/photos/*";
inline constexpr std::string_view kOrderPattern = "studios/*/orders/*";
inline constexpr std::string_view kProductPattern = "studios/*/labs/*/products/*";
inline constexpr std::string_view kJobPattern = "jobs/*";
inline constexpr std::string_view kItemPattern = "jobs/*/items/*";
inline constexpr std::string_view kPrinterPattern = "printers/*";

// The full name of `pattern` that `text` means: the name itself, the name without its beginning
// ("galleries/g/photos/p"), or identifiers alone ("g/p", "s/g/p"), where what is left out at the
// beginning is taken from `known`, the identifiers that are known from elsewhere, first one first.
// Nothing when `text` is none of these or leaves out more than is known.
std::optional<std::string> ExpandName(std::string_view pattern, std::string_view text,
                                      const std::vector<std::string>& known = {});

// The same; the UsageError says that `text` is no `what` ("an order") and shows both forms.
absl::StatusOr<std::string> RequireName(std::string_view pattern, std::string_view text,
                                        std::string_view what,
                                        const std::vector<std::string>& known = {});

// The identifier of the studio that a name of any kind belongs to; empty if it names none.
std::string StudioOf(std::string_view name);

// The only one of `names` whose last identifier, or whose ending at a slash, is `text`. Ambiguous
// text is a UsageError that shows the first of them, unknown text NotFound ("no WHAT is called …").
absl::StatusOr<std::string> PickByEnding(const std::vector<std::string>& names,
                                         std::string_view text, std::string_view what);

}  // namespace proofline::cli
