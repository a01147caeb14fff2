#include "lib/base/config.h"

// A file that is not TOML is for people to hear of. Where assertions are on, toml++ has some that
// such a file breaks, "[[[[" for one; without them it comes to the same error a moment later.
#define TOML_ASSERT(expression) static_cast<void>(0)
#include <toml++/toml.h>

#include <algorithm>
#include <limits>
#include <system_error>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/config_values.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::base {

// Checks one TOML table against rows (and arrays), and collects what is wrong with it.
class ConfigReader {
 public:
  struct Problem {
    int line = 0;  // 0: something is missing, and so has no line
    std::string sentence;
  };

  ConfigReader(std::string file, std::filesystem::path folder, std::vector<Problem>& problems)
      : file_(std::move(file)), folder_(std::move(folder)), problems_(problems) {}

  // `shown` stands before the keys in sentences: "lab." for a table of the array `lab`; `line` is
  // the line of such a table.
  Config Read(const toml::table& toml, const std::vector<ConfigRow>& rows,
              const std::vector<ConfigArray>& arrays, const std::string& shown, int line) {
    rows_ = &rows;
    arrays_ = &arrays;
    shown_ = shown;
    config_.file_ = file_;
    Walk(toml, "");
    for (const ConfigRow& row : rows) {
      if (!config_.entries_.contains(row.key)) FillIn(row, line);
    }
    for (const ConfigArray& array : arrays) config_.tables_[array.name];
    return std::move(config_);
  }

 private:
  void Complain(int line, std::string sentence) {
    problems_.push_back({line, std::move(sentence)});
  }

  void Walk(const toml::table& table, const std::string& prefix) {
    for (const auto& [toml_key, node] : table) {
      const std::string key = prefix + std::string(toml_key.str());
      const int line = static_cast<int>(toml_key.source().begin.line);
      const auto row = std::find_if(rows_->begin(), rows_->end(),
                                    [&](const ConfigRow& known) { return known.key == key; });
      const auto array = std::find_if(arrays_->begin(), arrays_->end(),
                                      [&](const ConfigArray& known) { return known.name == key; });
      if (row != rows_->end()) {
        Take(*row, node, line);
      } else if (array != arrays_->end()) {
        TakeArray(*array, node, line);
      } else if (node.is_table() && IsTableOfRows(key)) {
        Walk(*node.as_table(), key + ".");
      } else {
        ComplainUnknown(key, node, line);
      }
    }
  }

  bool IsTableOfRows(const std::string& key) const {
    return std::any_of(rows_->begin(), rows_->end(),
                       [&](const ConfigRow& row) { return row.key.starts_with(key + "."); });
  }

  void Take(const ConfigRow& row, const toml::node& node, int line) {
    absl::StatusOr<ConfigValue> value = Convert(row, node);
    if (value.ok()) {
      config_.entries_[row.key] = {*std::move(value), line};
      return;
    }
    Complain(line, Concat("\"", shown_, row.key, "\" ", value.status().message()));
    // Present, if wrong: not to be called missing as well.
    config_.entries_[row.key];
  }

  absl::StatusOr<ConfigValue> Convert(const ConfigRow& row, const toml::node& node) const {
    const absl::Status wrong =
        absl::InvalidArgumentError(Concat("must be ", internal::TypeInWords(row.type)));
    switch (row.type) {
      case ConfigType::kInt:
      case ConfigType::kBool: {
        if (node.is_integer() && row.type == ConfigType::kInt) {
          return internal::ValueFromText(row, Concat(node.as_integer()->get()), folder_);
        }
        if (!node.is_boolean() || row.type != ConfigType::kBool) return wrong;
        return ConfigValue(node.as_boolean()->get());
      }
      case ConfigType::kSize:
        if (node.is_integer()) {
          return internal::ValueFromText(row, Concat(node.as_integer()->get()), folder_);
        }
        break;
      case ConfigType::kStringList:
        return ConvertList(row, node, wrong);
      default:
        break;
    }
    if (!node.is_string()) return wrong;
    return internal::ValueFromText(row, node.as_string()->get(), folder_);
  }

  static absl::StatusOr<ConfigValue> ConvertList(const ConfigRow& row, const toml::node& node,
                                                 const absl::Status& wrong) {
    if (!node.is_array()) return wrong;
    std::vector<std::string> members;
    for (const toml::node& member : *node.as_array()) {
      if (!member.is_string()) return wrong;
      members.push_back(member.as_string()->get());
    }
    ConfigValue value(std::move(members));
    if (absl::Status status = internal::CheckAllowed(row, value); !status.ok()) return status;
    return value;
  }

  void TakeArray(const ConfigArray& array, const toml::node& node, int line) {
    const bool tables = node.is_array_of_tables() || (node.is_array() && node.as_array()->empty());
    if (!tables) {
      Complain(line, Concat("\"", shown_, array.name, "\" can stand several times: write [[",
                            array.name, "]], with two brackets"));
      return;
    }
    std::vector<Config>& read = config_.tables_[array.name];
    for (const toml::node& member : *node.as_array()) {
      static const std::vector<ConfigArray> kNoArrays;
      ConfigReader reader(file_, folder_, problems_);
      read.push_back(reader.Read(*member.as_table(), array.rows, kNoArrays,
                                 Concat(shown_, array.name, "."),
                                 static_cast<int>(member.source().begin.line)));
    }
  }

  void ComplainUnknown(const std::string& key, const toml::node& node, int line) {
    // A whole unknown table: name its first key, which says more.
    const toml::table* table = node.as_table();
    if (node.is_array_of_tables()) table = (*node.as_array())[0].as_table();
    if (table != nullptr && !table->empty()) {
      const auto begin = table->begin();
      const toml::key& first = begin->first;
      ComplainUnknown(Concat(key, ".", first.str()), begin->second,
                      static_cast<int>(first.source().begin.line));
      return;
    }
    std::vector<std::string> known;
    for (const ConfigRow& row : *rows_) known.push_back(row.key);
    for (const ConfigArray& array : *arrays_) {
      known.push_back(array.name);
      for (const ConfigRow& row : array.rows) known.push_back(array.name + "." + row.key);
    }
    const std::string near = internal::NearestName(key, known);
    Complain(line, Concat("unknown key \"", shown_, key, "\"",
                          near.empty() ? "; see the sample file for the known ones"
                                       : Concat("; did you mean \"", shown_, near, "\"?")));
  }

  void FillIn(const ConfigRow& row, int line) {
    if (!row.default_text.has_value()) {
      Complain(line, Concat("\"", shown_, row.key, "\" is missing; it ", "must be given and be ",
                            internal::TypeInWords(row.type)));
      return;
    }
    absl::StatusOr<ConfigValue> value = internal::ValueFromText(row, *row.default_text, folder_);
    PROOFLINE_CHECK(value.ok(), Concat("the default of the key ", row.key, " is allowed"));
    config_.entries_[row.key] = {*std::move(value), 0};
  }

  const std::string file_;
  const std::filesystem::path folder_;
  std::vector<Problem>& problems_;
  const std::vector<ConfigRow>* rows_ = nullptr;
  const std::vector<ConfigArray>* arrays_ = nullptr;
  std::string shown_;
  Config config_;
};

const Config::Entry& Config::Find(std::string_view key) const {
  const auto found = entries_.find(key);
  PROOFLINE_CHECK(found != entries_.end(), Concat("the config table has the key ", key));
  return found->second;
}

template <typename T>
const T& Config::Get(std::string_view key) const {
  const T* value = std::get_if<T>(&Find(key).value);
  PROOFLINE_CHECK(value != nullptr, Concat("the key ", key, " is read as its own type"));
  return *value;
}

const std::string& Config::GetString(std::string_view key) const { return Get<std::string>(key); }
std::int64_t Config::GetInt(std::string_view key) const { return Get<std::int64_t>(key); }
bool Config::GetBool(std::string_view key) const { return Get<bool>(key); }
std::chrono::milliseconds Config::GetDuration(std::string_view key) const {
  return Get<std::chrono::milliseconds>(key);
}
std::uint64_t Config::GetSize(std::string_view key) const { return Get<std::uint64_t>(key); }
const std::filesystem::path& Config::GetPath(std::string_view key) const {
  return Get<std::filesystem::path>(key);
}
const std::vector<std::string>& Config::GetStringList(std::string_view key) const {
  return Get<std::vector<std::string>>(key);
}

const std::vector<Config>& Config::GetTables(std::string_view name) const {
  const auto found = tables_.find(name);
  PROOFLINE_CHECK(found != tables_.end(), Concat("the config table has the array ", name));
  return found->second;
}

bool Config::Has(std::string_view key) const { return Find(key).line > 0; }

std::string Config::Where(std::string_view key) const {
  const int line = Find(key).line;
  return line > 0 ? Concat(file_, " line ", line) : file_;
}

std::vector<std::string> ChangedKeys(const Config& before, const Config& after) {
  std::vector<std::string> changed;
  for (const auto& [key, entry] : after.entries_) {
    const auto old = before.entries_.find(key);
    if (old == before.entries_.end() || old->second.value != entry.value) changed.push_back(key);
  }
  for (const auto& [name, tables] : after.tables_) {
    const auto old = before.tables_.find(name);
    const bool same = old != before.tables_.end() &&
                      std::equal(tables.begin(), tables.end(), old->second.begin(),
                                 old->second.end(), [](const Config& left, const Config& right) {
                                   return ChangedKeys(left, right).empty();
                                 });
    if (!same) changed.push_back(name);
  }
  std::sort(changed.begin(), changed.end());
  return changed;
}

absl::StatusOr<Config> LoadConfig(const std::filesystem::path& path, const ConfigTable& table) {
  constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{1} << 20;
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxConfigBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(Concat("cannot read config ", path.string(),
                                      ": no such file; create it, or name another one"));
  }
  if (!text.ok()) {
    return {absl::Status(text.status().code(),
                         Concat("cannot read the config: ", text.status().message()))};
  }
  return ParseConfig(*text, path, table);
}

absl::StatusOr<Config> ParseConfig(std::string_view text, const std::filesystem::path& path,
                                   const ConfigTable& table) {
  toml::table toml;
  try {
    toml = toml::parse(text, path.string());
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(Concat(path.string(), " line ", error.source().begin.line,
                                             ": this is not TOML: ", error.description()));
  }
  std::error_code no_folder;
  const std::filesystem::path absolute = std::filesystem::absolute(path, no_folder);
  std::vector<ConfigReader::Problem> problems;
  ConfigReader reader(path.string(), (no_folder ? path : absolute).parent_path(), problems);
  Config config = reader.Read(toml, table.rows, table.arrays, "", 0);
  if (problems.empty()) return config;
  // One at a time, the topmost; what is missing comes when all that is there is right.
  const auto order = [](const ConfigReader::Problem& problem) {
    return problem.line == 0 ? std::numeric_limits<int>::max() : problem.line;
  };
  const ConfigReader::Problem& first = *std::min_element(
      problems.begin(), problems.end(),
      [&](const auto& left, const auto& right) { return order(left) < order(right); });
  return absl::InvalidArgumentError(Concat(
      path.string(), first.line > 0 ? Concat(" line ", first.line) : "", ": ", first.sentence));
}

}  // namespace proofline::base
