// Printing whole lists, page by page.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "cli/output.h"
#include "cli/target.h"
#include "google/protobuf/repeated_field.h"

namespace proofline::cli {

// Gets every page of a list and prints it: as lines of JSON as they come, or as one table at the
// end. `items` takes the things out of a page, `row` makes a row of the table of one. An empty list
// is no error: `none` is said on standard error.
template <typename Service, typename Request, typename Response, typename Item, typename Row>
absl::Status PrintList(Output& output, const Client<Service>& client,
                       grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                       const std::type_identity_t<Request>& request,
                       const google::protobuf::RepeatedPtrField<Item>& (Response::*items)() const,
                       Table table, const Row& row, std::string_view none) {
  bool any = false;
  const absl::Status status = client.ForEachPage(method, request, [&](const Response& page) {
    for (const Item& item : (page.*items)()) {
      any = true;
      if (output.json()) {
        output.Json(item);
      } else {
        table.Add(row(item));
      }
    }
  });
  if (!status.ok()) return status;
  if (!any) {
    output.Note(none);
  } else if (!output.json()) {
    output.Print(table);
  }
  return absl::OkStatus();
}

}  // namespace proofline::cli
