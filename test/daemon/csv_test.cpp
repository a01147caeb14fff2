#include "daemon/csv.h"

#include "lib/rpc/status.h"
#include "test/catch.h"

namespace proofline::studio {
namespace {

using Cells = std::vector<std::string>;

CsvTable Parsed(std::string_view text) {
  const absl::StatusOr<CsvTable> table = ParseCsv(text);
  INFO(table.status().message());
  REQUIRE(table.ok());
  return *table;
}

// The sentence of the error, after checking that its details name the line.
std::string Refused(std::string_view text, int line) {
  const absl::Status status = ParseCsv(text).status();
  INFO(std::string(status.message()));
  CHECK(absl::IsInvalidArgument(status));
  CHECK(rpc::ReasonOf(status) == "ROSTER_INVALID");
  CHECK(rpc::DetailOf(status, "line") == std::to_string(line));
  return std::string(status.message());
}

TEST_CASE("a table is read with quotes, line breaks in values, and the line of each row") {
  const CsvTable table = Parsed(
      "Name,Note\r\n\"Smith, Ada\",\"says \"\"hello\"\"\nand goes\"\r\n\r\nBen , plain \"word\" "
      "\r\n");
  CHECK(table.separator == ',');
  CHECK(table.header == Cells{"Name", "Note"});
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0].cells == Cells{"Smith, Ada", "says \"hello\"\nand goes"});
  CHECK(table.rows[0].line == 2);
  CHECK(table.rows[1].cells == Cells{"Ben", "plain \"word\""});
  CHECK(table.rows[1].line == 5);
}

TEST_CASE("byte order mark, any line ends, any of three separators, and no newline at the end") {
  for (const char* text : {"\xEF\xBB\xBF"
                           "a;b\r\n1;2,3",
                           "a;b\n1;2,3\n", "a;b\r1;2,3\r", "sep=;\r\na;b\r\n1;2,3\r\n",
                           "a;b;\r\n1;2,3;\r\n;;\r\n", "\n a ; b \n\n \"1\" ; 2,3 \n"}) {
    INFO(text);
    const CsvTable table = Parsed(text);
    CHECK(table.separator == ';');
    CHECK(table.header == Cells{"a", "b"});
    REQUIRE(table.rows.size() == 1);
    CHECK(table.rows[0].cells == Cells{"1", "2,3"});
  }
  CHECK(Parsed("a\tb,c\n1\t2").separator == '\t');
  CHECK(Parsed("\"a;b;c\",d\n1,2").separator == ',');
  CHECK(Parsed("only\nx\n").rows[0].cells == Cells{"x"});
}

TEST_CASE("a table that cannot be right is refused with its line") {
  CHECK(Refused("", 1).find("empty") != std::string::npos);
  CHECK(Refused("\xEF\xBB\xBF\r\n", 1).find("empty") != std::string::npos);
  CHECK(Refused("a,b\n1,2\n1,2,3\n", 3).find("3 values") != std::string::npos);
  CHECK(Refused("a,b\n1\n", 2).find("header names 2") != std::string::npos);
  CHECK(Refused("a,b\n1,\"open\n2,3\n", 2).find("does not end") != std::string::npos);
  CHECK(Refused("a,b\n1,\"two\" words\n", 2).find("after the end") != std::string::npos);
  CHECK(Refused("a,b\n1,M\xFCller\n", 2).find("UTF-8") != std::string::npos);
  CHECK(Refused(std::string_view("a,b\n1,\0\n", 8), 2).find("UTF-8") != std::string::npos);
  CHECK(Refused("\xFF\xFE"
                "a",
                1)
            .find("UTF-16") != std::string::npos);
  CHECK(Refused(std::string(kMaxCsvBytes + 1, 'a'), 1).find("16 MiB") != std::string::npos);
}

TEST_CASE("however a table is cut or damaged, reading it ends") {
  const std::string whole = "Name;\"No\n te\";x\r\n\"A\"\"da\";1;2\r\n\"B;en\";\"3\n4\";5\r\n";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    static_cast<void>(ParseCsv(whole.substr(0, size)).ok());
    std::string damaged = whole;
    if (size < whole.size()) damaged[size] = '"';
    static_cast<void>(ParseCsv(damaged).ok());
  }
}

}  // namespace
}  // namespace proofline::studio
