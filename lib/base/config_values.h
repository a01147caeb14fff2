// Between the halves of the config reader: from text or TOML to one checked value.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/config.h"

namespace proofline::base::internal {

// What a value of this type is called in a sentence: "a whole number".
std::string_view TypeInWords(ConfigType type);

// The members of a list written "a,b".
std::vector<std::string> SplitList(std::string_view text);

// The value of a row from its text form, checked against what the row allows. The error is the end
// of a sentence that begins with the key: `must be a whole number`.
absl::StatusOr<ConfigValue> ValueFromText(const ConfigRow& row, std::string_view text,
                                          const std::filesystem::path& folder);

// OK if the row allows the value; else the end of a sentence, as above.
absl::Status CheckAllowed(const ConfigRow& row, const ConfigValue& value);

// The known name nearest to `wrong`, or nothing if none is near enough to be what was meant.
std::string NearestName(std::string_view wrong, const std::vector<std::string>& known);

}  // namespace proofline::base::internal
