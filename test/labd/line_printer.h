// A lab with a real IPP printer.
#pragma once

#include <string>

#include "test/labd/lab_process.h"
#include "test/labd/printer_process.h"
#include "test/temp_dir.h"

namespace proofline::test {

// One printer table; products name it by its id.
inline std::string PrinterTable(const std::string& id, const std::string& uri) {
  return "[[printer]]\nid = \"" + id + "\"\nkind = \"ipp\"\nuri = \"" + uri + "\"\n";
}
inline std::string ProductTable(const std::string& id, const std::string& paper,
                                const std::string& printers, const std::string& more = "") {
  return "[[product]]\nid = \"" + id + "\"\nname = \"" + id + "\"\npaper = \"" + paper +
         "\"\nprinters = [" + printers + "]\n" + more;
}

struct LabAndPrinter {
  TempDir folder;
  PrinterProcess printer{folder / "printer", PROOFLINE_PRINTER_PROFILE};
  LabProcess lab{folder / "lab",
                 PrinterTable("photo", printer.uri()) +
                     ProductTable("p4x6", "4x6in", "\"photo\"", "surface = \"glossy\"\n") +
                     ProductTable("p8x10", "8x10in", "\"photo\"", "border = \"5mm\"\n") +
                     ProductTable("square", "6x6in", "\"photo\"")};
  const std::string picture = Picture(300, 200);

  // Pages begun for an order, copies counted.
  int PagesOf(const std::string& order) const {
    int pages = 0;
    for (const PrintedPage& page : printer.Pages()) {
      if (page.job_name.starts_with(order + "-")) pages += page.copies;
    }
    return pages;
  }
  pb::Job BringAndWait(const std::string& order, pb::JobState state, int quantity = 1) {
    const std::string name =
        lab.Bring(LabProcess::Request(order, {picture}, "p4x6", quantity), {picture});
    return lab.WaitForState(name, state);
  }
};

}  // namespace proofline::test
