// Configuration: one table of keys per program, TOML files checked against it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace proofline::base {

enum class ConfigType {
  kString,
  kInt,  // signed 64 bit
  kBool,
  kDuration,  // "500ms", "2s", "15m", "1h", "7d"; "0" is none
  kSize,      // bytes: 1048576, "64KiB", "256MiB", "2GiB", "10MB"
  kPath,      // relative paths count from the folder of the config file
  kStringList,
};

// A key without a default: the file must have it, and a string must not be empty.
inline constexpr std::nullopt_t kRequired = std::nullopt;

// One key. Everything is text, as a person would write it in the file (strings without quotes).
struct ConfigRow {
  // Dotted, below the tables of the file: "host.address" is `address` in `[host]`.
  std::string key{};
  ConfigType type = ConfigType::kString;
  // kRequired, or the value of a key the file leaves out. A list is written "a,b"; "" is the empty
  // string, no path, the empty list.
  std::optional<std::string> default_text{};
  // What is allowed: "" everything; strings and each member of a list "debug|info|warn"; numbers,
  // durations and sizes a range "1..65535", "1s..1h", "16MiB..", both ends included, either open.
  // An empty string or path which is the default is always allowed.
  std::string allowed{};
  // One sentence for the sample file.
  std::string help{};
};

// An array of tables, `[[lab]]`; its rows' keys count from there.
struct ConfigArray {
  std::string name{};
  std::string help{};
  std::vector<ConfigRow> rows{};
};

// Everything a program's config file may say.
struct ConfigTable {
  std::vector<ConfigRow> rows{};
  std::vector<ConfigArray> arrays{};
};

// What a key holds; the alternatives stand in the order of their use by the types above.
using ConfigValue = std::variant<std::string, std::int64_t, bool, std::chrono::milliseconds,
                                 std::uint64_t, std::filesystem::path, std::vector<std::string>>;

// The values of one file (or of one table of an array), checked, with defaults filled in.
// Immutable, copyable; any number of threads may read. Asking for a key that the table does not
// have, or with the wrong type, is a broken invariant and ends the process.
class Config {
 public:
  const std::string& GetString(std::string_view key) const;
  std::int64_t GetInt(std::string_view key) const;
  bool GetBool(std::string_view key) const;
  std::chrono::milliseconds GetDuration(std::string_view key) const;
  // Bytes.
  std::uint64_t GetSize(std::string_view key) const;
  // Absolute; empty if the value is the empty string.
  const std::filesystem::path& GetPath(std::string_view key) const;
  const std::vector<std::string>& GetStringList(std::string_view key) const;
  // The tables of an array in the file's order; none if the file has none.
  const std::vector<Config>& GetTables(std::string_view name) const;

  // True if the file itself has the key.
  bool Has(std::string_view key) const;
  // "studio.toml line 7" for a key the file has, else "studio.toml": the beginning of a sentence
  // about a value that turns out to be wrong later.
  std::string Where(std::string_view key) const;

 private:
  friend class ConfigReader;
  friend std::vector<std::string> ChangedKeys(const Config& before, const Config& after);
  struct Entry {
    ConfigValue value;
    int line = 0;  // 0: a default
  };

  const Entry& Find(std::string_view key) const;
  template <typename T>
  const T& Get(std::string_view key) const;

  std::string file_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::map<std::string, std::vector<Config>, std::less<>> tables_;
};

// Reads and checks a file (1 MiB at most). Errors are one sentence each with file, line and key:
// unknown keys (with the nearest known one), wrong types, values that are not allowed, missing
// required keys, TOML syntax. A missing file is NotFound, everything wrong in it InvalidArgument.
absl::StatusOr<Config> LoadConfig(const std::filesystem::path& path, const ConfigTable& table);

// The same for text that is in memory; `path` names it in errors and anchors relative paths.
absl::StatusOr<Config> ParseConfig(std::string_view text, const std::filesystem::path& path,
                                   const ConfigTable& table);

// The keys whose values differ, sorted; an array of tables that differs anywhere by its name. Both
// were read with the same table.
std::vector<std::string> ChangedKeys(const Config& before, const Config& after);

// A commented TOML file with every key at its default; required keys stand commented out with an
// empty value. It parses against the same table once the required keys are given.
std::string SampleConfig(const ConfigTable& table);

// The text forms of durations and sizes, for command lines too. InvalidArgument says which forms
// there are.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text);
absl::StatusOr<std::uint64_t> ParseSize(std::string_view text);

}  // namespace proofline::base
