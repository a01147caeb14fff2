// Which columns of a roster are used, and what for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/csv.h"
#include "google/protobuf/map.h"

namespace proofline::studio {

// "Customer reference" is "customer_reference", "Customer" too; "fields.Class" stays. Empty if
// there is no such field.
std::string RosterField(std::string_view text);

// A column by its heading: exactly, otherwise without regard to case; -1 if there is none.
// InvalidArgument if two are called so.
absl::StatusOr<int> FindColumn(const CsvTable& table, std::string_view heading);
// The first of these headings that there is; -1 if none.
int FirstColumnOf(const CsvTable& table, const std::vector<std::string_view>& headings);

struct ColumnUse {
  int column = 0;
  std::string field;  // as RosterField() gives it
};

// The columns with the fields they set. `wanted` is heading to fields with commas between them; if
// it is empty every column that is called like a field is used. InvalidArgument (ROSTER_INVALID)
// for headings and fields that do not exist, and for two columns that set one field.
absl::StatusOr<std::vector<ColumnUse>> MapColumns(
    const CsvTable& table, const google::protobuf::Map<std::string, std::string>& wanted);

}  // namespace proofline::studio
