// Between the files about customers of the studio group.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/output.h"
#include "cli/studio_verbs.h"

namespace proofline::cli {

struct LocalCustomer {
  v1::Customer customer;
  v1::LocalCustomerStatus status;
};

// Every customer of the device, by name.
absl::StatusOr<std::vector<LocalCustomer>> AllCustomers(const StudioClient& client);

// As a table, as lines of JSON, or into the file `csv` (- is standard output) if it is not empty;
// with --json into that file and as lines of JSON.
absl::Status PrintCustomers(Output& output, const std::vector<LocalCustomer>& customers,
                            const std::string& csv);

// Says so when an identifier stops working at a time that has passed.
void NotePast(Output& output, const google::protobuf::Timestamp& time);

// `share`.
void AddStudioShareVerb(CLI::App& group, Program& program,
                        const std::shared_ptr<StudioTarget>& target);

}  // namespace proofline::cli
