#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "lib/base/config.h"
#include "lib/base/config_values.h"
#include "lib/base/text.h"

namespace proofline::base {
namespace {

std::string Quoted(std::string_view text) {
  return Concat("\"", absl::StrReplaceAll(ToAbsl(text), {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

// The text form of a value as TOML.
std::string TomlOf(const ConfigRow& row) {
  const std::string text = row.default_text.value_or("");
  switch (row.type) {
    case ConfigType::kInt:
      return text.empty() ? "0" : text;
    case ConfigType::kBool:
      return text.empty() ? "false" : text;
    case ConfigType::kStringList: {
      std::vector<std::string> members;
      for (const std::string& member : internal::SplitList(text)) members.push_back(Quoted(member));
      return Concat("[", absl::StrJoin(members, ", "), "]");
    }
    default:
      return Quoted(text);
  }
}

std::string_view TableOf(const ConfigRow& row) {
  const std::size_t dot = row.key.rfind('.');
  return dot == std::string::npos ? std::string_view() : std::string_view(row.key).substr(0, dot);
}

// One key with its comment; `lead` stands before every line.
std::string RowText(const ConfigRow& row, std::string_view lead) {
  const std::string_view table = TableOf(row);
  const std::string_view name =
      std::string_view(row.key).substr(table.empty() ? 0 : table.size() + 1);
  const bool required = !row.default_text.has_value();
  std::string out = Concat(lead, "# ", row.help);
  if (!row.allowed.empty()) {
    const std::string allowed = absl::StrReplaceAll(row.allowed, {{"|", ", "}});
    out += Concat(row.help.empty() ? "" : " ", "Allowed: ", allowed, ".");
  }
  if (required) out += Concat(" Required.");
  out += Concat("\n", lead, required && lead.empty() ? "# " : "", name, " = ", TomlOf(row), "\n");
  return out;
}

// The rows below one table, in their order.
std::string TableText(const std::vector<ConfigRow>& rows, std::string_view table,
                      std::string_view lead) {
  std::string out;
  for (const ConfigRow& row : rows) {
    if (TableOf(row) == table) out += Concat(RowText(row, lead));
  }
  return out;
}

std::vector<std::string_view> TablesOf(const std::vector<ConfigRow>& rows) {
  std::vector<std::string_view> tables;
  for (const ConfigRow& row : rows) {
    const std::string_view table = TableOf(row);
    bool known = table.empty();
    for (const std::string_view other : tables) known = known || other == table;
    if (!known) tables.push_back(table);
  }
  return tables;
}

}  // namespace

std::string SampleConfig(const ConfigTable& table) {
  std::string out = TableText(table.rows, "", "");
  for (const std::string_view name : TablesOf(table.rows)) {
    out += Concat(out.empty() ? "" : "\n", "[", name, "]\n", TableText(table.rows, name, ""));
  }
  for (const ConfigArray& array : table.arrays) {
    out += Concat(out.empty() ? "" : "\n", "# ", array.help, "\n# [[", array.name, "]]\n",
                  TableText(array.rows, "", "# "));
    for (const std::string_view name : TablesOf(array.rows)) {
      out += Concat("# [", array.name, ".", name, "]\n", TableText(array.rows, name, "# "));
    }
  }
  return out;
}

}  // namespace proofline::base
