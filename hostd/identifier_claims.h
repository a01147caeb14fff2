// Identifiers that are being given to customers at this moment.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace proofline::host {

// Holds an identifier for one customer while it lives. Any thread may drop it.
using IdentifierClaim = std::shared_ptr<const void>;

// Who looks whether an identifier is free and stores a customer with it later must hold a claim
// from before the first until after the second: the two are changes of different partitions, and
// anything may happen in between. Thread-safe; claims may outlive it.
class IdentifierClaims {
 public:
  IdentifierClaims();

  // Null while another customer holds it. The same customer may hold it more than once.
  IdentifierClaim Take(std::string_view studio, std::string_view customer,
                       std::string_view identifier_hash);

 private:
  struct Held;

  std::shared_ptr<Held> held_;
};

}  // namespace proofline::host
