// Customers in the catalog, and their way to the host.
#include <spdlog/spdlog.h>

#include <optional>
#include <set>
#include <utility>

#include "daemon/catalog.h"
#include "daemon/catalog_keys.h"
#include "lib/base/digest.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/base/typed_code.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

using Key = CustomerChanges::Key;

absl::StatusOr<record::Customer> ParseCustomer(std::string_view bytes) {
  record::Customer customer;
  if (!customer.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(
        "a customer's record in the catalog is damaged; restore the catalog from a backup");
  }
  return customer;
}

std::string IdOf(const record::Customer& customer) {
  const std::string& name = customer.customer().name();
  return name.substr(name.rfind('/') + 1);
}

bool IsLater(const google::protobuf::Timestamp& a, const google::protobuf::Timestamp& b) {
  return std::pair(a.seconds(), a.nanos()) > std::pair(b.seconds(), b.nanos());
}

std::string KeyOf(Key kind, std::string_view key) {
  return kv::KeyBuilder().Number(static_cast<std::uint64_t>(kind)).Text(key).Take();
}

// What a record makes the other column families hold.
std::vector<std::string> KeysOf(const record::Customer& customer) {
  std::vector<std::string> made;
  const std::optional<std::string> identifier =
      base::NormaliseTypedCode(customer.customer().identifier());
  if (identifier.has_value()) made.push_back(KeyOf(Key::kIdentifier, *identifier));
  if (!customer.request_id().empty()) made.push_back(KeyOf(Key::kRequest, customer.request_id()));
  if (!customer.subject_key().empty()) {
    made.push_back(KeyOf(Key::kSubject, customer.subject_key()));
  }
  return made;
}

}  // namespace

absl::StatusOr<std::optional<record::Customer>> CustomerChanges::Get(const std::string& id) {
  const auto bytes = transaction_.Get(keys::kCustomers, keys::Id(id));
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) return std::nullopt;
  absl::StatusOr<record::Customer> customer = ParseCustomer(**bytes);
  if (!customer.ok()) return customer.status();
  return *std::move(customer);
}

absl::StatusOr<std::optional<record::Customer>> CustomerChanges::Find(Key kind,
                                                                      const std::string& key) {
  const auto id = transaction_.Get(keys::kCustomerKeys, KeyOf(kind, key));
  if (!id.ok()) return id.status();
  if (!id->has_value()) return std::nullopt;
  return Get(**id);
}

std::string SubjectKeyOf(const pb::Share& share) {
  if (!share.galleries().empty() || !share.photos().empty() || share.matches().empty()) return "";
  std::set<std::string> galleries;
  for (const pb::MetadataMatch& match : share.matches()) {
    if (match.field() != "subject" || match.value() != share.matches(0).value()) return "";
    if (!match.gallery().empty()) galleries.insert(match.gallery());
  }
  kv::KeyBuilder key;
  key.Text(share.matches(0).value());
  for (const std::string& gallery : galleries) key.Text(gallery);
  return std::string(base::Sha256Of(key.str()).bytes());
}

absl::Status CustomerChanges::Store(record::Customer customer) {
  google::protobuf::Timestamp& said = *customer.mutable_customer()->mutable_update_time();
  const google::protobuf::Timestamp now = Now();
  if (IsLater(now, said)) {
    said = now;
  } else if (said.nanos() < 999'999'999) {
    said.set_nanos(said.nanos() + 1);  // the clock was set back
  } else {
    said.set_seconds(said.seconds() + 1);
    said.set_nanos(0);
  }
  catalog_.QueueCustomer(customer);
  return catalog_.StoreCustomer(transaction_, customer);
}

google::protobuf::Timestamp CustomerChanges::Now() const { return catalog_.NowMessage(); }

absl::StatusOr<record::Customer> Catalog::GetCustomer(const std::string& id) const {
  const absl::StatusOr<std::string> bytes = database_.Get(keys::kCustomers, keys::Id(id));
  if (absl::IsNotFound(bytes.status())) {
    return rpc::Error(absl::StatusCode::kNotFound,
                      base::Concat("no customer \"", Readable(id, 100),
                                   "\" was made on this device; list its customers to see whom it "
                                   "has"),
                      "CUSTOMER_NOT_FOUND", {{"customer", Readable(id, 100)}});
  }
  if (!bytes.ok()) return bytes.status();
  return ParseCustomer(*bytes);
}

absl::StatusOr<std::vector<record::Customer>> Catalog::ListCustomers(const std::string& start_after,
                                                                     int max) const {
  std::vector<record::Customer> customers;
  absl::Status damage;
  absl::Status status =
      database_.Scan(keys::kCustomers, "", start_after.empty() ? "" : keys::Id(start_after),
                     [&](std::string_view, std::string_view value) {
                       absl::StatusOr<record::Customer> customer = ParseCustomer(value);
                       damage.Update(customer.status());
                       if (!customer.ok()) return false;
                       customers.push_back(*std::move(customer));
                       return static_cast<int>(customers.size()) < max;
                     });
  status.Update(damage);
  if (!status.ok()) return status;
  return customers;
}

absl::Status Catalog::ChangeCustomers(const std::function<absl::Status(CustomerChanges&)>& change) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  CustomerChanges changes(*this, transaction);
  absl::Status status = change(changes);
  if (status.ok() && !transaction.empty()) {
    PutTotals(transaction);
    status = Commit(transaction);
  }
  // Sequences that were given out are not taken back: a commit that failed may yet be found when
  // the store is opened again.
  if (!status.ok()) return status;
  base::KillPoint("studio.customers.changed");
  return absl::OkStatus();
}

void Catalog::QueueCustomer(record::Customer& customer) {
  customer.set_state(pb::LOCAL_CUSTOMER_STATE_WAITING);
  customer.set_sequence(totals_.last_sequence() + 1);
  totals_.set_last_sequence(customer.sequence());
  newest_pending_ = customer.sequence();
}

absl::Status Catalog::StoreCustomer(CatalogTransaction& transaction,
                                    const record::Customer& customer) {
  const std::string id = IdOf(customer);
  const auto bytes = transaction.Get(keys::kCustomers, keys::Id(id));
  if (!bytes.ok()) return bytes.status();
  if (bytes->has_value()) {
    const absl::StatusOr<record::Customer> before = ParseCustomer(**bytes);
    if (!before.ok()) return before.status();
    for (const std::string& key : KeysOf(*before)) transaction.Delete(keys::kCustomerKeys, key);
    if (before->sequence() != 0) {
      transaction.Delete(keys::kPublish,
                         keys::Number(static_cast<std::uint64_t>(before->sequence())));
    }
  }
  for (const std::string& key : KeysOf(customer)) transaction.Put(keys::kCustomerKeys, key, id);
  if (customer.sequence() != 0) {
    record::PendingChange change;
    change.set_customer(id);
    transaction.Put(keys::kPublish, keys::Number(static_cast<std::uint64_t>(customer.sequence())),
                    change.SerializeAsString());
  }
  transaction.Put(keys::kCustomers, keys::Id(id), customer.SerializeAsString());
  return absl::OkStatus();
}

absl::StatusOr<PendingPublish> Catalog::PendingCustomer(std::int64_t sequence,
                                                        const std::string& id) const {
  absl::StatusOr<record::Customer> customer = GetCustomer(id);
  if (!customer.ok()) return customer.status();
  PendingPublish pending;
  pending.sequence = sequence;
  pending.customer = std::move(*customer->mutable_customer());
  // The host has its own.
  pending.customer->clear_create_time();
  return pending;
}

absl::Status Catalog::AcknowledgeCustomer(CatalogTransaction& transaction, const std::string& id,
                                          std::int64_t sequence, const Refusal* refusal) {
  const auto bytes = transaction.Get(keys::kCustomers, keys::Id(id));
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) {
    return absl::DataLossError(base::Concat("the catalog has lost the record of the customer ", id,
                                            "; restore the catalog from a backup"));
  }
  absl::StatusOr<record::Customer> customer = ParseCustomer(**bytes);
  if (!customer.ok()) return customer.status();
  customer->set_sequence(0);
  if (refusal == nullptr) {
    customer->set_state(pb::LOCAL_CUSTOMER_STATE_AT_HOST);
    customer->set_published_sequence(sequence);
  } else if (refusal->reason == "IDENTIFIER_IN_USE") {
    const std::string taken = customer->customer().identifier();
    customer->add_replaced_identifiers(taken);
    customer->mutable_customer()->set_identifier(base::NewTypedCode());
    customer->set_state_message(
        base::Concat("the host had ", taken,
                     " in use for somebody else; it was replaced: give the customer the new "
                     "identifier"));
    QueueCustomer(*customer);
    spdlog::warn("the identifier of the customer {} was in use at the host and is another now", id);
  } else {
    customer->set_state(pb::LOCAL_CUSTOMER_STATE_REFUSED);
    customer->set_state_message(Readable(refusal->message, 2'000));
    spdlog::warn("the host refused the customer {}: {}", id, refusal->message);
  }
  return StoreCustomer(transaction, *customer);
}

absl::StatusOr<bool> Catalog::RememberCustomer(CatalogTransaction& transaction,
                                               const pb::Customer& told) {
  const auto ids = rpc::ParseResourceName("studios/*/customers/*", told.name());
  if (!ids.has_value() || ids->at(0) != options_.device.studio) {
    return absl::InternalError(base::Concat("the host named a customer \"",
                                            Readable(told.name(), 200),
                                            "\", which is no name; look at the host's log"));
  }
  CustomerChanges changes(*this, transaction);
  absl::StatusOr<std::optional<record::Customer>> known = changes.Get(ids->at(1));
  if (!known.ok()) return known.status();
  record::Customer record = known->value_or(record::Customer());
  pb::Customer& customer = *record.mutable_customer();
  if (known->has_value() && !IsLater(told.update_time(), customer.update_time())) return false;
  customer.set_name(told.name());
  customer.set_display_name(told.display_name());
  *customer.mutable_share() = told.share();
  customer.set_revoked(customer.revoked() || told.revoked());
  customer.clear_expire_time();
  if (told.has_expire_time()) *customer.mutable_expire_time() = told.expire_time();
  *customer.mutable_update_time() = told.update_time();
  if (!known->has_value()) {
    *customer.mutable_create_time() = told.create_time();
    record.set_state(pb::LOCAL_CUSTOMER_STATE_AT_HOST);
    // The host had it before the first change that this catalog told it of.
    record.set_published_sequence(1);
    record.set_state_message(
        "it was taken over from the host, which does not know what the customer types: the "
        "identifier that was given out works as before");
  }
  record.clear_subject_key();
  const std::string subject_key = customer.revoked() ? "" : SubjectKeyOf(customer.share());
  if (!subject_key.empty()) {
    const auto other = changes.Find(Key::kSubject, subject_key);
    if (!other.ok()) return other.status();
    const bool is_free = !other->has_value() || IdOf(**other) == ids->at(1);
    if (is_free) record.set_subject_key(subject_key);
  }
  if (absl::Status stored = StoreCustomer(transaction, record); !stored.ok()) return stored;
  return true;
}

absl::Status Catalog::RequeueCustomer(CatalogTransaction& transaction, const std::string& id) {
  absl::StatusOr<std::optional<record::Customer>> customer =
      CustomerChanges(*this, transaction).Get(id);
  if (!customer.ok()) return customer.status();
  if (!customer->has_value()) return absl::OkStatus();
  QueueCustomer(**customer);
  return StoreCustomer(transaction, **customer);
}

absl::Status Catalog::RequeueCustomersAfter(CatalogTransaction& transaction,
                                            std::int64_t last_sequence) {
  std::vector<std::string> lost;
  absl::Status status =
      transaction.Scan(keys::kCustomers, "", [&](std::string_view key, std::string_view value) {
        const absl::StatusOr<record::Customer> customer = ParseCustomer(value);
        const bool is_lost = customer.ok() && customer->sequence() == 0 &&
                             customer->published_sequence() > last_sequence;
        if (is_lost) lost.push_back(keys::IdFrom(key));
        return true;
      });
  for (const std::string& id : lost) {
    if (status.ok()) status = RequeueCustomer(transaction, id);
  }
  return status;
}

}  // namespace proofline::studio
