// Customers that the photographer makes on this device.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/catalog.h"
#include "proofline/v1/studio_control_service.pb.h"

namespace proofline::studio {

// Makes and changes customers in the catalog, which brings them to the host. Nothing here needs the
// host: identifiers are made on the device, and should the host have one in use the catalog gives
// the customer another. Thread-safe; blocks on the disk. The catalog must outlive it.
class CustomerBook {
 public:
  explicit CustomerBook(Catalog& catalog) : catalog_(catalog) {}

  // One customer, durable and with its identifier. The same request id gets the same customer.
  // InvalidArgument and AlreadyExists as ShareWithCustomer has them.
  absl::StatusOr<v1::Customer> Share(const v1::ShareWithCustomerRequest& request);

  // One customer for each subject, all durable together. `galleries` are full names; none: all.
  absl::StatusOr<v1::ShareBySubjectResponse> ShareSubjects(
      const std::vector<v1::SubjectName>& subjects, std::vector<std::string> galleries,
      const v1::ShareBySubjectRequest& request);

  // NotFound, InvalidArgument and FailedPrecondition as UpdateLocalCustomer has them.
  absl::StatusOr<v1::Customer> Update(const v1::UpdateLocalCustomerRequest& request);

 private:
  absl::Status CheckShare(const v1::Share& share) const;
  absl::Status CheckCustomer(const v1::Customer& customer) const;
  absl::Status CheckExpiry(const google::protobuf::Timestamp& time) const;
  std::string NewName() const;

  Catalog& catalog_;
};

}  // namespace proofline::studio
