#include "hostd/identifier_claims.h"

#include <map>
#include <mutex>

#include "lib/kv/key.h"

namespace proofline::host {

struct IdentifierClaims::Held {
  struct Holder {
    std::string customer;
    int claims = 0;
  };

  void Release(const std::string& hash) {
    const std::lock_guard lock(mutex);
    const auto at = holders.find(hash);
    if (--at->second.claims == 0) holders.erase(at);
  }

  std::mutex mutex;
  std::map<std::string, Holder> holders;  // by hash
};

IdentifierClaims::IdentifierClaims() : held_(std::make_shared<Held>()) {}

IdentifierClaim IdentifierClaims::Take(std::string_view studio, std::string_view customer,
                                       std::string_view identifier_hash) {
  const std::string who = kv::KeyBuilder().Text(studio).Text(customer).Take();
  const std::string hash(identifier_hash);
  {
    const std::lock_guard lock(held_->mutex);
    Held::Holder& holder = held_->holders[hash];
    if (holder.claims > 0 && holder.customer != who) return nullptr;
    holder.customer = who;
    ++holder.claims;
  }
  return IdentifierClaim(this, [held = held_, hash](const void*) { held->Release(hash); });
}

}  // namespace proofline::host
