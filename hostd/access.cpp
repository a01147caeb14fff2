#include "hostd/access.h"

#include <utility>

#include "hostd/record_text.h"
#include "lib/base/digest.h"
#include "lib/base/id.h"
#include "lib/base/text.h"
#include "lib/base/typed_code.h"
#include "lib/rpc/access_key.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

absl::Status UnknownDevice() {
  return rpc::Error(absl::StatusCode::kUnauthenticated,
                    "the host does not know this device key; check the key file, or ask who runs "
                    "the host for a new key",
                    "CREDENTIAL_UNKNOWN");
}

absl::Status SignInFailed() {
  return rpc::Error(absl::StatusCode::kUnauthenticated,
                    "this identifier does not open anything; check it, or ask the studio for a new "
                    "one",
                    "SIGN_IN_FAILED");
}

std::string HashOf(std::string_view secret) { return std::string(base::Sha256Of(secret).bytes()); }

}  // namespace

absl::Status SessionEnded() {
  return rpc::Error(absl::StatusCode::kUnauthenticated, "the session has ended; sign in again",
                    "SESSION_ENDED");
}

Access::Access(Store& store, const base::Clock& clock, IdentifierHasher hasher,
               std::chrono::seconds session_lifetime, const SignInLimits::Options& limits)
    : store_(store),
      clock_(clock),
      hasher_(std::move(hasher)),
      session_lifetime_(session_lifetime),
      limits_(clock, limits) {}

absl::StatusOr<DeviceCaller> Access::CheckDevice(const std::string& key) {
  const std::optional<rpc::AccessKey> parts = rpc::ParseAccessKey(key, 2);
  if (!parts.has_value()) return UnknownDevice();
  DeviceCaller caller{parts->names[0], parts->names[1]};
  const auto found = store_.FindDevice(caller.studio, caller.device);
  if (!found.ok()) return found.status();
  const std::string hash = HashOf(key);
  const std::string held = found->has_value() ? (*found)->key_hash() : HashOf("");
  if (!EqualSecrets(hash, held) || !found->has_value()) return UnknownDevice();
  if ((*found)->device().revoked()) {
    return rpc::Error(absl::StatusCode::kPermissionDenied,
                      base::Concat("the device ", caller.device,
                                   " was revoked; ask who runs the host for a new one"),
                      "DEVICE_REVOKED", {{"device", caller.device}});
  }
  store_.TouchDevice(caller.studio, caller.device);
  return caller;
}

absl::StatusOr<std::string> Access::CreateDevice(pb::Device& device) {
  const auto ids = rpc::ParseResourceName("studios/*/devices/*", device.name());
  if (!ids.has_value()) return absl::InvalidArgumentError("a device needs a name");
  const std::string key = rpc::FormatAccessKey({.names = *ids, .secret = base::NewSecret()});
  absl::StatusOr<pb::Device> made = store_.CreateDevice(device, base::Sha256Of(key));
  if (!made.ok()) return made.status();
  device = *std::move(made);
  return key;
}

google::protobuf::Timestamp Access::Now() const { return TimestampOf(clock_.WallNow()); }

bool Access::IsUsable(const pb::Customer& customer) const {
  if (customer.revoked()) return false;
  return !customer.has_expire_time() || !HasPassed(customer.expire_time(), clock_.WallNow());
}

absl::StatusOr<CustomerCaller> Access::FindByIdentifier(std::string_view typed) const {
  // What cannot be an identifier is looked up all the same, as one that nobody has.
  const std::string hash = hasher_.Hash(base::NormaliseTypedCode(typed).value_or(""));
  const auto claim = store_.FindIdentifier(hash);
  if (!claim.ok()) return claim.status();
  CustomerCaller caller;
  if (claim->has_value()) {
    caller.studio = (*claim)->studio();
    caller.customer = (*claim)->customer();
  }
  auto customer = store_.FindCustomer(caller.studio, caller.customer);
  if (!customer.ok()) return customer.status();
  const std::string held =
      customer->has_value() ? (*customer)->identifier_hash() : std::string(hash.size(), '\0');
  if (!EqualSecrets(hash, held) || !customer->has_value()) return SignInFailed();
  caller.identifier_hash = hash;
  caller.record = std::move(*(*customer)->mutable_customer());
  if (!IsUsable(caller.record)) return SignInFailed();
  return caller;
}

absl::StatusOr<NewSession> Access::SignIn(std::string_view typed_identifier,
                                          const std::string& address) {
  if (absl::Status allowed = limits_.Take(address); !allowed.ok()) return allowed;
  absl::StatusOr<CustomerCaller> caller = FindByIdentifier(typed_identifier);
  if (!caller.ok()) return caller.status();
  limits_.GiveBack(address);

  NewSession session;
  session.token = rpc::FormatAccessKey({.names = {caller->studio}, .secret = base::NewSecret()});
  session.expire_time = TimestampOf(clock_.WallNow() + session_lifetime_);
  const pb::Customer& customer = caller->record;
  if (customer.has_expire_time() && Earlier(customer.expire_time(), session.expire_time)) {
    session.expire_time = customer.expire_time();
  }
  record::SessionRecord record;
  record.set_customer(caller->customer);
  record.set_identifier_hash(caller->identifier_hash);
  *record.mutable_expire_time() = session.expire_time;
  absl::Status stored = store_.CreateSession(caller->studio, HashOf(session.token), record);
  if (!stored.ok()) return stored;
  session.customer = std::move(caller->record);
  return session;
}

absl::StatusOr<CustomerCaller> Access::CheckSession(const std::string& token) const {
  const std::optional<rpc::AccessKey> parts = rpc::ParseAccessKey(token, 1);
  if (!parts.has_value()) return SessionEnded();
  CustomerCaller caller;
  caller.studio = parts->names[0];
  caller.session_key = HashOf(token);
  const auto session = store_.FindSession(caller.studio, caller.session_key);
  if (!session.ok()) return session.status();
  if (!session->has_value() || HasPassed((*session)->expire_time(), clock_.WallNow())) {
    return SessionEnded();
  }
  caller.customer = (*session)->customer();
  auto customer = store_.FindCustomer(caller.studio, caller.customer);
  if (!customer.ok()) return customer.status();
  if (!customer->has_value() || !IsUsable((*customer)->customer())) return SessionEnded();
  const std::string& opened_by = (*session)->identifier_hash();
  if (!opened_by.empty() && opened_by != (*customer)->identifier_hash()) return SessionEnded();
  caller.record = std::move(*(*customer)->mutable_customer());
  return caller;
}

absl::Status Access::SignOut(const CustomerCaller& caller) {
  return store_.DeleteSession(caller.studio, caller.session_key);
}

absl::StatusOr<std::string> Access::HashIdentifier(std::string_view typed) const {
  const std::optional<std::string> normalised = base::NormaliseTypedCode(typed);
  if (!normalised.has_value()) {
    return rpc::Error(absl::StatusCode::kInvalidArgument,
                      "an identifier has 8 to 64 letters and digits; take a longer one, or leave "
                      "it empty for a random one",
                      "IDENTIFIER_INVALID");
  }
  return hasher_.Hash(*normalised);
}

absl::StatusOr<pb::Customer> Access::CreateCustomer(pb::Customer customer) {
  if (customer.identifier().empty()) customer.set_identifier(base::NewTypedCode());
  const absl::StatusOr<std::string> hash = HashIdentifier(customer.identifier());
  if (!hash.ok()) return hash.status();
  const std::string identifier = customer.identifier();
  absl::StatusOr<pb::Customer> made = store_.CreateCustomer(std::move(customer), *hash);
  if (made.ok()) made->set_identifier(identifier);
  return made;
}

}  // namespace proofline::host
