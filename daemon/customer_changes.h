// How customers that are made on this device are looked up and changed.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/catalog_transaction.h"
#include "daemon/record.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace proofline::studio {

class Catalog;

// What ChangeCustomers() lets its caller see and do. Reads see what was stored before.
class CustomerChanges {
 public:
  // What a customer is found by besides its id. Written into keys: never renumber.
  enum class Key { kRequest = 1, kIdentifier = 2, kSubject = 3 };

  CustomerChanges(Catalog& catalog, CatalogTransaction& transaction)
      : catalog_(catalog), transaction_(transaction) {}
  CustomerChanges(const CustomerChanges&) = delete;
  CustomerChanges& operator=(const CustomerChanges&) = delete;

  // Nothing if there is none.
  absl::StatusOr<std::optional<record::Customer>> Get(const std::string& id);
  absl::StatusOr<std::optional<record::Customer>> Find(Key kind, const std::string& key);
  // In place of what there was under the customer's id; it waits for the host.
  absl::Status Store(record::Customer customer);
  google::protobuf::Timestamp Now() const;

 private:
  Catalog& catalog_;
  CatalogTransaction& transaction_;
};

}  // namespace proofline::studio
