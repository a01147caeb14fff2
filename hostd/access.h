// Who is calling: devices by their key, customers by their identifier and then by their session.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostd/customer_identifier.h"
#include "hostd/sign_in_limits.h"
#include "hostd/store.h"
#include "lib/base/clock.h"

namespace proofline::host {

struct DeviceCaller {
  std::string studio;
  std::string device;
};

// The customer of a live session.
struct CustomerCaller {
  std::string studio;
  std::string customer;     // id
  std::string session_key;  // hash of the token, for ending the session
  // Of what was typed; set by signing in alone.
  std::string identifier_hash;
  proofline::v1::Customer record;
};

struct NewSession {
  std::string token;
  google::protobuf::Timestamp expire_time;
  proofline::v1::Customer customer;
};

// Why a call or stream of a customer ends whose session has: Unauthenticated (SESSION_ENDED).
absl::Status SessionEnded();

// Thread-safe; blocks on the disk. The store and the clock must outlive it. Secrets are never
// logged nor part of an error.
class Access {
 public:
  Access(Store& store, const base::Clock& clock, IdentifierHasher hasher,
         std::chrono::seconds session_lifetime, const SignInLimits::Options& limits = {});

  // Unauthenticated (CREDENTIAL_UNKNOWN) for a key that is none, PermissionDenied (DEVICE_REVOKED)
  // for a revoked one.
  absl::StatusOr<DeviceCaller> CheckDevice(const std::string& key);
  // Makes a device and its key, which is known to the caller alone.
  absl::StatusOr<std::string> CreateDevice(proofline::v1::Device& device);

  // Every miss (unknown, revoked, expired, unreadable) is Unauthenticated, reason SIGN_IN_FAILED,
  // after the same reads. Too many tries from `address`: ResourceExhausted.
  absl::StatusOr<NewSession> SignIn(std::string_view typed_identifier, const std::string& address);
  // Unauthenticated (SESSION_ENDED) unless the session lives and its customer's identifier does.
  absl::StatusOr<CustomerCaller> CheckSession(const std::string& token) const;
  absl::Status SignOut(const CustomerCaller& caller);

  // Makes a customer; `customer.identifier` is the studio's, or made here if empty, and stands in
  // the answer. InvalidArgument (IDENTIFIER_INVALID) for one that is too short.
  absl::StatusOr<proofline::v1::Customer> CreateCustomer(proofline::v1::Customer customer);
  // The hash that the store knows an identifier by; InvalidArgument (IDENTIFIER_INVALID).
  absl::StatusOr<std::string> HashIdentifier(std::string_view typed) const;

  // The clock's time, for records.
  google::protobuf::Timestamp Now() const;

 private:
  // Reads what there is to read, in the same way for every identifier.
  absl::StatusOr<CustomerCaller> FindByIdentifier(std::string_view typed) const;
  bool IsUsable(const proofline::v1::Customer& customer) const;

  Store& store_;
  const base::Clock& clock_;
  const IdentifierHasher hasher_;
  const std::chrono::seconds session_lifetime_;
  SignInLimits limits_;
};

}  // namespace proofline::host
