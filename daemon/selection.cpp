#include "daemon/selection.h"

namespace proofline::studio {

Selection Select(const PhotoFacts& /*photo*/, const Preferences& preferences) {
  return {.renditions = {preferences.thumbnail, preferences.proof},
          .sent = true,
          .rule = 0,
          .reason = "every photo gets a thumbnail and a proof and is sent to the host"};
}

}  // namespace proofline::studio
