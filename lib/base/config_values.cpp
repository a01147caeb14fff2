#include "lib/base/config_values.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>
#include <system_error>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/base/check.h"
#include "lib/base/text.h"

namespace proofline::base {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr Unit kDurationUnits[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3600'000}, {"d", 24 * 3600'000}};
constexpr Unit kSizeUnits[] = {{"KiB", std::uint64_t{1} << 10},
                               {"MiB", std::uint64_t{1} << 20},
                               {"GiB", std::uint64_t{1} << 30},
                               {"TiB", std::uint64_t{1} << 40},
                               {"kB", 1000},
                               {"KB", 1000},
                               {"MB", 1000'000},
                               {"GB", 1000'000'000},
                               {"TB", 1000'000'000'000},
                               {"B", 1},
                               {"", 1}};

template <typename T>
bool ParseNumber(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// A whole number with one of the units, at most `max` when multiplied out.
template <std::size_t N>
bool ParseWithUnit(std::string_view text, const Unit (&units)[N], std::uint64_t max,
                   std::uint64_t& result) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::uint64_t number = 0;
  if (digits == 0 || !ParseNumber(text.substr(0, digits), number)) return false;
  std::string_view name = text.substr(digits);
  while (name.starts_with(' ')) name.remove_prefix(1);
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (number > max / unit.factor) return false;
    result = number * unit.factor;
    return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  // A century is longer than anybody waits, and far from overflowing nanoseconds.
  constexpr std::uint64_t kMax = std::uint64_t{100} * 365 * 24 * 3600 * 1000;
  std::uint64_t milliseconds = 0;
  if (text != "0" && !ParseWithUnit(text, kDurationUnits, kMax, milliseconds)) {
    return absl::InvalidArgumentError(R"(must be a duration such as "500ms", "2s", "15m" or "1h")");
  }
  return std::chrono::milliseconds(milliseconds);
}

absl::StatusOr<std::uint64_t> ParseSize(std::string_view text) {
  std::uint64_t bytes = 0;
  if (!ParseWithUnit(text, kSizeUnits, std::numeric_limits<std::int64_t>::max(), bytes)) {
    return absl::InvalidArgumentError(
        R"(must be a size in bytes such as 1048576, "64KiB", "256MiB" or "2GB")");
  }
  return bytes;
}

namespace internal {
namespace {

// Values of numbers, durations and sizes as one kind of number, for ranges.
std::uint64_t Magnitude(const ConfigValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    // Shifted, so that negative numbers keep their order.
    return static_cast<std::uint64_t>(*number) ^ (std::uint64_t{1} << 63);
  }
  if (const auto* duration = std::get_if<std::chrono::milliseconds>(&value)) {
    return static_cast<std::uint64_t>(duration->count());
  }
  return std::get<std::uint64_t>(value);
}

absl::Status CheckRange(const ConfigRow& row, const ConfigValue& value) {
  const std::size_t dots = row.allowed.find("..");
  PROOFLINE_CHECK(dots != std::string::npos, Concat("the range of the key ", row.key, " has dots"));
  const std::string low = row.allowed.substr(0, dots);
  const std::string high = row.allowed.substr(dots + 2);
  ConfigRow plain = row;
  plain.allowed.clear();
  const auto limit = [&](std::string_view text) {
    const absl::StatusOr<ConfigValue> parsed = ValueFromText(plain, text, {});
    PROOFLINE_CHECK(parsed.ok(), Concat("the range of the key ", row.key, " is readable"));
    return Magnitude(*parsed);
  };
  const std::uint64_t magnitude = Magnitude(value);
  const bool good =
      (low.empty() || magnitude >= limit(low)) && (high.empty() || magnitude <= limit(high));
  if (good) return absl::OkStatus();
  if (high.empty()) return absl::InvalidArgumentError(Concat("must be at least ", low));
  if (low.empty()) return absl::InvalidArgumentError(Concat("must be at most ", high));
  return absl::InvalidArgumentError(Concat("must be between ", low, " and ", high));
}

absl::Status CheckChoice(const ConfigRow& row, const std::string& value) {
  const std::vector<std::string> choices = absl::StrSplit(row.allowed, '|');
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return absl::OkStatus();
  const std::string near = NearestName(value, choices);
  return absl::InvalidArgumentError(
      Concat("must be one of ", absl::StrJoin(choices, ", "), ", not \"", value, "\"",
             near.empty() ? "" : Concat("; did you mean \"", near, "\"?")));
}

absl::Status WrongType(const ConfigRow& row) {
  return absl::InvalidArgumentError(Concat("must be ", TypeInWords(row.type)));
}

absl::StatusOr<ConfigValue> ConvertText(const ConfigRow& row, std::string_view text,
                                        const std::filesystem::path& folder) {
  switch (row.type) {
    case ConfigType::kString:
      return ConfigValue(std::string(text));
    case ConfigType::kInt: {
      std::int64_t number = 0;
      if (!ParseNumber(text, number)) return WrongType(row);
      return ConfigValue(number);
    }
    case ConfigType::kBool:
      if (text != "true" && text != "false") return WrongType(row);
      return ConfigValue(text == "true");
    case ConfigType::kDuration: {
      const auto duration = ParseDuration(text);
      if (!duration.ok()) return duration.status();
      return ConfigValue(*duration);
    }
    case ConfigType::kSize: {
      const auto size = ParseSize(text);
      if (!size.ok()) return size.status();
      return ConfigValue(*size);
    }
    case ConfigType::kPath:
      if (text.empty()) return ConfigValue(std::filesystem::path());
      return ConfigValue((folder / std::filesystem::path(text)).lexically_normal());
    case ConfigType::kStringList:
      return ConfigValue(SplitList(text));
  }
  return WrongType(row);
}

}  // namespace

std::string_view TypeInWords(ConfigType type) {
  switch (type) {
    case ConfigType::kString:
      return "text in quotes";
    case ConfigType::kInt:
      return "a whole number";
    case ConfigType::kBool:
      return "true or false";
    case ConfigType::kDuration:
      return R"(a duration in quotes such as "500ms", "2s", "15m" or "1h")";
    case ConfigType::kSize:
      return R"(a size in bytes such as 1048576, "64KiB", "256MiB" or "2GB")";
    case ConfigType::kPath:
      return "a path in quotes";
    case ConfigType::kStringList:
      return R"(a list of texts such as ["one", "two"])";
  }
  return "a value";
}

std::vector<std::string> SplitList(std::string_view text) {
  if (text.empty()) return {};
  return absl::StrSplit(ToAbsl(text), ',');
}

absl::StatusOr<ConfigValue> ValueFromText(const ConfigRow& row, std::string_view text,
                                          const std::filesystem::path& folder) {
  absl::StatusOr<ConfigValue> value = ConvertText(row, text, folder);
  if (!value.ok()) return value;
  if (absl::Status status = CheckAllowed(row, *value); !status.ok()) return status;
  return value;
}

absl::Status CheckAllowed(const ConfigRow& row, const ConfigValue& value) {
  const bool is_empty =
      (std::holds_alternative<std::string>(value) && std::get<std::string>(value).empty()) ||
      (std::holds_alternative<std::filesystem::path>(value) &&
       std::get<std::filesystem::path>(value).empty());
  if (is_empty && !row.default_text.has_value()) {
    return absl::InvalidArgumentError("must not be empty");
  }
  if (row.allowed.empty() || (is_empty && row.default_text == "")) return absl::OkStatus();
  if (const auto* text = std::get_if<std::string>(&value)) return CheckChoice(row, *text);
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& member : *list) {
      if (absl::Status status = CheckChoice(row, member); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  if (row.type == ConfigType::kBool || row.type == ConfigType::kPath) return absl::OkStatus();
  return CheckRange(row, value);
}

std::string NearestName(std::string_view wrong, const std::vector<std::string>& known) {
  std::string nearest;
  std::size_t nearest_distance = std::max<std::size_t>(2, wrong.size() / 3) + 1;
  for (const std::string& name : known) {
    // The right key in the wrong table (or in none) is as good as a near miss.
    if (name.ends_with(Concat(".", wrong)) && nearest_distance > 1) {
      nearest_distance = 1;
      nearest = name;
    }
    // Levenshtein distance, one row of the matrix at a time.
    std::vector<std::size_t> row(name.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < wrong.size(); ++i) {
      std::size_t diagonal = row[0]++;
      for (std::size_t j = 0; j < name.size(); ++j) {
        const std::size_t replaced = diagonal + (wrong[i] == name[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({replaced, row[j + 1] + 1, row[j] + 1});
      }
    }
    if (row.back() < nearest_distance) {
      nearest_distance = row.back();
      nearest = name;
    }
  }
  return nearest;
}

}  // namespace internal
}  // namespace proofline::base
