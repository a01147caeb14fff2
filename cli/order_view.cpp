#include "cli/order_view.h"

#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {

Table OrderTable() { return Table({"ORDER", "STATE", ">LINES", ">PRINTS", "CREATED", "MESSAGE"}); }

std::vector<std::string> OrderRow(const v1::Order& order, std::size_t name_from) {
  std::int64_t prints = 0;
  for (const v1::OrderLine& line : order.lines()) prints += line.quantity();
  return {ShortName(order.name(), name_from), Word(order.state()),
          std::to_string(order.lines_size()), std::to_string(prints),
          LocalTime(order.create_time()),     order.state_message()};
}

std::string StateChangeText(const v1::OrderStateChange& change) {
  std::string text = base::Concat(LocalTime(change.time()), "  ", Word(change.state()));
  if (!change.message().empty()) text += base::Concat("  ", change.message());
  return text;
}

void PrintOrder(Output& output, const v1::Order& order) {
  if (output.json()) {
    output.Json(order);
    return;
  }
  output.Print(Facts{{"order", order.name()},
                     {"state", Word(order.state())},
                     {"message", order.state_message()},
                     {"customer", order.customer()},
                     {"note", order.note()},
                     {"created", LocalTime(order.create_time())},
                     {"updated", LocalTime(order.update_time())}});
  Table lines({">LINE", "PHOTO", "PRODUCT", ">QUANTITY", "CROP", "EDIT", "STATE", "MESSAGE"});
  for (const v1::OrderLine& line : order.lines()) {
    std::string message = line.state_message();
    if (!line.warning().empty()) {
      message += base::Concat(message.empty() ? "" : "; ", "warning: ", line.warning());
    }
    lines.Add({std::to_string(line.line_number()), ShortName(line.photo(), 1),
               ShortName(line.product(), 1), std::to_string(line.quantity()),
               line.has_print_crop() ? CropText(line.print_crop()) : "", EditText(line.edit()),
               Word(line.state()), message});
  }
  output.Line("");
  output.Print(lines);
  if (order.shares_size() > 0) {
    Table shares({"DEVICE", "LAB", "JOB", "STATE", "MESSAGE"});
    for (const v1::OrderShare& share : order.shares()) {
      shares.Add({LastId(share.device()), LastId(share.lab()), LastId(share.job()),
                  Word(share.state()), share.state_message()});
    }
    output.Line("");
    output.Print(shares);
  }
  if (order.history_size() > 0) output.Line("");
  for (const v1::OrderStateChange& change : order.history()) {
    output.Line(Printable(StateChangeText(change)));
  }
}

}  // namespace proofline::cli
