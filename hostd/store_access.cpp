// Customers, what they type, and their sessions.
#include "hostd/record_text.h"
#include "hostd/store.h"
#include "hostd/store_internal.h"
#include "hostd/store_keys.h"
#include "lib/base/text.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

// A claim whose customer was never stored (the host died in between) may be taken over after this.
constexpr std::int64_t kClaimSeconds = 60;
constexpr int kDroppedAtOnce = 8;

absl::Status NoCustomer(std::string_view studio, std::string_view customer) {
  return rpc::Error(absl::StatusCode::kNotFound,
                    base::Concat("the studio ", studio, " has no customer ", customer,
                                 "; list its customers to see whom it has"),
                    "CUSTOMER_NOT_FOUND",
                    {{"studio", std::string(studio)}, {"customer", std::string(customer)}});
}

absl::Status IdentifierInUse() {
  return rpc::Error(absl::StatusCode::kAlreadyExists,
                    "the identifier is in use; choose another one, or leave it empty for a random "
                    "one",
                    "IDENTIFIER_IN_USE");
}

std::uint64_t EndSeconds(const record::SessionRecord& session) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(session.expire_time().seconds(), 0));
}

}  // namespace

absl::StatusOr<std::optional<record::CustomerRecord>> Store::FindCustomer(
    std::string_view studio, std::string_view customer) const {
  return Find<record::CustomerRecord>(keys::Customer(studio, customer));
}

absl::StatusOr<std::optional<record::IdentifierRecord>> Store::FindIdentifier(
    std::string_view identifier_hash) const {
  return Find<record::IdentifierRecord>(keys::Identifier(identifier_hash));
}

absl::StatusOr<bool> Store::HasIdentifiers() const {
  bool any = false;
  const absl::Status scanned = database_->Scan(keys::kRecords, keys::Identifiers(), "",
                                               [&](std::string_view, std::string_view) {
                                                 any = true;
                                                 return false;
                                               });
  if (!scanned.ok()) return scanned;
  return any;
}

absl::StatusOr<IdentifierClaim> Store::ClaimIdentifier(std::string_view studio,
                                                       std::string_view customer,
                                                       std::string_view identifier_hash) {
  IdentifierClaim held = claims_.Take(studio, customer, identifier_hash);
  if (held == nullptr) return IdentifierInUse();
  const absl::Status claimed = writer_->Run(keys::kHostPartition, [&](Transaction& tx) {
    const std::string key = keys::Identifier(identifier_hash);
    const auto existing = tx.GetRecord<record::IdentifierRecord>(keys::kRecords, key);
    if (!existing.ok()) return existing.status();
    if (existing->has_value()) {
      const record::IdentifierRecord& claim = **existing;
      if (claim.studio() == studio && claim.customer() == customer) return absl::OkStatus();
      const auto holder = FindCustomer(claim.studio(), claim.customer());
      if (!holder.ok()) return holder.status();
      const bool is_held = holder->has_value() && (*holder)->identifier_hash() == identifier_hash;
      const bool is_fresh = NowStamp().seconds() - claim.claim_time().seconds() < kClaimSeconds;
      if (is_held || is_fresh) return IdentifierInUse();
    }
    record::IdentifierRecord claim;
    claim.set_studio(std::string(studio));
    claim.set_customer(std::string(customer));
    *claim.mutable_claim_time() = NowStamp();
    tx.PutRecord(keys::kRecords, key, claim);
    return absl::OkStatus();
  });
  if (!claimed.ok()) return claimed;
  return held;
}

absl::Status CheckClaim(const Transaction& tx, std::string_view studio, std::string_view customer,
                        std::string_view identifier_hash) {
  const auto claim =
      tx.GetRecord<record::IdentifierRecord>(keys::kRecords, keys::Identifier(identifier_hash));
  if (!claim.ok()) return claim.status();
  const bool is_ours =
      claim->has_value() && (*claim)->studio() == studio && (*claim)->customer() == customer;
  return is_ours ? absl::OkStatus() : IdentifierInUse();
}

absl::StatusOr<pb::Customer> Store::CreateCustomer(pb::Customer customer,
                                                   std::string_view identifier_hash) {
  const auto ids = rpc::ParseResourceName("studios/*/customers/*", customer.name());
  PROOFLINE_CHECK(ids.has_value(), "a customer has a name");
  const std::string& studio = ids->at(0);
  const std::string& id = ids->at(1);
  if (const auto known = GetStudio(studio); !known.ok()) return known.status();
  const auto taken = [&] {
    return rpc::Error(absl::StatusCode::kAlreadyExists,
                      base::Concat("the studio ", studio, " has a customer ", id,
                                   " already; choose another name, or leave it empty"),
                      "CUSTOMER_EXISTS", {{"studio", studio}, {"customer", id}});
  };
  // Before the claim, so that a name in use leaves no claim behind.
  const auto existing = FindCustomer(studio, id);
  if (!existing.ok()) return existing.status();
  if (existing->has_value()) return taken();
  // Held until the customer is durable.
  const absl::StatusOr<IdentifierClaim> claim = ClaimIdentifier(studio, id, identifier_hash);
  if (!claim.ok()) return claim.status();
  customer.clear_identifier();
  *customer.mutable_create_time() = NowStamp();
  const absl::Status status = writer_->Run(studio, [&](Transaction& tx) {
    const std::string key = keys::Customer(studio, id);
    const auto now_there = tx.GetRecord<record::CustomerRecord>(keys::kRecords, key);
    if (!now_there.ok()) return now_there.status();
    if (now_there->has_value()) return taken();
    if (absl::Status ours = CheckClaim(tx, studio, id, identifier_hash); !ours.ok()) return ours;
    auto counters = tx.GetRecord<record::CountersRecord>(keys::kRecords, keys::Counters(studio));
    if (!counters.ok()) return counters.status();
    record::CountersRecord figures = counters->value_or(record::CountersRecord());
    figures.set_customers(figures.customers() + 1);
    record::CustomerRecord record;
    *record.mutable_customer() = customer;
    record.set_identifier_hash(std::string(identifier_hash));
    tx.PutRecord(keys::kRecords, key, record);
    tx.PutRecord(keys::kRecords, keys::Counters(studio), figures);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return customer;
}

absl::StatusOr<pb::Customer> Store::GetCustomer(std::string_view studio,
                                                std::string_view customer) const {
  auto found = FindCustomer(studio, customer);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return NoCustomer(studio, customer);
  return std::move(*(*found)->mutable_customer());
}

absl::StatusOr<Page<pb::Customer>> Store::ListCustomers(std::string_view studio,
                                                        std::string_view after, int limit) const {
  if (const auto known = GetStudio(studio); !known.ok()) return known.status();
  return ReadPage<record::CustomerRecord, pb::Customer>(
      *database_, keys::Customers(studio), after.empty() ? "" : keys::Customer(studio, after),
      limit,
      [](const record::CustomerRecord& record) -> absl::StatusOr<pb::Customer> {
        return record.customer();
      },
      [](const pb::Customer& customer) { return std::string(LastPart(customer.name())); });
}

absl::StatusOr<Page<pb::Customer>> Store::ListDeviceCustomers(std::string_view studio,
                                                              std::string_view device,
                                                              std::string_view after,
                                                              int limit) const {
  const std::string name =
      rpc::MakeResourceName("studios/*/devices/*", {std::string(studio), std::string(device)});
  return ReadSparsePage<record::CustomerRecord, pb::Customer>(
      *database_, keys::Customers(studio), after.empty() ? "" : keys::Customer(studio, after),
      limit, [&](const record::CustomerRecord& record) { return record.device() == name; },
      [](record::CustomerRecord record) { return std::move(*record.mutable_customer()); });
}

absl::StatusOr<pb::Customer> Store::UpdateCustomer(
    std::string_view studio, std::string_view customer,
    const std::function<absl::Status(pb::Customer&)>& change) {
  pb::Customer result;
  const absl::Status status = writer_->Run(studio, [&](Transaction& tx) {
    const std::string key = keys::Customer(studio, customer);
    auto existing = tx.GetRecord<record::CustomerRecord>(keys::kRecords, key);
    if (!existing.ok()) return existing.status();
    if (!existing->has_value()) return NoCustomer(studio, customer);
    record::CustomerRecord record = *std::move(*existing);
    if (absl::Status changed = change(*record.mutable_customer()); !changed.ok()) return changed;
    *record.mutable_customer()->mutable_update_time() = NowStamp();
    tx.PutRecord(keys::kRecords, key, record);
    result = record.customer();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return result;
}

absl::Status Store::DropEndedSessions(Transaction& tx, std::string_view studio) const {
  const std::uint64_t now = static_cast<std::uint64_t>(NowStamp().seconds());
  int dropped = 0;
  // What is durable is enough: a session that ends is older than whatever waits to be written.
  return database_->Scan(keys::kRecords, keys::SessionEnds(studio), "",
                         [&](std::string_view key, std::string_view token_hash) {
                           if (keys::SecondsOfSessionEnd(key) >= now) return false;
                           tx.Delete(keys::kRecords, keys::Session(studio, token_hash));
                           tx.Delete(keys::kRecords, key);
                           return ++dropped < kDroppedAtOnce;
                         });
}

absl::Status Store::CreateSession(std::string_view studio, std::string_view token_hash,
                                  const record::SessionRecord& session) {
  return writer_->Run(studio, [&](Transaction& tx) {
    const std::string customer_key = keys::Customer(studio, session.customer());
    auto customer = tx.GetRecord<record::CustomerRecord>(keys::kRecords, customer_key);
    if (!customer.ok()) return customer.status();
    if (!customer->has_value()) return NoCustomer(studio, session.customer());
    if (absl::Status dropped = DropEndedSessions(tx, studio); !dropped.ok()) return dropped;
    *(*customer)->mutable_customer()->mutable_last_sign_in_time() = NowStamp();
    tx.PutRecord(keys::kRecords, customer_key, **customer);
    tx.PutRecord(keys::kRecords, keys::Session(studio, token_hash), session);
    tx.Put(keys::kRecords, keys::SessionEnd(studio, EndSeconds(session), token_hash),
           std::string(token_hash));
    return absl::OkStatus();
  });
}

absl::StatusOr<std::optional<record::SessionRecord>> Store::FindSession(
    std::string_view studio, std::string_view token_hash) const {
  return Find<record::SessionRecord>(keys::Session(studio, token_hash));
}

absl::Status Store::DeleteSession(std::string_view studio, std::string_view token_hash) {
  return writer_->Run(studio, [&](Transaction& tx) {
    const std::string key = keys::Session(studio, token_hash);
    const auto session = tx.GetRecord<record::SessionRecord>(keys::kRecords, key);
    if (!session.ok()) return session.status();
    if (!session->has_value()) return absl::OkStatus();
    tx.Delete(keys::kRecords, key);
    tx.Delete(keys::kRecords, keys::SessionEnd(studio, EndSeconds(**session), token_hash));
    return absl::OkStatus();
  });
}

}  // namespace proofline::host
